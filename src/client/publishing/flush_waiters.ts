/**
 * Calls of `flush` that wait.
 *
 * @module
 */

import { whenAborted } from "../member/call_options.ts";
import { traceCaller } from "../member/caller_trace.ts";

/** A call that waits. */
interface FlushWaiter extends PromiseWithResolvers<void> {
  /** It waits for the outcome of all messages before this one. */
  readonly ordinal: number;
}

/** The calls of `flush` of one publisher. */
export class FlushWaiters {
  readonly #waiters = new Set<FlushWaiter>();

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#waiters.size === 0;
  }

  /** Waits until all messages before one have an outcome, or the signal is aborted. */
  add(ordinal: number, signal: AbortSignal | undefined): Promise<void> {
    const waiter = { ...Promise.withResolvers<void>(), ordinal };
    this.#waiters.add(waiter);
    if (signal !== undefined) {
      const forget = whenAborted(signal, () => {
        this.#waiters.delete(waiter);
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
   * @param take Takes what has failed, if anything; all that end now are told.
   */
  settle(oldest: number | undefined, take: () => Error | undefined): void {
    if (this.#waiters.size === 0) return;
    const ended: FlushWaiter[] = [];
    for (const waiter of this.#waiters) {
      if (oldest !== undefined && oldest < waiter.ordinal) break;
      ended.push(waiter);
    }
    if (ended.length === 0) return;
    for (const waiter of ended) this.#waiters.delete(waiter);
    const error = take();
    for (const { resolve } of ended) resolve(error === undefined ? undefined : traceCaller(error));
  }
}
