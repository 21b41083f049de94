/**
 * Calls of `flush` that wait.
 *
 * @module
 */

import { whenAborted } from "./call_options.ts";

/** A call that waits. */
interface FlushWaiter extends PromiseWithResolvers<void> {
  /** It waits for the outcome of all messages before this one. */
  readonly ordinal: number;
}

/** The calls of `flush` of one publisher. */
export class FlushWaiters {
  readonly #waiters: FlushWaiter[] = [];

  /** Waits until all messages before one have an outcome, or the signal is aborted. */
  add(ordinal: number, signal: AbortSignal | undefined): Promise<void> {
    const waiter = { ...Promise.withResolvers<void>(), ordinal };
    this.#waiters.push(waiter);
    if (signal !== undefined) {
      const forget = whenAborted(signal, () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        waiter.reject(signal.reason);
      });
      waiter.promise.then(forget, forget);
    }
    return waiter.promise;
  }

  /**
   * Ends those calls that have nothing left to wait for.
   *
   * @param oldest The oldest message without an outcome, if there is one.
   * @param tell What becomes of a call.
   */
  settle(oldest: number | undefined, tell: () => Promise<void>): void {
    while (this.#waiters.length > 0) {
      if (oldest !== undefined && oldest < this.#waiters[0]!.ordinal) return;
      this.#waiters.shift()!.resolve(tell());
    }
  }
}
