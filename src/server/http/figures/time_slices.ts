/** How long a slice of work takes by default, in milliseconds. */
const SLICE_MS = 1;

/**
 * Cuts long work into slices, so that messages are not held back by people who look at figures, however
 * many they are: after its first slice, work waits for its turn, and one piece of work has a turn at a time.
 * The worker asks for each few rows whether its slice is over.
 */
export class TimeSlices {
  /** Work that waits for its turn. */
  static readonly #waiting: (() => void)[] = [];
  static #isTurning = false;
  readonly #sliceMs: number;
  #endsAt: number;

  /** @param sliceMs How long a slice takes, in milliseconds. */
  constructor(sliceMs: number = SLICE_MS) {
    this.#sliceMs = sliceMs;
    this.#endsAt = performance.now() + sliceMs;
  }

  /** Whether others should have their turn. */
  get isOver(): boolean {
    return performance.now() >= this.#endsAt;
  }

  /** Resolves in the next slice. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      TimeSlices.#waiting.push(resolve);
      TimeSlices.#turn();
    });
    this.#endsAt = performance.now() + this.#sliceMs;
  }

  /** Lets the next piece of work have a slice, after a moment. */
  static #turn(): void {
    if (TimeSlices.#isTurning || TimeSlices.#waiting.length === 0) return;
    TimeSlices.#isTurning = true;
    // The runtime polls its sockets only when it is idle for a moment: an immediate is not enough.
    setTimeout(() => {
      TimeSlices.#isTurning = false;
      TimeSlices.#waiting.shift()?.();
      TimeSlices.#turn();
    }, 1);
  }
}
