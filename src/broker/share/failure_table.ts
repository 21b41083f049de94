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

/** How many ids a page has. */
const PAGE_IDS = 4096;

type Page = Map<number, NotedFailure>;

/**
 * Failures of messages, by id: some 140 bytes each beside the reasons, which are shared. They are in pages, since a
 * map of a million entries stands still for some 50 ms whenever it grows or shrinks.
 */
export class FailureTable {
  readonly #pool: ReasonPool;
  #pages: Map<number, Page> | undefined;
  #size = 0;
  /** The last failure and its entry: messages that failed together share it. */
  #last: { readonly failure: Failure; readonly note: NotedFailure } | undefined;

  constructor(pool: ReasonPool) {
    this.#pool = pool;
  }

  get size(): number {
    return this.#size;
  }

  /** The failures of a message; the same object for messages that failed together. */
  get(id: number): Failure | undefined {
    return this.#pages?.get(placeOf(id))?.get(id);
  }

  /**
   * Replaces the failure of a message.
   *
   * @param isLeaving Whether the message goes to the dead letters now: then all reasons are kept.
   */
  set(id: number, failure: Failure, isLeaving = false): void {
    const page = this.#requirePage(placeOf(id));
    const note = this.#noteOf(failure, isLeaving);
    note.use();
    const before = page.get(id);
    page.set(id, note);
    if (before !== undefined) return this.#leave(before);
    this.#pool.book(NOTE_BYTES);
    this.#size++;
  }

  delete(id: number): void {
    const place = placeOf(id);
    const page = this.#pages?.get(place);
    const note = page?.get(id);
    if (page === undefined || note === undefined) return;
    page.delete(id);
    this.#pool.book(-NOTE_BYTES);
    this.#leave(note);
    if (page.size === 0) this.#pages!.delete(place);
    if (--this.#size === 0) this.clear();
  }

  clear(): void {
    for (const page of this.#pages?.values() ?? []) {
      for (const note of page.values()) this.#leave(note);
    }
    this.#pool.book(-NOTE_BYTES * this.#size);
    this.#size = 0;
    this.#pages = undefined;
    this.#last = undefined;
  }

  /** Messages with their failures, in no order. */
  *[Symbol.iterator](): Generator<[number, Failure]> {
    for (const page of this.#pages?.values() ?? []) yield* page;
  }

  #requirePage(place: number): Page {
    const pages = this.#pages ??= new Map();
    let page = pages.get(place);
    if (page === undefined) pages.set(place, page = new Map());
    return page;
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

/** The place of an id's page. */
function placeOf(id: number): number {
  return Math.floor(id / PAGE_IDS);
}
