import { NumberSet } from "./number_set.ts";

/** How many numbers a page has. */
const PAGE_LENGTH = 1024;

/**
 * Whole numbers that wait in a line, each once. They are in pages: a plain `Set` of a million stands still when it
 * grows, and looking for its first one passes all that were taken out.
 */
export class NumberLine {
  readonly #pages: number[][] = [];
  /** The index of the first one in its page. */
  #at = 0;
  readonly #waiting = new NumberSet();

  get size(): number {
    return this.#waiting.size;
  }

  /** Adds a number behind the others, if it is not here. */
  add(number: number): void {
    if (!this.#waiting.add(number)) return;
    const last = this.#pages.at(-1);
    if (last === undefined || last.length === PAGE_LENGTH) this.#pages.push([number]);
    else last.push(number);
  }

  /** Takes the first one out; undefined if there is none. */
  take(): number | undefined {
    const first = this.#pages[0];
    if (first === undefined) return undefined;
    const number = first[this.#at++]!;
    this.#waiting.delete(number);
    if (this.#at === first.length) {
      this.#pages.shift();
      this.#at = 0;
    }
    return number;
  }
}
