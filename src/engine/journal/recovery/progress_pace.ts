/** The interval of progress messages, in milliseconds. */
const PROGRESS_MS = 1000;

/** How long is worked before probes and signals have their turn, in milliseconds. */
const TURN_MS = 50;

/** The pace of long work: it is told every second how far it is, and others have their turn in between. */
export class ProgressPace {
  readonly #now: () => number;
  readonly #beganAt: number;
  #toldAt: number;
  #turnAt: number;
  #hasTold = false;

  /** @param now Returns a monotonic time, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#beganAt = this.#toldAt = this.#turnAt = now();
  }

  /** Whether it takes so long that something was told. */
  get hasTold(): boolean {
    return this.#hasTold;
  }

  /** How long it takes so far, in seconds with one digit behind the point. */
  get seconds(): number {
    return Math.round((this.#now() - this.#beganAt) / 100) / 10;
  }

  /** Notes that a step is done; calls back every second. The caller waits for what this returns. */
  note(tell: () => void): Promise<void> | undefined {
    const now = this.#now();
    if (now - this.#toldAt >= PROGRESS_MS) {
      this.#toldAt = now;
      this.#hasTold = true;
      tell();
    }
    return now - this.#turnAt < TURN_MS ? undefined : this.pause();
  }

  /** Lets others have their turn. */
  async pause(): Promise<void> {
    // The runtime polls its sockets only when it is idle for a moment.
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.#turnAt = this.#now();
  }
}
