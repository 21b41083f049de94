/**
 * Assertions on one value, and the two that always fail.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";

/** What counts as false. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/**
 * Asserts that a value counts as true.
 *
 * @param expr The value.
 * @param msg What to say if it does not.
 */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/**
 * Asserts that a value counts as false.
 *
 * @param expr The value.
 * @param msg What to say if it does not.
 */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/**
 * Asserts that a value is neither `null` nor `undefined`.
 *
 * @param actual The value.
 * @param msg What to add to the message.
 */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(`Expected a value, found ${actual}${msg ? `: ${msg}` : ""}`);
}

/**
 * Fails.
 *
 * @param msg What to add to the message.
 */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${msg ? `: ${msg}` : ""}`);
}

/**
 * Fails because a place was reached that cannot be reached.
 *
 * @param msg What to add to the message.
 */
export function unreachable(msg?: string): never {
  throw new AssertionError(`Unreachable${msg ? `: ${msg}` : ""}`);
}
