/**
 * Assertions that two values are equal, as a whole or in part.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { show, showDifference } from "./difference.ts";
import { equal } from "./equal.ts";

/**
 * Asserts that two values are equal, at any depth.
 *
 * @param actual What was found.
 * @param expected What it must equal.
 * @param msg What to add to the message.
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) {
    throw differenceError("Values are not equal", actual, expected, msg);
  }
}

/**
 * Asserts that two values are not equal.
 *
 * @param actual What was found.
 * @param expected What it must not equal.
 * @param msg What to add to the message.
 */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(`Values are equal${msg ? `: ${msg}` : ""}\n${show(actual)}`);
}

/**
 * Asserts that two values are the same one, as `Object.is` tells.
 *
 * @param actual What was found.
 * @param expected What it must be.
 * @param msg What to add to the message.
 */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  throw differenceError("Values are not the same one", actual, expected, msg);
}

/**
 * Asserts that an object has at least the given fields, at any depth; a list at least the given
 * beginning.
 *
 * @param actual The object.
 * @param expected The fields that it must have.
 * @param msg What to add to the message.
 */
export function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  if (!matches(actual, expected)) {
    throw differenceError("The object does not match", actual, expected, msg);
  }
}

function matches(actual: unknown, expected: unknown): boolean {
  if (!isOpen(actual) || !isOpen(expected)) return equal(actual, expected);
  if (Array.isArray(actual) !== Array.isArray(expected)) return false;
  if (expected instanceof Set) {
    return actual instanceof Set && [...expected].every((value) => actual.has(value));
  }
  if (expected instanceof Map) {
    return actual instanceof Map &&
      [...expected].every(([key, value]) => actual.has(key) && matches(actual.get(key), value));
  }
  return Reflect.ownKeys(expected).every((key) =>
    key === "length" && Array.isArray(expected) ||
    Object.hasOwn(actual, key) && matches(Reflect.get(actual, key), Reflect.get(expected, key))
  );
}

/** Tells whether a value has parts of which some may be left out. */
function isOpen(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    !(value instanceof Date) && !(value instanceof RegExp);
}

function differenceError(what: string, actual: unknown, expected: unknown, msg?: string): Error {
  const difference = showDifference(actual, expected);
  return new AssertionError(`${what}${msg ? `: ${msg}` : ""}\n${difference}`);
}
