import { delay } from "../member/delay.ts";

/** The limit of the first pause, and of the longest ones, in milliseconds. */
const LIMIT_MS_MIN = 100;
const LIMIT_MS_MAX = 10_000;

/**
 * The pauses before attempts to connect. Each lasts a random time below a limit that doubles, so that the
 * clients of a restarted broker do not all come at once.
 */
export class Backoff {
  #limitMs = LIMIT_MS_MIN;

  /**
   * Waits; rejects with the signal's reason.
   *
   * @param leastMs The least time, beside the random one, which then has it as its limit, too.
   */
  async pause(signal: AbortSignal | undefined, leastMs: number = 0): Promise<void> {
    const waitMs = leastMs + Math.random() * Math.max(this.#limitMs, leastMs);
    this.#limitMs = Math.min(this.#limitMs * 2, LIMIT_MS_MAX);
    await delay(waitMs, signal);
  }

  /** Begins with the shortest limit again. */
  reset(): void {
    this.#limitMs = LIMIT_MS_MIN;
  }
}
