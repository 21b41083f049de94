import type { Stream } from "./stream.ts";

/** So many numbers of streams that are gone are kept, beside one for each that is there. */
const GONE_MAX = 1024;

/** Streams by number, with the next ones behind a number at hand, however many there are. */
export class NumberedStreams {
  readonly #streams = new Map<number, Stream>();
  /** The numbers in order, some of them of streams that are gone. */
  #numbers: number[] = [];
  #isSorted = true;
  #last = 0;

  /** No stream has a higher number than this. */
  get last(): number {
    return this.#last;
  }

  get(number: number): Stream | undefined {
    return this.#streams.get(number);
  }

  /** Adds a stream; its number is mostly the highest so far. */
  add(stream: Stream): void {
    const { number } = stream;
    const last = this.#numbers.at(-1) ?? 0;
    this.#streams.set(number, stream);
    this.#last = Math.max(this.#last, number);
    if (number === last) return;
    if (number < last) this.#isSorted = false;
    this.#numbers.push(number);
  }

  delete(number: number): void {
    this.#streams.delete(number);
    if (this.#numbers.length > 2 * this.#streams.size + GONE_MAX) this.#tidy();
  }

  /** The streams with numbers above one, in order. */
  *listBehind(after: number): Generator<Stream> {
    if (!this.#isSorted) this.#tidy();
    const numbers = this.#numbers;
    for (let index = this.#findBehind(after); index < numbers.length; index++) {
      const stream = this.#streams.get(numbers[index]!);
      if (stream !== undefined) yield stream;
    }
  }

  #findBehind(after: number): number {
    let low = 0;
    let high = this.#numbers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#numbers[middle]! <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Puts the numbers in order, and forgets those of streams that are gone. */
  #tidy(): void {
    this.#numbers = [...this.#streams.keys()].sort((one, other) => one - other);
    this.#isSorted = true;
  }
}
