import type { IdRange } from "../collections/id_ranges.ts";

/** How many consecutive numbers have a page, and a word of it: one that is no object in V8. */
const PAGE_NUMBERS = 480;
const WORD_NUMBERS = 30;

/** Some of 480 consecutive numbers. */
interface Page {
  /** A plain array: it is made in a tenth of the time of a typed one, and often one number comes and goes. */
  readonly words: number[];
  count: number;
}

/**
 * A set of whole numbers that mostly lie near to each other, a bit for each one, in pages. A plain `Set` of a
 * million stands still for 15 ms and more when it grows; here that is a page. It costs nothing while it is empty:
 * there may be a hundred thousand streams.
 */
export class NumberSet {
  #pages: Map<number, Page> | undefined;
  #size = 0;
  /** The page that was used last, and its place. */
  #lastPlace = -1;
  #last: Page | undefined;

  get size(): number {
    return this.#size;
  }

  has(number: number): boolean {
    if (this.#size === 0) return false;
    const page = this.#find(number);
    return page !== undefined && (page.words[wordOf(number)]! & bitOf(number)) !== 0;
  }

  /** Those of some consecutive numbers that are here, in order. */
  list({ firstId, count }: IdRange): number[] {
    const found: number[] = [];
    const end = firstId + count;
    let number = firstId;
    while (number < end && this.#size > 0) {
      const pageEnd = Math.min(end, (Math.floor(number / PAGE_NUMBERS) + 1) * PAGE_NUMBERS);
      if (this.#find(number) === undefined) number = pageEnd;
      for (; number < pageEnd; number++) if (this.has(number)) found.push(number);
    }
    return found;
  }

  /** Adds a number; returns whether it was not there. */
  add(number: number): boolean {
    let page = this.#find(number);
    if (page === undefined) {
      page = this.#last = {
        words: new Array<number>(PAGE_NUMBERS / WORD_NUMBERS).fill(0),
        count: 0,
      };
      (this.#pages ??= new Map()).set(this.#lastPlace, page);
    }
    const word = wordOf(number);
    const bit = bitOf(number);
    if ((page.words[word]! & bit) !== 0) return false;
    page.words[word]! |= bit;
    page.count++;
    this.#size++;
    return true;
  }

  /** Removes a number; returns whether it was there. */
  delete(number: number): boolean {
    if (!this.has(number)) return false;
    const page = this.#last!;
    page.words[wordOf(number)]! &= ~bitOf(number);
    page.count--;
    this.#size--;
    if (this.#size === 0) this.#pages = undefined;
    else if (page.count === 0) this.#pages!.delete(this.#lastPlace);
    if (page.count === 0) this.#last = undefined;
    return true;
  }

  #find(number: number): Page | undefined {
    const place = Math.floor(number / PAGE_NUMBERS);
    if (place !== this.#lastPlace) {
      this.#lastPlace = place;
      this.#last = this.#pages?.get(place);
    }
    return this.#last;
  }
}

function wordOf(number: number): number {
  return Math.floor(number % PAGE_NUMBERS / WORD_NUMBERS);
}

function bitOf(number: number): number {
  return 1 << number % WORD_NUMBERS;
}
