/**
 * The names of options, of which a slip should not be passed over without a word.
 *
 * @module
 */

import { findNearest } from "../../protocol/spelling.ts";

/**
 * Finds out whether options are known ones.
 *
 * @param options What was given.
 * @param names The known names.
 * @param action What cannot be done otherwise, such as `Cannot publish`.
 * @returns What to throw if they are no object, or one of them is none of these.
 */
export function findOptionMistake(
  options: object,
  names: readonly string[],
  action: string,
): TypeError | undefined {
  if (typeof options !== "object" || options === null) {
    const found = options === null ? "null" : typeof options;
    return new TypeError(`${action}: options are an object, found ${found}`);
  }
  for (const name in options) {
    if (names.includes(name) || (options as Record<string, unknown>)[name] === undefined) continue;
    const nearest = findNearest(name, names);
    const hint = nearest === undefined ? `known are ${names.join(", ")}` : `is ${nearest} meant?`;
    return new TypeError(`${action}: there is no option "${name}"; ${hint}`);
  }
  return undefined;
}

/**
 * Checks that options are known ones.
 *
 * @throws {TypeError} What {@linkcode findOptionMistake} finds.
 */
export function checkOptionNames(options: object, names: readonly string[], action: string): void {
  const mistake = findOptionMistake(options, names, action);
  if (mistake !== undefined) throw mistake;
}
