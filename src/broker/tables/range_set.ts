import type { IdRange } from "../collections/id_ranges.ts";

/** How many consecutive ids have a page. */
const PAGE_IDS = 1024;

/**
 * A set of ranges of ids, told apart as objects, in pages by their first ids. A plain `Set` of a million stands
 * still when it grows; here that is a page. It costs nothing while it is empty.
 */
export class RangeSet<T extends IdRange> {
  #pages: Map<number, Set<T>> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(range: T): void {
    this.#pages ??= new Map();
    const place = placeOf(range);
    let page = this.#pages.get(place);
    if (page === undefined) this.#pages.set(place, page = new Set());
    const before = page.size;
    page.add(range);
    this.#size += page.size - before;
  }

  /** Removes a range; returns whether it was there. */
  delete(range: T): boolean {
    const place = placeOf(range);
    const page = this.#pages?.get(place);
    if (page === undefined || !page.delete(range)) return false;
    this.#size--;
    if (page.size === 0) this.#pages!.delete(place);
    if (this.#size === 0) this.#pages = undefined;
    return true;
  }

  /** The ranges, page by page, and in a page in the order in which they were added. */
  *[Symbol.iterator](): Generator<T> {
    for (const page of this.#pages?.values() ?? []) yield* page;
  }
}

function placeOf({ firstId }: IdRange): number {
  return Math.floor(firstId / PAGE_IDS);
}
