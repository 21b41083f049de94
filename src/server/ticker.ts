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
  #dueAt = Infinity;
  #isStopped = false;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#intervalMs = Math.min(options.intervalMs ?? INTERVAL_MS_MAX, INTERVAL_MS_MAX);
    // What is due already, because it has been waiting for a broker, need not wait longer.
    this.#schedule(options.now());
  }

  /** Ticks no more. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** There is a deadline that is earlier than the last tick has said. */
  hasten(at: number): void {
    if (this.#isStopped || at >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#schedule(at);
  }

  #tick(): void {
    // What comes up meanwhile is told by the tick.
    this.#dueAt = -Infinity;
    let next = Infinity;
    try {
      next = this.#options.tick(this.#options.now());
    } finally {
      // A fault costs one tick, not all that come after it.
      this.#schedule(next);
    }
  }

  #schedule(next: number): void {
    if (this.#isStopped) return;
    const now = this.#options.now();
    const waitMs = Math.max(1, Math.min(next - now, this.#intervalMs));
    this.#dueAt = now + waitMs;
    this.#timer = setTimeout(() => this.#tick(), waitMs);
  }
}
