/** How long a slice of work takes by default, in milliseconds. */
const SLICE_MS = 1;

/**
 * Cuts long work into slices, so that messages are not held back by somebody who looks at figures. The
 * worker asks for each few rows whether its slice is over.
 */
export class TimeSlices {
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
    // The runtime polls its sockets only when it is idle for a moment: an immediate is not enough.
    await new Promise<void>((resolve) => void setTimeout(resolve, 1));
    this.#endsAt = performance.now() + this.#sliceMs;
  }
}
