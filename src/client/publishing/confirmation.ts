import { traceCaller } from "../member/caller_trace.ts";
import type { Failures } from "./failures.ts";

/**
 * Told of an outcome: why the call failed, if it did. If it had failed before, only how is known: "refused" or
 * "abandoned".
 */
type OutcomeAction = (error?: unknown) => void;

/**
 * The promise of a confirm, which knows whether it is awaited. If it fails unawaited while no `flush` or
 * `close` of its publisher waits, it is an unhandled rejection, like that of any promise.
 *
 * One object is promise and resolver, because there is one for every message.
 */
export class Confirmation<T> extends Promise<T> {
  readonly #failures: Pick<Failures, "note">;
  readonly #resolve: (value: T | Promise<never>) => void;
  readonly #reject: (reason: unknown) => void;
  #isAwaited = false;
  /** The outcome, or the action to run when it is known. One field, for every message has one. */
  #state: "stored" | "refused" | "abandoned" | OutcomeAction | undefined;

  /** `then` and `await` create ordinary promises. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  constructor(failures: Pick<Failures, "note">) {
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

  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  /** Whether the call was given up: its unsent messages are not sent. */
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

  /** The call has timed out. */
  expire(error: Error): void {
    this.#fail("abandoned", error);
  }

  /** The caller has given the call up, and needs no report. */
  abandon(reason: unknown): void {
    const before = this.#state;
    if (typeof before === "string") return;
    this.#state = "abandoned";
    this.silence();
    this.#reject(reason);
    before?.(reason);
  }

  /** Runs an action as soon as the outcome is known, without awaiting it. */
  onOutcome(action: OutcomeAction): void {
    const before = this.#state;
    if (before === "stored") return action();
    if (typeof before === "string") return action(before);
    this.#state = before === undefined ? action : (error) => {
      before(error);
      action(error);
    };
  }

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
    before?.(error);
  }
}

function ignore(): void {}
