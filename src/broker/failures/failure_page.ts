/** How many ids a page has: 2 to the power of the bits of a place. */
export const PAGE_IDS = 4096;
const PLACE_BITS = 12;

/** Numbers of one slot: the place plus one, or 0 if the slot is free; two times; the kind. */
const WIDTH = 4;
const FIRST_AT = 1;
const LAST_AT = 2;
const KIND = 3;

const CAPACITY_MIN = 4;

/** An odd number: it spreads places, and no two of them have the same slot if there is one for each. */
const SPREAD = 0x9e3779b1;

/** The rough size of a page beside its slots, in bytes. */
const PAGE_BYTES = 400;

/**
 * Times and kinds of the failures of neighbouring messages, by their places in the page, in one array of numbers:
 * 32 bytes each in a full page, and no objects. Slots are found by open addressing; three quarters are used at
 * most, unless there is one for each place.
 */
export class FailurePage {
  #numbers: Float64Array<ArrayBuffer> = new Float64Array(CAPACITY_MIN * WIDTH);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many bytes it takes, about. */
  get bytes(): number {
    return PAGE_BYTES + this.#numbers.byteLength;
  }

  /** The slot of a place; -1 if it has none. */
  find(place: number): number {
    const slot = this.#seek(place);
    return this.#isFree(slot) ? -1 : slot;
  }

  firstAt(slot: number): number {
    return this.#numbers[slot * WIDTH + FIRST_AT]!;
  }

  lastAt(slot: number): number {
    return this.#numbers[slot * WIDTH + LAST_AT]!;
  }

  kind(slot: number): number {
    return this.#numbers[slot * WIDTH + KIND]!;
  }

  /** Sets what is known of a place, which may be new. */
  set(place: number, firstAt: number, lastAt: number, kind: number): void {
    let slot = this.#seek(place);
    if (this.#isFree(slot)) {
      this.#size++;
      if (this.#size * 4 > this.#capacity * 3 && this.#capacity < PAGE_IDS) {
        this.#resize(this.#capacity * 2);
        slot = this.#seek(place);
      }
    }
    const at = slot * WIDTH;
    this.#numbers[at] = place + 1;
    this.#numbers[at + FIRST_AT] = firstAt;
    this.#numbers[at + LAST_AT] = lastAt;
    this.#numbers[at + KIND] = kind;
  }

  /** Frees a slot that is used. */
  remove(slot: number): void {
    const numbers = this.#numbers;
    const mask = this.#capacity - 1;
    this.#size--;
    let free = slot;
    // Those behind it may have come to their places since this one was taken.
    const isCrowded = this.#capacity < PAGE_IDS;
    for (let next = slot + 1 & mask; isCrowded && !this.#isFree(next); next = next + 1 & mask) {
      const way = next - this.#homeOf(numbers[next * WIDTH]! - 1) & mask;
      if (way < (next - free & mask)) continue;
      numbers.copyWithin(free * WIDTH, next * WIDTH, (next + 1) * WIDTH);
      free = next;
    }
    numbers.fill(0, free * WIDTH, (free + 1) * WIDTH);
    if (this.#capacity > CAPACITY_MIN && this.#size * 8 < this.#capacity) {
      this.#resize(this.#capacity / 2);
    }
  }

  /** The places that have slots, in no order. */
  *places(): Generator<number> {
    for (let slot = 0; slot < this.#capacity; slot++) {
      if (!this.#isFree(slot)) yield this.#numbers[slot * WIDTH]! - 1;
    }
  }

  get #capacity(): number {
    return this.#numbers.length / WIDTH;
  }

  #isFree(slot: number): boolean {
    return this.#numbers[slot * WIDTH] === 0;
  }

  /** The slot that a place has if no other one is in its way. */
  #homeOf(place: number): number {
    const spread = Math.imul(place, SPREAD) & (PAGE_IDS - 1);
    return spread >>> PLACE_BITS - Math.log2(this.#capacity);
  }

  /** The slot of a place, or the free one that it would have. */
  #seek(place: number): number {
    const mask = this.#capacity - 1;
    let slot = this.#homeOf(place);
    while (!this.#isFree(slot) && this.#numbers[slot * WIDTH] !== place + 1) slot = slot + 1 & mask;
    return slot;
  }

  #resize(capacity: number): void {
    const before = this.#numbers;
    this.#numbers = new Float64Array(capacity * WIDTH);
    for (let at = 0; at < before.length; at += WIDTH) {
      if (before[at] === 0) continue;
      this.#numbers.set(before.subarray(at, at + WIDTH), this.#seek(before[at]! - 1) * WIDTH);
    }
  }
}
