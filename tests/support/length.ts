/**
 * How long tests are that look at as many cases as one likes. With all others they are short, so that all end within
 * minutes; CI has them once more at full length, and so has everybody by `deno task test:long`.
 *
 * @module
 */

/** Whether tests have their full length. */
export const isLong: boolean = Deno.env.get("TEST_LENGTH") === "long";

/** A number for the short form, which still meets all kinds of cases, and one for the full length. */
export interface Lengths {
  readonly short: number;
  readonly long: number;
}

/** Returns the number for the length that is asked for. */
export function chooseLength({ short, long }: Lengths): number {
  return isLong ? long : short;
}

/**
 * Returns the first of the cases to look at if only one of every `step` has its turn: another one in each run, so that
 * all have theirs in time. It is told, and `TEST_OFFSET` sets it.
 *
 * @param step One of so many cases is looked at.
 */
export function chooseOffset(step: number): number {
  const told = Deno.env.get("TEST_OFFSET");
  const offset = told === undefined ? Math.floor(Math.random() * step) : Number(told) % step;
  // deno-lint-ignore no-console
  if (step > 1) console.log(`TEST_OFFSET=${offset}, one case of ${step}`);
  return offset;
}
