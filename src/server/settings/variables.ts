import { findNearest } from "../../protocol/spelling.ts";
import { SETTING_ROWS } from "./setting_table.ts";

const PREFIX = "SIMPLEMQ_";

/** The variable that names the file, as `--settings` does. */
export const FILE_VARIABLE = "SIMPLEMQ_SETTINGS";
const CLIENT_VARIABLES = [
  "SIMPLEMQ_SERVER",
  "SIMPLEMQ_TOKEN",
  "SIMPLEMQ_TOKEN_FILE",
  "SIMPLEMQ_CA",
];

/**
 * What Kubernetes sets in every container beside a service whose name begins with `simplemq`:
 * `SIMPLEMQ_SERVICE_HOST`, `SIMPLEMQ_SERVICE_PORT_SMQ`, `SIMPLEMQ_PORT_9090_TCP_ADDR` …
 */
const KUBERNETES_RULE = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?$/;

/** The broker's variables, by the name of the setting in the file. */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ...SETTING_ROWS.map(({ key, variable }) => [key, variable] as const),
  ["settings", FILE_VARIABLE],
]);

/** What the environment says. */
export interface Environment {
  readonly env: (name: string) => string | undefined;
  /** The names of all variables; without it, slips in them are not found. */
  readonly variables?: readonly string[];
}

/** Whether a value comes from Kubernetes, which sets `SIMPLEMQ_PORT` beside a service `simplemq`. */
export function isFromKubernetes(value: string): boolean {
  return /^(tcp|udp|sctp):\/\//.test(value);
}

/** Finds what in the environment is passed over, and may not be meant so. */
export function findWarnings({ env, variables = [] }: Environment): string[] {
  const warnings: string[] = [];
  for (const { variable } of SETTING_ROWS) {
    const value = env(variable) ?? "";
    if (!isFromKubernetes(value)) continue;
    warnings.push(
      `${variable} is ${JSON.stringify(value)}, which Kubernetes sets for a service: ` +
        `it is not the broker's setting, and is passed over`,
    );
  }
  const known = new Set([...KNOWN.values(), ...CLIENT_VARIABLES]);
  for (const name of variables) {
    if (!name.startsWith(PREFIX) || known.has(name) || KUBERNETES_RULE.test(name)) continue;
    const nearest = findNearest(name.slice(PREFIX.length), KNOWN.keys());
    if (nearest === undefined || isFromKubernetes(env(name) ?? "")) continue;
    const variable = KNOWN.get(nearest);
    warnings.push(`there is no variable ${name}, the nearest known one is ${variable}`);
  }
  return warnings;
}
