/**
 * The time that handlers have to finish what they have in hand when their follower is closed.
 *
 * @module
 */

import { systemClock } from "../../transport/clock.ts";
import { type CloseOptions, resolveDrainTime, whenAborted } from "./call_options.ts";
import { DeadlineTimer } from "./deadline_timer.ts";

/** The time that handlers have. Several calls may limit it; the first limit ends it. */
export class Drain {
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;
  #cleanUps: (() => void)[] = [];

  /** Whether it is over. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when it is over. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Limits it. */
  limit(options: CloseOptions): void {
    if (this.#isOver) return;
    const drainMs = resolveDrainTime(options);
    const { signal } = options;
    if (drainMs === 0 || signal?.aborted) return this.end();
    // By the system's clock: one that stands still would keep tests from ending.
    const timer = new DeadlineTimer(systemClock, systemClock.now() + drainMs, () => this.end());
    this.#cleanUps.push(() => timer.cancel());
    if (signal !== undefined) this.#cleanUps.push(whenAborted(signal, () => this.end()));
  }

  /** Ends it. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const cleanUp of this.#cleanUps.splice(0)) cleanUp();
    this.#over.resolve();
  }
}
