/**
 * Tokens in texts: whatever is written of a command, a setting or a fault, a whole token is not shown.
 *
 * @module
 */

/** A whole token; a name or a path that only begins like one stays. */
const TOKEN_RULE = /smq_[\w-]{43,}/g;

/** Leaves only the beginning of each whole token in a text. */
export function hideWholeTokens(text: string): string {
  return text.includes("smq_") ? text.replaceAll(TOKEN_RULE, "smq_…") : text;
}

/** Whether there is a whole token in a text. */
export function hasWholeToken(text: string): boolean {
  return hideWholeTokens(text) !== text;
}

/** The most causes behind each other that are looked at; a longer row, or a ring of them, is left out. */
const CAUSES_MAX = 10;

/** The cause of an error that is told, unless it or its own causes show a token. */
export function keepCause({ cause }: ErrorOptions): ErrorOptions {
  let next = cause;
  for (let count = 0; next !== undefined; count++) {
    const text = next instanceof Error ? `${next.message} ${next.stack}` : String(next);
    if (count === CAUSES_MAX || hasWholeToken(text)) return {};
    next = next instanceof Error ? next.cause : undefined;
  }
  return cause === undefined ? {} : { cause };
}
