/**
 * Values that people or programs have written: how messages show them.
 *
 * @module
 */

/** The longest text that messages show, in characters. */
const SHOWN_LENGTH_MAX = 60;

/** What may be a token that stands at a wrong place. */
const TOKEN_RULE = /smq_[\w-]*/g;

/** Shows what was found, in a few words on one line, and never a token. */
export function describe(value: unknown): string {
  if (value === undefined || value === null || value === "") return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a group";
  if (typeof value !== "string") return String(value).slice(0, SHOWN_LENGTH_MAX);
  const text = hideTokens(value);
  return JSON.stringify(
    text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text,
  );
}

/** Leaves only the beginning of each token in a text. */
export function hideTokens(text: string): string {
  return text.replaceAll(TOKEN_RULE, "smq_…");
}

/** The first line of an error's message, which may show a part of a file, but never a token. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return hideTokens((text.split("\n")[0] ?? text).replace(/:$/, ""));
}

/** Whether a value is an object with nothing but fields of its own. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
