/**
 * The promises that publishing returns, and what failed without anybody hearing of it.
 *
 * @module
 */

/** So many errors are kept; of more, only the number is told. */
const KEPT_MAX = 100;

/**
 * The promise of a confirm, which knows whether anybody waits for it. If nobody does when it fails,
 * the failure does not end the process but is noted, and told by `flush` or `close`.
 *
 * One object is promise and resolver, because there is one for every message.
 */
export class Confirmation<T> extends Promise<T> {
  readonly #failures: Failures;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: unknown) => void;
  #isAwaited = false;
  #failure: "refused" | "abandoned" | undefined;

  /** What `then` and `await` make of it are ordinary promises. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  constructor(failures: Failures) {
    let resolve: (value: T) => void = ignore;
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

  /** Whether the call has been given up. */
  get isAbandoned(): boolean {
    return this.#failure === "abandoned";
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
    this.#resolve(value);
  }

  /** It is not stored. */
  refuse(error: Error): void {
    // A call that went into several batches may be refused by each of them.
    if (this.#failure !== undefined) return;
    this.#failure = "refused";
    this.#failures.note(this, error);
    this.#reject(error);
  }

  /** Whoever made the call has given it up: there is nothing to tell to anybody. */
  abandon(reason: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = "abandoned";
    this.silence();
    this.#reject(reason);
  }

  /** Does something as soon as the outcome is known; that is not waiting for it. */
  whenSettled(action: () => void): void {
    super.then(action, action);
  }

  /** Keeps its failure from ending the process; that is not waiting for it. */
  silence(): void {
    super.then(undefined, ignore);
  }
}

function ignore(): void {}

/** A failed call that nobody was waiting for when it failed. */
interface Failure {
  readonly confirmation: Pick<Confirmation<never>, "isAwaited" | "silence">;
  readonly error: Error;
}

/** Failures that nobody has heard of yet. */
export class Failures {
  #kept: Failure[] = [];
  #droppedCount = 0;

  /** Notes a failed call, unless somebody waits for it. */
  note(confirmation: Failure["confirmation"], error: Error): void {
    if (confirmation.isAwaited) return;
    confirmation.silence();
    if (this.#kept.length === KEPT_MAX) this.#kept = this.#kept.filter(isUnheard);
    if (this.#kept.length < KEPT_MAX) this.#kept.push({ confirmation, error });
    else this.#droppedCount++;
  }

  /** Tells of those that nobody waits for even now: rejects with them, if there are any. */
  tell(): Promise<void> {
    const error = this.take();
    return error === undefined ? Promise.resolve() : Promise.reject(error);
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
}

function isUnheard({ confirmation }: Failure): boolean {
  return !confirmation.isAwaited;
}
