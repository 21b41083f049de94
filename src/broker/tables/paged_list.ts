/** How many things a page has, as a power of two. */
const PAGE_SHIFT = 10;
const PAGE_LENGTH = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_LENGTH - 1;

/** A thing for each number of 0, 1, 2 and so on, or none, in pages: more numbers are one more page. */
export class PagedList<T> {
  readonly #pages: (T | undefined)[][] = [];
  /** How many things each page has. */
  readonly #counts: number[] = [];

  /** How many numbers the pages have. */
  get room(): number {
    return this.#pages.length * PAGE_LENGTH;
  }

  get(number: number): T | undefined {
    const page = this.#pages[number >>> PAGE_SHIFT];
    return page === undefined ? undefined : page[number & PAGE_MASK];
  }

  /** The thing of a number; it is made if there is none. */
  require(number: number, create: () => T): T {
    const known = this.get(number);
    if (known !== undefined) return known;
    const thing = create();
    this.set(number, thing);
    return thing;
  }

  set(number: number, thing: T | undefined): void {
    const at = number >>> PAGE_SHIFT;
    if (thing === undefined && at >= this.#pages.length) return;
    while (this.#pages.length <= at) {
      this.#pages.push([]);
      this.#counts.push(0);
    }
    const page = this.#pages[at]!;
    const before = page[number & PAGE_MASK];
    if (before === thing) return;
    page[number & PAGE_MASK] = thing;
    if (before === undefined) this.#counts[at]!++;
    else if (thing === undefined) this.#counts[at]!--;
  }

  /** The numbers and their things; none of them must be set meanwhile. */
  *[Symbol.iterator](): Generator<[number, T]> {
    for (const [at, page] of this.#pages.entries()) {
      if (this.#counts[at] === 0) continue;
      for (const [index, thing] of page.entries()) {
        if (thing !== undefined) yield [at * PAGE_LENGTH + index, thing];
      }
    }
  }

  /** Forgets all things from a number on. */
  cut(number: number): void {
    const count = Math.ceil(number / PAGE_LENGTH);
    if (count < this.#pages.length) this.#pages.length = this.#counts.length = count;
    const last = this.#pages[count - 1];
    const left = number - (count - 1) * PAGE_LENGTH;
    // Mostly one: a shorter length is set by passing all the room behind it.
    while (last !== undefined && last.length > left) {
      if (last.pop() !== undefined) this.#counts[count - 1]!--;
    }
  }
}
