import type { Failure } from "./failure.ts";
import { FailureKinds } from "./failure_kinds.ts";
import { FailurePage, PAGE_IDS } from "./failure_page.ts";
import type { ReasonPool } from "./reason_pool.ts";

/** What a share has once a message has failed: most of very many shares have none of it. */
class Failures {
  readonly pages = new Map<number, FailurePage>();
  readonly kinds: FailureKinds;
  size = 0;
  /** The last failure and the number of its kind: messages that failed together share it. */
  last: { readonly failure: Failure; readonly kind: number } | undefined = undefined;

  constructor(pool: ReasonPool) {
    this.kinds = new FailureKinds(pool);
  }
}

/**
 * Failures of messages, by id: some 40 bytes each beside what is said of them, which is shared. They are in pages,
 * since one table of a million entries stands still whenever it grows or shrinks.
 */
export class FailureTable {
  readonly #pool: ReasonPool;
  #failures: Failures | undefined;

  constructor(pool: ReasonPool) {
    this.#pool = pool;
  }

  get size(): number {
    return this.#failures?.size ?? 0;
  }

  /** The failures of a message; a new object each time. */
  get(id: number): Failure | undefined {
    const page = this.#failures?.pages.get(pageOf(id));
    const slot = page?.find(id % PAGE_IDS) ?? -1;
    if (page === undefined || slot < 0) return undefined;
    return this.#failures!.kinds.tell(page.kind(slot), page.firstAt(slot), page.lastAt(slot));
  }

  has(id: number): boolean {
    const page = this.#failures?.pages.get(pageOf(id));
    return page !== undefined && page.find(id % PAGE_IDS) >= 0;
  }

  /** Whether the failures of two messages are the same; those that failed together have the same ones. */
  areAlike(one: number, other: number): boolean {
    const pages = this.#failures?.pages;
    const [page, otherPage] = [pages?.get(pageOf(one)), pages?.get(pageOf(other))];
    const slot = page?.find(one % PAGE_IDS) ?? -1;
    const otherSlot = otherPage?.find(other % PAGE_IDS) ?? -1;
    if (page === undefined || otherPage === undefined || slot < 0 || otherSlot < 0) {
      return slot < 0 && otherSlot < 0;
    }
    return page.kind(slot) === otherPage.kind(otherSlot) &&
      page.firstAt(slot) === otherPage.firstAt(otherSlot) &&
      page.lastAt(slot) === otherPage.lastAt(otherSlot);
  }

  /**
   * Replaces the failure of a message.
   *
   * @param isLeaving Whether the message goes to the dead letters now: then all reasons are kept.
   */
  set(id: number, failure: Failure, isLeaving = false): void {
    const failures = this.#failures ??= new Failures(this.#pool);
    // Before the old one is let go: they may have reasons in common.
    const kind = holdKind(failures, failure, isLeaving);
    const page = this.#requirePage(failures, pageOf(id));
    const slot = page.find(id % PAGE_IDS);
    const before = slot < 0 ? -1 : page.kind(slot);
    const { bytes } = page;
    page.set(id % PAGE_IDS, failure.firstAt, failure.lastAt, kind);
    if (before < 0) failures.size++;
    else releaseKind(failures, before);
    this.#pool.book(page.bytes - bytes);
  }

  delete(id: number): void {
    const failures = this.#failures;
    const page = failures?.pages.get(pageOf(id));
    const slot = page?.find(id % PAGE_IDS) ?? -1;
    if (failures === undefined || page === undefined || slot < 0) return;
    const kind = page.kind(slot);
    const { bytes } = page;
    page.remove(slot);
    releaseKind(failures, kind);
    if (page.size > 0) this.#pool.book(page.bytes - bytes);
    else {
      failures.pages.delete(pageOf(id));
      this.#pool.book(-bytes);
    }
    if (--failures.size === 0) this.#failures = undefined;
  }

  clear(): void {
    const failures = this.#failures;
    if (failures === undefined) return;
    for (const page of failures.pages.values()) {
      for (const place of page.places()) failures.kinds.release(page.kind(page.find(place)));
      this.#pool.book(-page.bytes);
    }
    this.#failures = undefined;
  }

  /** Messages with their failures, in no order. */
  *[Symbol.iterator](): Generator<[number, Failure]> {
    for (const [number, page] of this.#failures?.pages ?? []) {
      for (const place of page.places()) {
        const id = number * PAGE_IDS + place;
        yield [id, this.get(id)!];
      }
    }
  }

  #requirePage({ pages }: Failures, number: number): FailurePage {
    let page = pages.get(number);
    if (page !== undefined) return page;
    pages.set(number, page = new FailurePage());
    this.#pool.book(page.bytes);
    return page;
  }
}

/** The kind of a failure, for one message. */
function holdKind(failures: Failures, failure: Failure, isLeaving: boolean): number {
  const { kinds, last } = failures;
  if (last?.failure === failure) return kinds.holdAgain(last.kind);
  const kind = kinds.hold(failure, isLeaving);
  failures.last = { failure, kind };
  return kind;
}

function releaseKind(failures: Failures, kind: number): void {
  if (failures.kinds.release(kind) && failures.last?.kind === kind) failures.last = undefined;
}

/** The number of an id's page. */
function pageOf(id: number): number {
  return Math.floor(id / PAGE_IDS);
}
