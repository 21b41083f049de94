/** Numbers from one on, up to before another. */
export interface SequenceGap {
  readonly from: number;
  readonly to: number;
}

/** Most publishers have no gaps: they share this list, which is never changed. */
const NONE: SequenceGap[] = [];

/**
 * Numbers of messages that were not stored although later ones were: an earlier broker refused them, or
 * never got them. Kept as ranges, by number.
 */
export class SequenceGaps {
  #gaps: SequenceGap[] = NONE;

  get count(): number {
    return this.#gaps.length;
  }

  get all(): readonly SequenceGap[] {
    return this.#gaps;
  }

  has(sequence: number): boolean {
    const gap = this.#gaps[this.#findIndex(sequence)];
    return gap !== undefined && gap.from <= sequence;
  }

  add(from: number, to: number): void {
    if (from >= to) return;
    if (this.#gaps === NONE) this.#gaps = [];
    let first = this.#findIndex(from);
    // A range that ends where these begin is extended.
    if (first > 0 && this.#gaps[first - 1]!.to === from) first--;
    let end = first;
    let joined = { from, to };
    for (; end < this.#gaps.length && this.#gaps[end]!.from <= to; end++) {
      const gap = this.#gaps[end]!;
      joined = { from: Math.min(joined.from, gap.from), to: Math.max(joined.to, gap.to) };
    }
    if (first === this.#gaps.length) this.#gaps.push(joined);
    else this.#gaps.splice(first, end - first, joined);
  }

  /** Notes that numbers are used after all. */
  remove(from: number, to: number): void {
    if (from >= to) return;
    const first = this.#findIndex(from);
    let end = first;
    const rest: SequenceGap[] = [];
    for (; end < this.#gaps.length && this.#gaps[end]!.from < to; end++) {
      const gap = this.#gaps[end]!;
      if (gap.from < from) rest.push({ from: gap.from, to: from });
      if (gap.to > to) rest.push({ from: to, to: gap.to });
    }
    if (end > first) this.#gaps.splice(first, end - first, ...rest);
  }

  shift(): SequenceGap | undefined {
    return this.#gaps.shift();
  }

  /** The index of the first range that ends behind a number. */
  #findIndex(sequence: number): number {
    let low = 0;
    let high = this.#gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#gaps[middle]!.to <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
