/** In how many slices the window moves: it is exact to so small a part of itself. */
const SLICES = 16;

/** How deliveries have ended lately. */
export interface OutcomeCounts {
  /** Acknowledgements and failures. */
  readonly all: number;
  /** The failures among them. */
  readonly failed: number;
  /** The failures among these whose follower named a fault outside of itself. */
  readonly faults: number;
}

/**
 * Counts the outcomes of the last milliseconds, in slices of a sixteenth: the slice of the present moment
 * and the fifteen before it. It takes the same room for any number of outcomes.
 */
export class OutcomeWindow {
  readonly #sliceMs: number;
  readonly #all: number[] = new Array(SLICES).fill(0);
  readonly #failed: number[] = new Array(SLICES).fill(0);
  readonly #faults: number[] = new Array(SLICES).fill(0);
  /** The number of the present slice, counted from the beginning of time. */
  #slice = -Infinity;
  #counts = { all: 0, failed: 0, faults: 0 };

  /** @param ms The length of the window, in milliseconds. */
  constructor(ms: number) {
    this.#sliceMs = ms / SLICES;
  }

  /** Counts what was acknowledged. */
  noteAcked(count: number, now: number): void {
    const at = this.#moveTo(now);
    this.#all[at]! += count;
    this.#counts.all += count;
  }

  /** Counts what has failed. */
  noteFailed(count: number, isFault: boolean, now: number): void {
    const at = this.#moveTo(now);
    this.#all[at]! += count;
    this.#failed[at]! += count;
    this.#counts.all += count;
    this.#counts.failed += count;
    if (!isFault) return;
    this.#faults[at]! += count;
    this.#counts.faults += count;
  }

  /** What it holds now. */
  count(now: number): OutcomeCounts {
    this.#moveTo(now);
    return this.#counts;
  }

  clear(): void {
    for (const counts of [this.#all, this.#failed, this.#faults]) counts.fill(0);
    this.#counts = { all: 0, failed: 0, faults: 0 };
  }

  /** Leaves out what is too old; returns the place of the present slice. */
  #moveTo(now: number): number {
    // A time that goes back counts as the present one.
    const slice = Math.max(this.#slice, Math.floor(now / this.#sliceMs));
    if (slice - this.#slice >= SLICES) this.clear();
    else for (let old = this.#slice + 1; old <= slice; old++) this.#leave(old % SLICES);
    this.#slice = slice;
    return slice % SLICES;
  }

  #leave(at: number): void {
    this.#counts.all -= this.#all[at]!;
    this.#counts.failed -= this.#failed[at]!;
    this.#counts.faults -= this.#faults[at]!;
    this.#all[at] = this.#failed[at] = this.#faults[at] = 0;
  }
}
