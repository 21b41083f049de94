/**
 * The one timer of a broker: it wakes what has deadlines when the next one has come, and looks after
 * the links several times a second.
 *
 * @module
 */

/** The longest time between two ticks, in milliseconds: deadlines may come nearer meanwhile. */
const INTERVAL_MS_MAX = 1000;

/** What a ticker needs. */
export interface TickerOptions {
  /** Tells the time, in milliseconds. */
  readonly now: () => number;
  /** Does all that is due, and returns the time of the next deadline. */
  readonly tick: (now: number) => number;
  /** The longest time between two ticks, in milliseconds. */
  readonly intervalMs?: number;
}

/** Calls `tick` in time. */
export class Ticker {
  readonly #options: TickerOptions;
  readonly #intervalMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#intervalMs = Math.min(options.intervalMs ?? INTERVAL_MS_MAX, INTERVAL_MS_MAX);
    this.#schedule(Infinity);
  }

  /** Ticks no more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    let next = Infinity;
    try {
      next = this.#options.tick(this.#options.now());
    } finally {
      // A fault costs one tick, not all that come after it.
      this.#schedule(next);
    }
  }

  #schedule(next: number): void {
    const waitMs = Math.max(1, Math.min(next - this.#options.now(), this.#intervalMs));
    this.#timer = setTimeout(() => this.#tick(), waitMs);
  }
}
