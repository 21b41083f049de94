/**
 * The relation of two clocks. The rules go by a time that never jumps: spans (delays, backoffs, timeouts,
 * times to live, windows) are measured by it. The machine's clock may be set; times of the calendar
 * (`deliverAt`) go by that one.
 */
export class Calendar {
  /** How far the machine's clock is ahead, in whole milliseconds; negative if it is behind. */
  aheadMs = 0;

  /** The machine's clock at a time of the rules. */
  dateOf(at: number): number {
    return at + this.aheadMs;
  }

  /** The time of the rules at which the machine's clock, as it is set now, shows this. */
  timeOf(date: number): number {
    return date - this.aheadMs;
  }
}
