/** The least room of a ring that is not empty; always a power of two. */
const ROOM_MIN = 2;

/** The most room that an empty ring keeps. */
const ROOM_KEPT = 16;

/** A queue with two ends; adding and taking there costs the same for every length. */
export class Ring<T> {
  /** None at first: there may be a hundred thousand rings, and most are empty. */
  #items: (T | undefined)[] = [];
  #first = 0;
  #length = 0;
  #moveCount = 0;

  get length(): number {
    return this.#length;
  }

  /** How often a thing was moved to make room for others; tests bound this cost. */
  get moveCount(): number {
    return this.#moveCount;
  }

  /** The thing at an index; the first one has 0. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#length) return undefined;
    return this.#items[(this.#first + index) & (this.#items.length - 1)];
  }

  push(item: T): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#put(this.#length++, item);
  }

  /** Puts a thing in front of the one at an index; it costs as much as there is behind it. */
  insert(index: number, item: T): void {
    this.push(item);
    for (let at = this.#length - 1; at > index; at--) {
      this.#put(at, this.at(at - 1)!);
      this.#moveCount++;
    }
    this.#put(index, item);
  }

  /** Puts a thing in the place of the first one. */
  replaceFirst(item: T): void {
    this.#put(0, item);
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#items.length - 1);
    this.#length--;
    // Room that was needed once is not kept for ever.
    if (this.#length === 0 && this.#items.length > ROOM_KEPT) this.clear();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
    this.#length = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let index = 0; index < this.#length; index++) yield this.at(index)!;
  }

  /**
   * Finds, in a sorted queue, the first thing for which `isLess` is false.
   *
   * @param isLess Whether a thing is less.
   * @returns Its index, or the length if there is none.
   */
  findIndex(isLess: (item: T) => boolean): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isLess(this.at(middle)!)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #put(index: number, item: T): void {
    this.#items[(this.#first + index) & (this.#items.length - 1)] = item;
  }

  #grow(): void {
    const grown = new Array<T | undefined>(Math.max(ROOM_MIN, this.#items.length * 2));
    for (let index = 0; index < this.#length; index++) grown[index] = this.at(index);
    this.#moveCount += this.#length;
    this.#items = grown;
    this.#first = 0;
  }
}
