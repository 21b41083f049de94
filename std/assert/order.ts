/**
 * Assertions on the order of two values.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { show } from "./difference.ts";

/**
 * Asserts that a value is greater than another.
 *
 * @param actual The value.
 * @param expected What it must be greater than.
 * @param msg What to say if it is not.
 */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) throw orderError(actual, ">", expected, msg);
}

/**
 * Asserts that a value is greater than another, or equal to it.
 *
 * @param actual The value.
 * @param expected What it must be greater than or equal to.
 * @param msg What to say if it is not.
 */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) throw orderError(actual, ">=", expected, msg);
}

/**
 * Asserts that a value is less than another.
 *
 * @param actual The value.
 * @param expected What it must be less than.
 * @param msg What to say if it is not.
 */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) throw orderError(actual, "<", expected, msg);
}

/**
 * Asserts that a value is less than another, or equal to it.
 *
 * @param actual The value.
 * @param expected What it must be less than or equal to.
 * @param msg What to say if it is not.
 */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) throw orderError(actual, "<=", expected, msg);
}

function orderError(actual: unknown, sign: string, expected: unknown, msg?: string): Error {
  return new AssertionError(msg ?? `Expected ${show(actual)} ${sign} ${show(expected)}`);
}
