/** What is read of a histogram. */
export interface Buckets {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
}

/**
 * Finds quantiles of what a histogram counted between two looks. A value is taken to lie in its bucket in
 * proportion, as Prometheus does it; beyond the last bound, on that bound.
 */
export class QuantileReader {
  readonly #buckets: Buckets;
  readonly #before: Float64Array;
  readonly #fresh: Float64Array;

  constructor(buckets: Buckets) {
    this.#buckets = buckets;
    this.#before = buckets.counts.slice();
    this.#fresh = new Float64Array(buckets.counts.length);
  }

  /**
   * Reads what was counted since the last call.
   *
   * @param quantiles Which ones, from 0 to 1.
   * @returns Their values in the unit of the bounds; `NaN` if nothing was counted.
   */
  read(quantiles: readonly number[]): number[] {
    const { counts } = this.#buckets;
    let total = 0;
    for (const [index, count] of counts.entries()) {
      total += this.#fresh[index] = count - this.#before[index]!;
    }
    this.#before.set(counts);
    return quantiles.map((quantile) => total === 0 ? NaN : this.#find(quantile * total));
  }

  /** The value below which so many lie. */
  #find(rank: number): number {
    const { bounds } = this.#buckets;
    let below = 0;
    for (const [index, count] of this.#fresh.entries()) {
      const isLast = index === bounds.length;
      if (!isLast && below + count < rank) {
        below += count;
        continue;
      }
      const low = index === 0 ? 0 : bounds[index - 1]!;
      if (isLast || count === 0) return low;
      return low + (bounds[index]! - low) * (rank - below) / count;
    }
    return NaN;
  }
}
