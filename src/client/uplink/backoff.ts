/**
 * The pauses before attempts to connect: their limit grows, and where below it they end is left to
 * chance, so that the clients of a broker that was started again do not all come at once.
 *
 * @module
 */

import { delay } from "@std/async/delay";

/** The limit of the first pause, and of the longest ones, in milliseconds. */
const LIMIT_MS_MIN = 100;
const LIMIT_MS_MAX = 10_000;

/** A pause whose limit grows. */
export class Backoff {
  #limitMs = LIMIT_MS_MIN;

  /**
   * Waits, for a time between nothing and a limit: 0.1 s at first, twice as much each time, 10 s at
   * most. Rejects with the signal.
   */
  async pause(signal: AbortSignal | undefined): Promise<void> {
    const waitMs = Math.random() * this.#limitMs;
    this.#limitMs = Math.min(this.#limitMs * 2, LIMIT_MS_MAX);
    await delay(waitMs, signal && { signal });
  }

  /** Begins with the shortest limit again. */
  reset(): void {
    this.#limitMs = LIMIT_MS_MIN;
  }
}
