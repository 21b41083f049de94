import { whenAborted } from "../member/abort_listener.ts";
import { traceCaller } from "../member/caller_trace.ts";

/** The number of errors that are kept; further ones are counted. */
const KEPT_MAX = 100;

/** The promise of a call as {@linkcode Failures} sees it. */
interface FailedCall {
  readonly isAwaited: boolean;
  /** Its failure is reported elsewhere: it is not an unhandled rejection. */
  silence(): void;
}

/** A failed call that was not awaited when it failed. */
interface UnawaitedCall {
  readonly call: FailedCall;
  readonly error: Error;
}

/** A call of `flush` that waits. */
interface Flush extends PromiseWithResolvers<void> {
  /** The ordinal before which all messages must have an outcome. */
  readonly ordinal: number;
}

/** Failures of calls that are not awaited, and the calls of `flush` that report them. */
export class Failures {
  /** Whether `close()` is waiting; it reports all failures from now on. */
  isExpected = false;
  #kept: UnawaitedCall[] = [];
  #droppedCount = 0;
  /** Failures since microtasks ran last: a `flush` that is called now still reports them. */
  #fresh: FailedCall[] = [];
  readonly #flushes = new Set<Flush>();

  get isFlushing(): boolean {
    return this.#flushes.size > 0;
  }

  /** Notes a failed call, unless it is awaited. */
  note(call: FailedCall, error: Error): void {
    if (call.isAwaited) return;
    if (this.isExpected || this.#flushes.size > 0) call.silence();
    else this.#refresh(call);
    if (this.#kept.length === KEPT_MAX) this.#kept = this.#kept.filter(isUnheard);
    if (this.#kept.length < KEPT_MAX) this.#kept.push({ call, error });
    else this.#droppedCount++;
  }

  /** A call waits from now on: failures of this moment are not unhandled rejections. */
  hear(): void {
    for (const call of this.#fresh) call.silence();
    this.#fresh = [];
  }

  /** Waits until all messages before one have an outcome, or the signal is aborted. */
  flush(ordinal: number, signal: AbortSignal | undefined): Promise<void> {
    const flush = { ...Promise.withResolvers<void>(), ordinal };
    this.#flushes.add(flush);
    if (signal !== undefined) {
      const forget = whenAborted(signal, () => {
        this.#flushes.delete(flush);
        flush.reject(signal.reason);
      });
      flush.promise.then(forget, forget);
    }
    return flush.promise;
  }

  /**
   * Ends the calls of `flush` that have nothing left to wait for; each of them reports the failures.
   *
   * @param oldest The oldest message without an outcome, if there is one.
   */
  endFlushes(oldest: number | undefined): void {
    const ended: Flush[] = [];
    for (const flush of this.#flushes) {
      if (oldest !== undefined && oldest < flush.ordinal) break;
      ended.push(flush);
    }
    if (ended.length === 0) return;
    for (const flush of ended) this.#flushes.delete(flush);
    const error = this.take();
    for (const { resolve } of ended) resolve(error === undefined ? undefined : traceCaller(error));
  }

  /** Takes the failures that are still not awaited, as one error. */
  take(): Error | undefined {
    const errors = this.#kept.filter(isUnheard).map(({ error }) => error);
    const count = errors.length + this.#droppedCount;
    this.#kept = [];
    this.#droppedCount = 0;
    if (count <= 1) return errors[0];
    return new AggregateError(errors, `Cannot publish: ${count} calls failed`);
  }

  #refresh(call: FailedCall): void {
    if (this.#fresh.push(call) > 1) return;
    queueMicrotask(() => {
      this.#fresh = [];
    });
  }
}

function isUnheard({ call }: UnawaitedCall): boolean {
  return !call.isAwaited;
}
