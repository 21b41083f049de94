import type { RuleContext } from "./rule_context.ts";

/** The clock is taken for set if it is so much further from time than it was, in milliseconds. */
const STEP_MS = 100;

/**
 * Looks whether the machine's clock was set. Nobody tells that: it is seen by comparing it with a time
 * that only ever goes on.
 */
export class ClockReader {
  readonly #context: RuleContext;

  constructor(context: RuleContext) {
    this.#context = context;
  }

  /**
   * Reads the clock. If it was set, what waits for a date waits for it anew; spans go on as they are.
   *
   * @param now The time of the rules.
   * @param date What the machine's clock says.
   * @param isNoted Whether that is written down in any case.
   */
  read(now: number, date: number, isNoted = false): void {
    const { state } = this.#context;
    const aheadMs = Math.round(date - now);
    const isSet = Math.abs(aheadMs - state.calendar.aheadMs) >= STEP_MS;
    if (!isSet && !isNoted) return;
    this.#context.commit({ type: "clockRead", at: Math.floor(now), aheadMs });
    if (!isSet) return;
    for (const stream of state.router.streams) {
      if (stream.hasDated) stream.alarm.ring(now);
    }
  }
}
