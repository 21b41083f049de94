import { runtime } from "./runtime.ts";

/** The variables that say what options of `connect` do not say. */
export type VariableName = "SIMPLEMQ_SERVER" | "SIMPLEMQ_TOKEN" | "SIMPLEMQ_TOKEN_FILE";

/**
 * Reads a variable of the environment. Without the permission for it there is none: nobody is asked.
 *
 * @returns Its text without spaces around it; `undefined` if it is empty.
 */
export function readVariable(variable: VariableName): string | undefined {
  const text = findVariable(variable)?.trim();
  return text === "" ? undefined : text;
}

function findVariable(variable: VariableName): string | undefined {
  if (typeof Deno === "undefined") return runtime.process?.env[variable];
  if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return undefined;
  return Deno.env.get(variable);
}
