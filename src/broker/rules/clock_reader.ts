import type { RuleContext } from "./rule_context.ts";

/** A larger change of the distance between clock and time means that the clock was set; in ms. */
const STEP_MS = 100;

/**
 * Detects that the machine's clock was set. The system does not report that, so the clock is compared
 * with a monotonic time.
 */
export class ClockReader {
  readonly #context: RuleContext;

  constructor(context: RuleContext) {
    this.#context = context;
  }

  /**
   * Reads the clock. If it was set, messages that wait for a date wait for it anew; spans do not change.
   *
   * @param now The time of the rules.
   * @param date The machine's clock.
   * @param isNoted Whether it is written in any case.
   */
  read(now: number, date: number, isNoted = false): void {
    const { state } = this.#context;
    const aheadMs = Math.round(date - now);
    const isSet = Math.abs(aheadMs - state.calendar.aheadMs) >= STEP_MS;
    if (!isSet && !isNoted) return;
    this.#context.commit({ type: "clockRead", at: Math.floor(now), aheadMs });
    if (!isSet) return;
    for (const noteSet of this.#context.clockWatchers) noteSet();
    for (const stream of state.router.streams) {
      if (stream.hasDated) stream.alarm.ring(now);
    }
  }
}
