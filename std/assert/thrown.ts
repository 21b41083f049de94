/**
 * Assertions on errors and on the class of a value.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";

/** A class, whatever its constructor takes. */
export type ClassOf<T> = abstract new (...args: never[]) => T;

/** What comes behind the function: a message, or a class and what goes with it. */
type Expected = [classOrMsg?: ClassOf<Error> | string, msgIncludes?: string, msg?: string];

/** What was thrown, boxed, because anything can be, `undefined` too. */
type Thrown = { readonly error: unknown } | undefined;

/**
 * Asserts that a value is an instance of a class.
 *
 * @param actual The value.
 * @param expectedType The class.
 * @param msg What to add to the message.
 */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: ClassOf<T>,
  msg = "",
): asserts actual is T {
  if (actual instanceof expectedType) return;
  throw new AssertionError(
    `Expected an instance of ${expectedType.name}, found ${kindOf(actual)}${msg ? `: ${msg}` : ""}`,
  );
}

/**
 * Asserts that a value is an error, of a class, with a message.
 *
 * @param error The value.
 * @param ErrorClass The class.
 * @param msgMatches What the message must contain, or match.
 * @param msg What to add to the message of the assertion.
 */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ClassOf<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  assertInstanceOf(error, Error, msg);
  if (ErrorClass) assertInstanceOf(error, ErrorClass, msg);
  if (!msgMatches) return;
  const isMatch = typeof msgMatches === "string"
    ? error.message.includes(msgMatches)
    : msgMatches.test(error.message);
  if (isMatch) return;
  throw new AssertionError(
    `Expected an error message with ${JSON.stringify(String(msgMatches))}, found ` +
      `${JSON.stringify(error.message)}${msg ? `: ${msg}` : ""}`,
  );
}

/**
 * Asserts that a function throws.
 *
 * @param fn The function.
 * @param msg What to add to the message.
 * @returns What was thrown.
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Asserts that a function throws an error of a class.
 *
 * @param fn The function.
 * @param ErrorClass The class.
 * @param msgIncludes What the message of the error must contain.
 * @param msg What to add to the message of the assertion.
 * @returns The error.
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ClassOf<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(fn: () => unknown, ...expected: Expected): unknown {
  let thrown: Thrown;
  try {
    fn();
  } catch (error) {
    thrown = { error };
  }
  return checkThrown(thrown, "Expected the function to throw", expected);
}

/**
 * Asserts that a function returns a promise that rejects.
 *
 * @param fn The function.
 * @param msg What to add to the message.
 * @returns What it rejected with.
 */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Asserts that a function returns a promise that rejects with an error of a class.
 *
 * @param fn The function.
 * @param ErrorClass The class.
 * @param msgIncludes What the message of the error must contain.
 * @param msg What to add to the message of the assertion.
 * @returns The error.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ClassOf<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...expected: Expected
): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (cause) {
    throw new AssertionError("Expected a rejected promise, but the function throws", { cause });
  }
  if (typeof promise?.then !== "function") {
    throw new AssertionError(`Expected a rejected promise, found ${kindOf(promise)}`);
  }
  const thrown = await promise.then(() => undefined, (error: unknown) => ({ error }));
  return checkThrown(thrown, "Expected the promise to reject", expected);
}

function checkThrown(thrown: Thrown, expectation: string, expected: Expected): unknown {
  const [classOrMsg, msgIncludes, msg] = expected;
  if (!thrown) {
    const suffix = typeof classOrMsg === "string" ? classOrMsg : msg;
    throw new AssertionError(suffix ? `${expectation}: ${suffix}` : expectation);
  }
  if (typeof classOrMsg === "function") assertIsError(thrown.error, classOrMsg, msgIncludes, msg);
  return thrown.error;
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const kind = value.constructor?.name ?? "Object";
  return value instanceof Error ? `${kind}: ${value.message}` : kind;
}
