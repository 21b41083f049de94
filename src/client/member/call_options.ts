import { checkNumber, checkOptionNames, TIMER_MS_MAX } from "./option_check.ts";

/** Options of calls that wait for the broker. */
export interface CallOptions {
  /**
   * Stops waiting: the call rejects with the signal's reason. What was sent before may still be carried out.
   */
  readonly signal?: AbortSignal;
}

/** Options of `close()`. */
export interface CloseOptions extends CallOptions {
  /**
   * How long to wait, in milliseconds: 0 (not at all) to 2^31 - 1. A follower waits this long for its
   * handlers to finish the messages they have; a publisher waits until nothing has been confirmed or
   * sent for this long. The wait ends as soon as there is nothing to wait for.
   *
   * @default {the `drainMs` given to `connect`, or 5000}
   */
  readonly drainMs?: number;
  /**
   * Stops waiting and closes at once. Only the `close()` of a publisher rejects with the signal's
   * reason then.
   */
  readonly signal?: AbortSignal;
}

/** How long closing waits unless `connect` or the call says otherwise, in milliseconds. */
export const DRAIN_MS_DEFAULT = 5000;

/** Checks how long closing may wait. */
export function checkDrainTime(drainMs: unknown, action: string): void {
  checkNumber("drainMs", drainMs, { low: 0, high: TIMER_MS_MAX }, action);
}

export function checkCloseOptions(options: CloseOptions): void {
  checkOptionNames(options, ["drainMs", "signal"], "Cannot close");
  checkDrainTime(options.drainMs, "Cannot close");
}
