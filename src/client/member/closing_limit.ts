/**
 * How long somebody who closes waits for what is still under way.
 *
 * @module
 */

import { type ClockTimer, systemClock } from "../../transport/clock.ts";
import { DeadlineTimer } from "./deadline_timer.ts";

/** So long is waited at least for a link to take the last words, and for answers, in milliseconds. */
export const FAREWELL_MS = 1000;

/** Ends a wait when nothing has moved for a time. */
export class ClosingPatience {
  readonly #drainMs: number;
  readonly #progress: () => string;
  readonly #giveUp: () => void;
  #seen: string;
  #timer: ClockTimer | undefined;

  /**
   * @param drainMs How long nothing may move, in milliseconds.
   * @param progress Is another text whenever something has moved.
   * @param giveUp Ends what is waited for.
   */
  constructor(drainMs: number, progress: () => string, giveUp: () => void) {
    this.#drainMs = drainMs;
    this.#progress = progress;
    this.#giveUp = giveUp;
    this.#seen = progress();
    this.#arm();
  }

  /** The wait is over. */
  end(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    // By the system's clock: one that stands still would keep tests from ending.
    const at = systemClock.now() + this.#drainMs;
    this.#timer = new DeadlineTimer(systemClock, at, () => this.#look());
  }

  #look(): void {
    const now = this.#progress();
    if (now === this.#seen) return this.#giveUp();
    this.#seen = now;
    this.#arm();
  }
}
