import { type Clock, systemClock } from "../../transport/clock.ts";
import { DeadlineTimer } from "../member/deadline_timer.ts";

/** A part of an attempt has taken too long. */
export class SilenceError extends Error {
  constructor(what: string, ms: number) {
    super(`no ${what} within ${ms} ms`);
    this.name = "TimeoutError";
  }
}

/** What is limited, and by what. */
export interface LimitOptions {
  /** What is waited for, a word. */
  readonly what: string;
  readonly ms: number;
  /** Ends the waiting, too. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Limits the time of one part of an attempt.
 *
 * @param part Does it, and ends with its signal.
 * @throws What the part throws; with its signal, a {@linkcode SilenceError} when the time is over.
 */
export async function limitTime<T>(
  { what, ms, signal }: LimitOptions,
  part: (signal: AbortSignal) => Promise<T>,
  clock: Clock = systemClock,
): Promise<T> {
  const limit = new AbortController();
  const timer = new DeadlineTimer(clock, clock.now() + ms, () => {
    limit.abort(new SilenceError(what, ms));
  });
  try {
    return await part(AbortSignal.any(signal ? [signal, limit.signal] : [limit.signal]));
  } finally {
    timer.cancel();
  }
}
