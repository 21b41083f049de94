/**
 * Looks whether the machine's clock was set. Nobody tells that: it is seen by comparing it with a time
 * that only ever goes on.
 *
 * @module
 */

import type { BrokerState } from "../state/broker_state.ts";
import type { Event } from "../event.ts";

/** The clock is taken for set if it is so much further from time than it was, in milliseconds. */
const STEP_MS = 100;

/** What is needed to follow a clock. */
export interface ClockReaderOptions {
  /** The streams in which something may wait for a date. */
  readonly state: BrokerState;
  /** Has something written. */
  readonly commit: (event: Event) => void;
}

/** Follows the machine's clock. */
export class ClockReader {
  readonly #options: ClockReaderOptions;

  constructor(options: ClockReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads the clock. If it was set, what waits for a date waits for it anew; spans go on as they are.
   *
   * @param now The time of the rules.
   * @param date What the machine's clock says.
   * @param isNoted Whether that is written down in any case.
   */
  read(now: number, date: number, isNoted = false): void {
    const { state, commit } = this.#options;
    const aheadMs = Math.round(date - now);
    const isSet = Math.abs(aheadMs - state.calendar.aheadMs) >= STEP_MS;
    if (!isSet && !isNoted) return;
    const event = { type: "clockRead", at: Math.floor(now), aheadMs } as const;
    commit(event);
    state.apply(event);
    if (!isSet) return;
    for (const stream of state.router.streams) {
      if (stream.hasDated) stream.alarm.ring(now);
    }
  }
}
