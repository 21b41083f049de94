import type { Calendar } from "../collections/calendar.ts";
import type { ClockRead } from "../event.ts";

/** The time of the rules as events tell it, and how far the machine's clock is ahead of it. */
export class RuleTime {
  readonly #calendar: Calendar;
  /** The latest time of the rules in any event. */
  lastAt: number = -Infinity;

  constructor(calendar: Calendar) {
    this.#calendar = calendar;
  }

  note(at: number): void {
    this.lastAt = Math.max(this.lastAt, at);
  }

  readClock({ at, aheadMs }: Pick<ClockRead, "at" | "aheadMs">): void {
    this.note(at);
    this.#calendar.aheadMs = aheadMs;
  }

  /**
   * The time of the rules after recovery. It continues from the last event, so that spans need no other
   * end, plus the time that has passed since by the machine's clock.
   *
   * @param date The machine's clock.
   */
  continueFrom(date: number): number {
    if (this.lastAt === -Infinity) return date;
    const now = Math.max(this.lastAt, this.#calendar.timeOf(date));
    this.#calendar.aheadMs = Math.round(date - now);
    return now;
  }
}
