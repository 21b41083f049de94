/**
 * What Deno says when a program may not do something, as a line that names the flag to add.
 *
 * @module
 */

/** What Deno says; the words in front of it are kept. */
const REFUSAL = /Requires (\w+) access to "([^"]*)", run again with the --allow-\w+ flag/;

/** The broker's own variables; a flag that names them all is shorter. */
const VARIABLES = "SIMPLEMQ_*";

/**
 * Names the flag to add in a text that says that something is not allowed; other texts stay as they are.
 *
 * @param text What went wrong.
 */
export function nameMissingFlag(text: string): string {
  const directory = /^Cannot use (.+?): /.exec(text)?.[1];
  return text.replace(REFUSAL, (_, kind: string, what: string) => {
    let value = what;
    if (kind === "env" && what.startsWith("SIMPLEMQ_")) value = VARIABLES;
    // Other files of the journal's directory are wanted after this one.
    if (directory !== undefined && what.startsWith(`${directory}/`)) value = directory;
    return `${kind} access to "${what}" is not allowed; add --allow-${kind}=${value}`;
  });
}

/** Tells which flag is missing, if that is why something has failed. */
export function explainMissingPermission(error: unknown): string | undefined {
  return error instanceof Deno.errors.NotCapable ? nameMissingFlag(error.message) : undefined;
}
