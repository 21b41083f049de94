/**
 * The pauses between attempts to connect: they grow, and are cut at random, so that many clients do
 * not come back at the same moment.
 *
 * @module
 */

import { delay } from "@std/async/delay";

/** The shortest pause, and the longest, in milliseconds. */
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 10_000;

/** A growing pause. */
export class Backoff {
  #limitMs = PAUSE_MS_MIN;

  /** Waits, longer from time to time: 0.1 s at least, 10 s at most. Rejects with the signal. */
  async pause(signal: AbortSignal | undefined): Promise<void> {
    const waitMs = PAUSE_MS_MIN + Math.random() * (this.#limitMs - PAUSE_MS_MIN);
    this.#limitMs = Math.min(this.#limitMs * 2, PAUSE_MS_MAX);
    await delay(waitMs, signal && { signal });
  }

  /** Begins with the shortest pause again. */
  reset(): void {
    this.#limitMs = PAUSE_MS_MIN;
  }
}
