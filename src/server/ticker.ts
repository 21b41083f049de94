/**
 * A timer for what a broker does by itself: it wakes what has deadlines when the next one has come.
 *
 * @module
 */

import type { Clock, ClockTimer } from "../transport/clock.ts";

/** After a tick that failed, the next one comes so much later, in milliseconds. */
const FAULT_MS = 1000;

/** What a ticker needs. */
export interface TickerOptions {
  /** Whose time it goes by. */
  readonly clock: Clock;
  /** Does all that is due, and returns the time of the next deadline. */
  readonly tick: (now: number) => number;
  /** The longest time between two ticks, in milliseconds, if there is one. */
  readonly intervalMs?: number;
}

/** Calls `tick` in time. */
export class Ticker {
  readonly #options: TickerOptions;
  #timer: ClockTimer | undefined;
  #dueAt = Infinity;
  #isStopped = false;

  constructor(options: TickerOptions) {
    this.#options = options;
    // What is due already, because it has been waiting for a broker, need not wait longer.
    this.#schedule(options.clock.now());
  }

  /** Ticks no more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** There is a deadline that is earlier than the last tick has said. */
  hasten(at: number): void {
    if (this.#isStopped || at >= this.#dueAt) return;
    this.#timer?.cancel();
    this.#schedule(at);
  }

  #tick(): void {
    const { clock, tick, intervalMs = Infinity } = this.#options;
    // What comes up meanwhile is told by the tick.
    this.#dueAt = -Infinity;
    // A fault costs one tick, not all that come after it.
    let next = clock.now() + FAULT_MS;
    try {
      next = tick(clock.now());
    } finally {
      const now = clock.now();
      // A deadline that is over and over in the past does not keep everybody from working.
      this.#schedule(Math.max(now + 1, Math.min(next, now + intervalMs)));
    }
  }

  #schedule(at: number): void {
    if (this.#isStopped) return;
    this.#dueAt = at;
    this.#timer = this.#options.clock.setTimer(at, () => this.#tick());
  }
}
