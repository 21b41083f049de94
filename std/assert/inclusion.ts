/**
 * Assertions that a text or a list contains something.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { show } from "./difference.ts";
import { equal } from "./equal.ts";

/** A list of some kind that is not a text. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/**
 * Asserts that a text contains another.
 *
 * @param actual The text.
 * @param expected What it must contain.
 * @param msg What to add to the message.
 */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) throw missingError(actual, "contain", expected, msg);
}

/**
 * Asserts that a text matches a pattern.
 *
 * @param actual The text.
 * @param expected The pattern.
 * @param msg What to add to the message.
 */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) throw missingError(actual, "match", expected, msg);
}

/**
 * Asserts that a list contains everything that another one has, in any order.
 *
 * @param actual The list.
 * @param expected What it must contain.
 * @param msg What to add to the message.
 */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const found = Array.from(actual);
  const missing = Array.from(expected).filter((value) => !found.some((one) => equal(one, value)));
  if (missing.length > 0) throw missingError(found, "contain", missing, msg);
}

function missingError(actual: unknown, verb: string, expected: unknown, msg?: string): Error {
  return new AssertionError(
    `Expected ${show(actual)} to ${verb} ${show(expected)}${msg ? `: ${msg}` : ""}`,
  );
}
