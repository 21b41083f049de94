/**
 * A clock that can be put forward: what a broker remembers for minutes is due at once then.
 *
 * @module
 */

import { type Clock, type ClockTimer, systemClock } from "../../../src/transport/clock.ts";

/** A timer that is set anew when the clock leaps. */
interface LeapingTimer {
  readonly at: number;
  readonly work: () => void;
  timer: ClockTimer;
}

/** The system's clock, and some time more. */
export class LeapingClock {
  readonly #system: Clock = { ...systemClock };
  readonly #timers = new Set<LeapingTimer>();
  #aheadMs: number;

  /** @param aheadMs How far it is ahead from the beginning, in milliseconds. */
  constructor(aheadMs: number) {
    this.#aheadMs = aheadMs;
  }

  /** Has everything in this process go by it that goes by the system's clock. */
  install(): void {
    systemClock.now = () => this.#system.now() + this.#aheadMs;
    systemClock.setTimer = (at, work) => this.#set(at, work);
  }

  /** Puts it forward. */
  leap(ms: number): void {
    this.#aheadMs += ms;
    for (const entry of this.#timers) {
      entry.timer.cancel();
      entry.timer = this.#arm(entry);
    }
  }

  #set(at: number, work: () => void): ClockTimer {
    const entry: LeapingTimer = {
      at,
      work: () => {
        this.#timers.delete(entry);
        work();
      },
      timer: { cancel: () => {} },
    };
    entry.timer = this.#arm(entry);
    this.#timers.add(entry);
    return {
      cancel: () => {
        entry.timer.cancel();
        this.#timers.delete(entry);
      },
    };
  }

  #arm({ at, work }: LeapingTimer): ClockTimer {
    return this.#system.setTimer(at - this.#aheadMs, work);
  }
}
