/**
 * A promise with a limit of time.
 *
 * @module
 */

import { abortable } from "./abortable.ts";

/** Options for {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the waiting before the time is over. */
  signal?: AbortSignal;
}

/**
 * Waits for a promise for a limited time.
 *
 * @param p The promise to wait for.
 * @param ms How long to wait, in milliseconds; from `Number.MAX_SAFE_INTEGER` on without a limit.
 * @param options A signal that ends the waiting as well.
 * @returns A promise that settles as `p` does, or rejects with a `DOMException` named
 * `"TimeoutError"`, or with the reason of the signal.
 */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const limits = options.signal ? [options.signal] : [];
  if (ms < Number.MAX_SAFE_INTEGER) limits.push(AbortSignal.timeout(ms));
  return await abortable(p, AbortSignal.any(limits));
}
