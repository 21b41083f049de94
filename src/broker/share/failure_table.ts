import type { Failure } from "./failure.ts";
import { listReasons, type Reason, type ReasonPool } from "./reason_pool.ts";

/** The rough size of a message's entry beside its reasons, in bytes. */
const NOTE_BYTES = 150;

/** A failure in little memory. */
class NotedFailure implements Failure {
  readonly firstAt: number;
  readonly follower: string;
  /** Two large numbers would take up more than a large and a small one. */
  readonly #ms: number;
  readonly #reason: Reason;
  #uses = 0;

  constructor(failure: Failure, reason: Reason) {
    const { firstAt, lastAt, reasons: _, follower, ...others } = failure;
    this.firstAt = firstAt;
    this.follower = follower;
    this.#ms = lastAt - firstAt;
    this.#reason = reason;
    // Only few failures have these.
    Object.assign(this, others);
  }

  get lastAt(): number {
    return this.firstAt + this.#ms;
  }

  get reasons(): readonly string[] {
    return listReasons(this.#reason);
  }

  use(): void {
    this.#uses++;
  }

  /** Counts one message less; returns the reasons if it was the last one. */
  leave(): Reason | undefined {
    return --this.#uses === 0 ? this.#reason : undefined;
  }

  /** The failure as it is written. */
  toJSON(): Failure {
    const { lastAt, reasons } = this;
    return { ...this, lastAt, reasons };
  }
}

/**
 * Failures of messages, by id: some 140 bytes each beside the reasons, which are shared.
 */
export class FailureTable {
  readonly #pool: ReasonPool;
  #notes: Map<number, NotedFailure> | undefined;
  /** The last failure and its entry: messages that failed together share it. */
  #last: { readonly failure: Failure; readonly note: NotedFailure } | undefined;

  constructor(pool: ReasonPool) {
    this.#pool = pool;
  }

  get size(): number {
    return this.#notes?.size ?? 0;
  }

  /** The failures of a message; the same object for messages that failed together. */
  get(id: number): Failure | undefined {
    return this.#notes?.get(id);
  }

  /**
   * Replaces the failure of a message.
   *
   * @param isLeaving Whether the message goes to the dead letters now: then all reasons are kept.
   */
  set(id: number, failure: Failure, isLeaving = false): void {
    const notes = this.#notes ??= new Map();
    const note = this.#noteOf(failure, isLeaving);
    note.use();
    const before = notes.get(id);
    notes.set(id, note);
    if (before === undefined) this.#pool.book(NOTE_BYTES);
    else this.#leave(before);
  }

  delete(id: number): void {
    const note = this.#notes?.get(id);
    if (note === undefined) return;
    this.#notes!.delete(id);
    this.#pool.book(-NOTE_BYTES);
    this.#leave(note);
    if (this.#notes!.size === 0) this.clear();
  }

  clear(): void {
    for (const note of this.#notes?.values() ?? []) this.#leave(note);
    this.#pool.book(-NOTE_BYTES * this.size);
    this.#notes = undefined;
    this.#last = undefined;
  }

  /** Messages with their failures, in no order. */
  [Symbol.iterator](): Iterator<[number, Failure]> {
    return (this.#notes ?? new Map<number, Failure>())[Symbol.iterator]();
  }

  #noteOf(failure: Failure, isLeaving: boolean): NotedFailure {
    if (failure instanceof NotedFailure) return failure;
    if (this.#last?.failure === failure) return this.#last.note;
    const note = new NotedFailure(failure, this.#pool.hold(failure.reasons, isLeaving));
    this.#last = { failure, note };
    return note;
  }

  #leave(note: NotedFailure): void {
    const reason = note.leave();
    if (reason === undefined) return;
    this.#pool.release(reason);
    if (this.#last?.note === note) this.#last = undefined;
  }
}
