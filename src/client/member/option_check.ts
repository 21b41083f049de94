import { findNearest } from "../../protocol/spelling.ts";

/** The longest time that a timer can be set to, in milliseconds. */
export const TIMER_MS_MAX: number = 2 ** 31 - 1;

/**
 * Finds an option that a call does not have, such as a misspelt one.
 *
 * @param action The action that fails, such as `Cannot publish`.
 * @returns The error if the options are no object or have an unknown name.
 */
export function findOptionMistake(
  options: object,
  names: readonly string[],
  action: string,
): TypeError | undefined {
  if (typeof options !== "object" || options === null) {
    const found = options === null ? "null" : typeof options;
    return new TypeError(`${action}: options must be an object, found ${found}`);
  }
  for (const name in options) {
    if (names.includes(name) || (options as Record<string, unknown>)[name] === undefined) continue;
    const nearest = findNearest(name, names);
    const hint = nearest === undefined ? `known are ${names.join(", ")}` : `is ${nearest} meant?`;
    return new TypeError(`${action}: there is no option "${name}"; ${hint}`);
  }
  return undefined;
}

/** Throws the error of {@linkcode findOptionMistake}, if there is one. */
export function checkOptionNames(options: object, names: readonly string[], action: string): void {
  const mistake = findOptionMistake(options, names, action);
  if (mistake !== undefined) throw mistake;
}

/** The limits of an option that is a whole number. */
export interface NumberLimits {
  readonly low: number;
  readonly high: number;
}

/** Returns the error if an option is not a whole number within limits. */
export function findNumberMistake(
  name: string,
  value: unknown,
  { low, high }: NumberLimits,
  action: string,
): TypeError | RangeError | undefined {
  if (typeof value !== "number") {
    return new TypeError(`${action}: ${name} must be a number, found ${typeof value}`);
  }
  if (Number.isSafeInteger(value) && value >= low && value <= high) return undefined;
  return new RangeError(
    `${action}: ${name} is ${value}, allowed are whole numbers from ${low} to ${high}`,
  );
}

/** Throws the error of {@linkcode findNumberMistake}, unless the option is left out. */
export function checkNumber(
  name: string,
  value: unknown,
  limits: NumberLimits,
  action: string,
): void {
  const mistake = value === undefined ? undefined : findNumberMistake(name, value, limits, action);
  if (mistake !== undefined) throw mistake;
}

/** Checks how long a call may wait. */
export function checkTimeout(name: string, timeoutMs: unknown, action: string): void {
  checkNumber(name, timeoutMs, { low: 1, high: TIMER_MS_MAX }, action);
}
