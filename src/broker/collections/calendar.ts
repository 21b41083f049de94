/**
 * The relation of two clocks. The rules go by a time that never jumps: spans (delays, backoffs, timeouts,
 * times to live, windows) are measured by it. The machine's clock may be set; times of the calendar
 * (`deliverAt`) go by that one.
 */
export class Calendar {
  /** By so many whole milliseconds the machine's clock is ahead; negative if it is behind. */
  aheadMs = 0;

  /** What the machine's clock says at a time of the rules. */
  dateOf(at: number): number {
    return at + this.aheadMs;
  }

  /** At which time of the rules the machine's clock says this, as it is set now. */
  timeOf(date: number): number {
    return date - this.aheadMs;
  }
}
