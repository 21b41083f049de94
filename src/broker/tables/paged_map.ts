/** How many consecutive numbers have a page. */
const PAGE_NUMBERS = 1024;

/**
 * Values by whole numbers that mostly lie near to each other, in pages. A plain `Map` of a million stands still
 * for 50 ms and more when it grows or shrinks; here that is a page.
 */
export class PagedMap<Value> {
  readonly #pages = new Map<number, Map<number, Value>>();
  #size = 0;
  /** The page that was used last, and its place. */
  #lastPlace = -1;
  #last: Map<number, Value> | undefined;

  get size(): number {
    return this.#size;
  }

  has(number: number): boolean {
    return this.#find(number)?.has(number) ?? false;
  }

  get(number: number): Value | undefined {
    return this.#find(number)?.get(number);
  }

  set(number: number, value: Value): void {
    let page = this.#find(number);
    if (page === undefined) {
      page = this.#last = new Map();
      this.#pages.set(this.#lastPlace, page);
    }
    const before = page.size;
    page.set(number, value);
    this.#size += page.size - before;
  }

  /** Removes a number; returns whether it was there. */
  delete(number: number): boolean {
    const page = this.#find(number);
    if (page === undefined || !page.delete(number)) return false;
    this.#size--;
    if (page.size === 0) {
      this.#pages.delete(this.#lastPlace);
      this.#last = undefined;
    }
    return true;
  }

  clear(): void {
    this.#pages.clear();
    this.#last = undefined;
    this.#size = 0;
  }

  /** Numbers and values, page by page. */
  *[Symbol.iterator](): Generator<[number, Value]> {
    for (const page of this.#pages.values()) yield* page;
  }

  *keys(): Generator<number> {
    for (const page of this.#pages.values()) yield* page.keys();
  }

  *values(): Generator<Value> {
    for (const page of this.#pages.values()) yield* page.values();
  }

  #find(number: number): Map<number, Value> | undefined {
    const place = Math.floor(number / PAGE_NUMBERS);
    if (place !== this.#lastPlace) {
      this.#lastPlace = place;
      this.#last = this.#pages.get(place);
    }
    return this.#last;
  }
}
