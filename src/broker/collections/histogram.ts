/** The upper bounds of the buckets of times, in seconds: from half a millisecond to ten seconds. */
export const TIME_BOUNDS: readonly number[] = [
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

/** How often values fell into each of some buckets. It costs some nanoseconds for each value. */
export class Histogram {
  /** The upper bounds of all buckets but the last, which has none; ascending. */
  readonly bounds: readonly number[];
  /** How many values fell into each bucket, and in none before it; the last one has no bound. */
  readonly counts: Float64Array;
  /** The sum of all values. */
  sum = 0;
  /** The number of all values. */
  count = 0;

  /** @param bounds The upper bounds of the buckets; by default those of times, in seconds. */
  constructor(bounds: readonly number[] = TIME_BOUNDS) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Counts a value; one on a bound is below it. */
  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
    this.count++;
  }
}
