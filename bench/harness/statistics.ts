/** Several measurements of the same thing. */
export interface Summary {
  /** The one in the middle: a single bad round does not move it. */
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Times that half of the messages, 99 of 100, and 999 of 1,000 take at most, in milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/**
 * Sums up measurements, in any order.
 *
 * @throws {RangeError} If there are none.
 */
export function summarise(values: readonly number[]): Summary {
  return {
    median: findQuantile(values, 0.5),
    lowest: findQuantile(values, 0),
    highest: findQuantile(values, 1),
  };
}

/** Sums up times in milliseconds. */
export function describeTimes(times: ArrayLike<number>): Percentiles {
  return {
    p50: findQuantile(times, 0.5),
    p99: findQuantile(times, 0.99),
    p999: findQuantile(times, 0.999),
  };
}

/**
 * Finds the value that a part of the measurements does not exceed. Between two measurements it is
 * interpolated, so that the median of an even number of them is the mean of the middle two.
 *
 * @param values The measurements, in any order.
 * @param part Which part, from 0 (the lowest one) to 1 (the highest one).
 * @throws {RangeError} If there are none.
 */
export function findQuantile(values: ArrayLike<number>, part: number): number {
  if (values.length === 0) throw new RangeError("Cannot sum up: there is no measurement");
  const sorted = Float64Array.from(values).sort();
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)]!;
  const above = sorted[Math.ceil(place)]!;
  return below + (above - below) * (place - Math.floor(place));
}
