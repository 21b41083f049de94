/** How many ids a page has; a power of two. */
const PAGE_IDS = 64;

/** So many empty pages are kept for the next ids. */
const SPARE_MAX = 16;

/** The keys of 64 consecutive ids; those of messages that no follower has are negative. */
class Page {
  readonly keys = new Int32Array(PAGE_IDS);
  count = 0;
}

/**
 * The number of the key that each message holds, and whether a follower has the message. Ids mostly come and go in order, and lie near to each other: a
 * plain `Map` takes ten times as long, and stands still whenever a million entries of it have gone.
 */
export class HeldKeys {
  readonly #pages = new Map<number, Page>();
  readonly #spare: Page[] = [];
  /** The page that was used last, and its place. */
  #lastPlace = -1;
  #last: Page | undefined;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  has(id: number): boolean {
    return this.get(id) !== 0;
  }

  /** The key of a message; 0 if it holds none. */
  get(id: number): number {
    if (this.#count === 0) return 0;
    const page = this.#find(Math.floor(id / PAGE_IDS));
    return page === undefined ? 0 : Math.abs(page.keys[id % PAGE_IDS]!);
  }

  /** Whether a message holds a key and no follower has it. */
  isBack(id: number): boolean {
    if (this.#count === 0) return false;
    const page = this.#find(Math.floor(id / PAGE_IDS));
    return page !== undefined && page.keys[id % PAGE_IDS]! < 0;
  }

  /** Notes whether no follower has a message, if it holds a key; returns whether that was so. */
  setBack(id: number, isBack: boolean): boolean {
    const page = this.#find(Math.floor(id / PAGE_IDS));
    if (page === undefined) return false;
    const index = id % PAGE_IDS;
    const before = page.keys[index]!;
    page.keys[index] = isBack ? -Math.abs(before) : Math.abs(before);
    return before < 0;
  }

  /** Notes the key of a message that a follower has, or will have. */
  set(id: number, key: number): void {
    const place = Math.floor(id / PAGE_IDS);
    let page = this.#find(place);
    if (page === undefined) {
      page = this.#last = this.#spare.pop() ?? new Page();
      this.#pages.set(place, page);
    }
    const index = id % PAGE_IDS;
    if (page.keys[index] === 0) {
      page.count++;
      this.#count++;
    }
    page.keys[index] = key;
  }

  /** Forgets a message; returns its key, or 0 if it holds none. */
  delete(id: number): number {
    if (this.#count === 0) return 0;
    const place = Math.floor(id / PAGE_IDS);
    const page = this.#find(place);
    const index = id % PAGE_IDS;
    const key = Math.abs(page?.keys[index] ?? 0);
    if (page === undefined || key === 0) return 0;
    page.keys[index] = 0;
    this.#count--;
    if (--page.count > 0) return key;
    this.#pages.delete(place);
    this.#last = undefined;
    this.#lastPlace = -1;
    if (this.#spare.length < SPARE_MAX) this.#spare.push(page);
    return key;
  }

  #find(place: number): Page | undefined {
    if (place === this.#lastPlace) return this.#last;
    this.#lastPlace = place;
    return this.#last = this.#pages.get(place);
  }
}
