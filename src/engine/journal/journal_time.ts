/**
 * The time that the rules go by, as far as a journal is concerned with it: a journal has one, over all
 * brokers that it is used by, however the machine's clock is set meanwhile.
 *
 * @module
 */

/** The time of those whose events are written. */
export interface JournalTime {
  /** Tells it. */
  readonly now: () => number;
  /** Has it go on where it was last by what was read until now. */
  readonly continueTime: () => void;
}
