// Checks the options of a stream that are objects, field by field.

import { findNearest } from "./spelling.ts";

/** Returns the allowed values, if a value is not one of them. */
export type Check = (value: unknown) => string | undefined;

/** The fields of an object. */
type Fields = Readonly<Record<string, { readonly check: Check; readonly isRequired?: boolean }>>;

/** The highest limit of messages that followers hold, or that a lane has. */
export const LIMIT_COUNT_MAX = 1_000_000_000;

const DAY_MS = 24 * 60 * 60 * 1000;

const COUNT_LIMIT = { check: orNull(whole(1, LIMIT_COUNT_MAX)) };
const SPAN = { check: whole(100, DAY_MS) };

const RATE: Fields = {
  count: { check: whole(1, 1_000_000), isRequired: true },
  perMs: { check: whole(1, DAY_MS), isRequired: true },
};

/** By the path of the object. */
const FIELDS: ReadonlyMap<string, Fields> = new Map<string, Fields>([
  ["rate", RATE],
  ["laneLimits", {
    maxPending: COUNT_LIMIT,
    rate: { check: orNull(checkRate) },
    maxMessages: COUNT_LIMIT,
  }],
  ["laneLimits.rate", RATE],
  ["breaker", {
    failures: { check: whole(1, 10_000), isRequired: true },
    withinMs: SPAN,
    share: { check: checkShare },
    openMs: SPAN,
    of: { check: (of) => of === "stream" || of === "lane" ? undefined : `"stream" or "lane"` },
  }],
]);

/** Describes the first mistake in the fields of an option; undefined, too, if it is no object. */
export function findFieldMistake(option: string, value: unknown): string | undefined {
  const fields = FIELDS.get(option);
  if (fields === undefined || !isObject(value)) return undefined;
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(fields, name)) continue;
    return `option "${option}" has no "${name}": ${hintAt(name, Object.keys(fields))}`;
  }
  for (const [name, { check, isRequired = false }] of Object.entries(fields)) {
    const field = value[name];
    if (field === undefined && !isRequired) continue;
    const mistake = describeMistake(`${option}.${name}`, field, check);
    if (mistake !== undefined) return mistake;
  }
  return undefined;
}

/** Describes what is wrong with an option, or with a field of one. */
export function describeMistake(path: string, value: unknown, check: Check): string | undefined {
  const mistake = findFieldMistake(path, value);
  if (mistake !== undefined) return mistake;
  const allowed = check(value);
  if (allowed === undefined) return undefined;
  if (value === undefined) return `option "${path}" is missing: it is ${allowed}`;
  return `option "${path}" is ${allowed}, found ${JSON.stringify(value)}`;
}

/** Says which name may be meant by a mistaken one, or which there are. */
export function hintAt(name: string, known: readonly string[]): string {
  const nearest = findNearest(name, known);
  return nearest === undefined ? `there are ${known.join(", ")}` : `is ${nearest} meant?`;
}

/** Checks a rate; returns what is allowed if it is none. */
export function checkRate(value: unknown): string | undefined {
  if (isFree("rate", value)) return undefined;
  return `{ count: 1 to 1000000, perMs: 1 to ${DAY_MS} }`;
}

/** Checks the limits of lanes; returns what is allowed if they are none. */
export function checkLaneLimits(value: unknown): string | undefined {
  if (isFree("laneLimits", value)) return undefined;
  return `{ maxPending, rate, maxMessages }, each one null or a limit: 1 to ${LIMIT_COUNT_MAX}, rate ${
    checkRate(0)
  }`;
}

/** Checks the options of a breaker; returns what is allowed if they are none. */
export function checkBreaker(value: unknown): string | undefined {
  if (isFree("breaker", value)) return undefined;
  return `{ failures: 1 to 10000, withinMs: 100 to ${DAY_MS}, share: above 0 to 1, ` +
    `openMs: 100 to ${DAY_MS}, of: "stream" or "lane" }`;
}

/** Whether a value is an object without a mistake. */
function isFree(option: string, value: unknown): boolean {
  return isObject(value) && findFieldMistake(option, value) === undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkShare(share: unknown): string | undefined {
  const isShare = typeof share === "number" && share > 0 && share <= 1;
  return isShare ? undefined : "a number above 0, at most 1";
}

/** Makes the check of a whole number. */
export function whole(low: number, high: number): Check {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high
      ? undefined
      : `a whole number from ${low} to ${high}`;
}

/** Makes a check that lets `null` pass, too. */
export function orNull(check: Check): Check {
  return (value) => {
    const mistake = value === null ? undefined : check(value);
    return mistake === undefined ? undefined : `null, or ${mistake}`;
  };
}
