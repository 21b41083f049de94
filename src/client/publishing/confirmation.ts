/**
 * The promises that publishing returns, and what failed without anybody hearing of it.
 *
 * @module
 */

import { traceCaller } from "../member/caller_trace.ts";

/** So many errors are kept; of more, only the number is told. */
const KEPT_MAX = 100;

/**
 * The promise of a confirm, which knows whether anybody waits for it. If nobody does when it fails, and
 * no `flush` or `close` of its publisher waits either, it is an unhandled rejection like that of every
 * other promise.
 *
 * One object is promise and resolver, because there is one for every message.
 */
export class Confirmation<T> extends Promise<T> {
  readonly #failures: Failures;
  readonly #resolve: (value: T | Promise<never>) => void;
  readonly #reject: (reason: unknown) => void;
  #isAwaited = false;
  /** What became of it, or what to do when that is known. One field, because there are so many. */
  #state: "stored" | "refused" | "abandoned" | (() => void) | undefined;

  /** What `then` and `await` make of it are ordinary promises. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  constructor(failures: Failures) {
    let resolve: (value: T | Promise<never>) => void = ignore;
    let reject: (reason: unknown) => void = ignore;
    super((resolveThis, rejectThis) => {
      resolve = resolveThis;
      reject = rejectThis;
    });
    this.#failures = failures;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether anybody waits for it. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  /** Whether the call has been given up: what of it is not sent yet need not be. */
  get isAbandoned(): boolean {
    return this.#state === "abandoned";
  }

  override then<R = T, E = never>(
    onFulfilled?: ((value: T) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    this.#isAwaited = true;
    return super.then(onFulfilled, onRejected);
  }

  /** It is stored. */
  resolve(value: T): void {
    const before = this.#state;
    // A call that went into several batches may have been refused by one of them.
    if (typeof before === "string") return;
    this.#state = "stored";
    this.#resolve(value);
    before?.();
  }

  /** It is not stored. */
  refuse(error: Error): void {
    this.#fail("refused", error);
  }

  /** It has waited long enough: whoever made the call has to hear of it. */
  expire(error: Error): void {
    this.#fail("abandoned", error);
  }

  /** Whoever made the call has given it up: there is nothing to tell to anybody. */
  abandon(reason: unknown): void {
    const before = this.#state;
    if (typeof before === "string") return;
    this.#state = "abandoned";
    this.silence();
    this.#reject(reason);
    before?.();
  }

  /** Does something as soon as the outcome is known; that is not waiting for it. */
  whenSettled(action: () => void): void {
    const before = this.#state;
    if (typeof before === "string") return action();
    this.#state = before === undefined ? action : () => {
      before();
      action();
    };
  }

  /** Somebody else hears of its failure: it is no unhandled rejection. */
  silence(): void {
    super.then(undefined, ignore);
  }

  #fail(state: "refused" | "abandoned", error: Error): void {
    const before = this.#state;
    if (typeof before === "string") return;
    this.#state = state;
    this.#failures.note(this, error);
    if (this.#isAwaited) this.#resolve(traceCaller(error));
    else this.#reject(error);
    before?.();
  }
}

function ignore(): void {}

/** The promise of a call, as far as failures are concerned. */
type FailedCall = Pick<Confirmation<never>, "isAwaited" | "silence">;

/** A failed call that nobody was waiting for when it failed. */
interface Failure {
  readonly call: FailedCall;
  readonly error: Error;
}

/** Failures of calls that nobody waits for. */
export class Failures {
  readonly #isHeard: () => boolean;
  #kept: Failure[] = [];
  #droppedCount = 0;
  /** What has failed since microtasks ran last: a `flush` that comes now still hears of it. */
  #fresh: FailedCall[] = [];

  /** @param isHeard Whether somebody waits who will be told of all that fails now. */
  constructor(isHeard: () => boolean) {
    this.#isHeard = isHeard;
  }

  /** Notes a failed call, unless somebody waits for it. */
  note(call: FailedCall, error: Error): void {
    if (call.isAwaited) return;
    if (this.#isHeard()) call.silence();
    else this.#refresh(call);
    if (this.#kept.length === KEPT_MAX) this.#kept = this.#kept.filter(isUnheard);
    if (this.#kept.length < KEPT_MAX) this.#kept.push({ call, error });
    else this.#droppedCount++;
  }

  /** Somebody waits from now on: what has failed in this very moment is no unhandled rejection. */
  hear(): void {
    for (const call of this.#fresh) call.silence();
    this.#fresh = [];
  }

  /** Takes those that nobody waits for even now, as one error, if there are any. */
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

function isUnheard({ call }: Failure): boolean {
  return !call.isAwaited;
}
