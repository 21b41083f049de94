import { findEntryCoalesceId, findEntryKey } from "../../protocol/messages/properties.ts";
import { KeyedHash } from "../collections/keyed_hash.ts";

/** The places of the index at first; always a power of two. */
const PLACES_MIN = 128;

/** Room for more keys than these is given back when there is none. */
const KEPT_MAX = 1024;

/** The room for what is known of each key at first. All are different: no two grow in the same step. */
const HASHES_MIN = 64;
const OTHERS_MIN = 96;
const HOLDERS_MIN = 80;

/** With each key that has a new number, so many others move to the new index. */
const MOVED_WITH = 8;

/**
 * Keys by their bytes, each with the message that holds it: an open hash table in typed arrays, so that
 * delivering a message with a key creates no object and no string.
 *
 * ```text
 *   index     │ 0 │ 3 │ 0 │ 1 │ 2 │…     numbers of keys, at the places that their hashes say; 0: free
 *   by number │ hash, hash, holder │…    the numbers stay the same while a key is there
 * ```
 *
 * A larger index is filled bit by bit: nobody is served while a million keys move. Until it has all, the one before
 * stays as it was, and what is not found in the new one is looked for there. What is known by number is copied, which
 * takes a millisecond or two for a million.
 */
export class KeyTable {
  readonly #hash: KeyedHash;
  #index = new Int32Array(PLACES_MIN);
  /** The index before, which is not changed any more; and the numbers of it that have not moved: from one to another. */
  #old: Int32Array | undefined;
  #unmoved = 0;
  #unmovedEnd = 0;
  #hashes = new Int32Array(HASHES_MIN);
  #otherHashes = new Int32Array(OTHERS_MIN);
  /** The message that holds a key; of a free number the next free one, below 0. */
  #holders = new Float64Array(HOLDERS_MIN);
  /** The number that was freed last, and how many are free. */
  #free = 0;
  #freeCount = 0;
  /** The first number that was never used. */
  #nextNumber = 1;
  #moveCount = 0;

  /** @param hash The hash of keys, which others may use too; without a secret key by default. */
  constructor(hash: KeyedHash = new KeyedHash()) {
    this.#hash = hash;
  }

  get size(): number {
    return this.#nextNumber - 1 - this.#freeCount;
  }

  /** How often a key was moved to another index; tests bound this cost. */
  get moveCount(): number {
    return this.#moveCount;
  }

  /** The number of the key whose bytes lie in `buffer` from `start` to `end`; it is added if it is new. */
  require(buffer: Uint8Array, start: number, end: number): number {
    const hash = this.#hash.ofBytes(buffer, start, end);
    const other = this.#hash.otherHalf;
    const mask = this.#index.length - 1;
    let place = hash & mask;
    for (;;) {
      const number = this.#index[place]!;
      if (number === 0) break;
      if (this.#hashes[number] === hash && this.#otherHashes[number] === other) return number;
      place = (place + 1) & mask;
    }
    const old = this.#old === undefined ? 0 : this.#findOld(this.#old, hash, other);
    return old === 0 ? this.#add(hash, other) : old;
  }

  /**
   * The number of the key of the entry at `offset`; 0 if it has none. Messages with a coalescing id and no key
   * have that id in common.
   */
  requireOf(buffer: Uint8Array, offset: number): number {
    const at = findEntryKey(buffer, offset);
    if (at !== 0) return this.require(buffer, at + 1, at + 1 + buffer[at]!);
    const idAt = findEntryCoalesceId(buffer, offset);
    // With its length, or a key could be the same.
    return idAt === 0 ? 0 : this.require(buffer, idAt, idAt + 1 + buffer[idAt]!);
  }

  /** The message that holds a key; 0 if none does. */
  holderOf(number: number): number {
    return this.#holders[number]!;
  }

  hold(number: number, id: number): void {
    this.#holders[number] = id;
  }

  delete(number: number): void {
    const place = this.#findPlace(number);
    if (place >= 0) this.#clear(place);
    this.#holders[number] = -this.#free - 1;
    this.#free = number;
    this.#freeCount++;
    if (this.size === 0 && this.#nextNumber > KEPT_MAX) this.#begin();
  }

  /** Begins anew, with room for few keys. */
  #begin(): void {
    this.#index = new Int32Array(PLACES_MIN);
    this.#old = undefined;
    this.#hashes = new Int32Array(HASHES_MIN);
    this.#otherHashes = new Int32Array(OTHERS_MIN);
    this.#holders = new Float64Array(HOLDERS_MIN);
    this.#free = this.#freeCount = 0;
    this.#nextNumber = 1;
  }

  #add(hash: number, other: number): number {
    const number = this.#takeNumber();
    this.#hashes[number] = hash;
    this.#otherHashes[number] = other;
    this.#holders[number] = 0;
    this.#place(number);
    return number;
  }

  #takeNumber(): number {
    const free = this.#free;
    if (free !== 0) {
      this.#free = -this.#holders[free]! - 1;
      this.#freeCount--;
      return free;
    }
    const number = this.#nextNumber++;
    if (number === this.#hashes.length) this.#hashes = grow(this.#hashes, Int32Array);
    if (number === this.#otherHashes.length) {
      this.#otherHashes = grow(this.#otherHashes, Int32Array);
    }
    if (number === this.#holders.length) this.#holders = grow(this.#holders, Float64Array);
    if (number * 2 >= this.#index.length) this.#beginMove(number);
    else if (this.#old !== undefined) this.#move();
    return number;
  }

  /** Has a larger index from now on, into which the numbers in front of one move. */
  #beginMove(end: number): void {
    this.#old = this.#index;
    this.#unmoved = 1;
    this.#unmovedEnd = end;
    this.#index = new Int32Array(this.#old.length * 2);
  }

  /** Moves some more keys to the new index. */
  #move(): void {
    const end = Math.min(this.#unmovedEnd, this.#unmoved + MOVED_WITH);
    for (; this.#unmoved < end; this.#unmoved++) {
      const number = this.#unmoved;
      // It is not there if it is free, and is in the new index already if it was free meanwhile.
      if (this.#holders[number]! < 0 || this.#findPlace(number) >= 0) continue;
      this.#place(number);
      this.#moveCount++;
    }
    if (this.#unmoved === this.#unmovedEnd) this.#old = undefined;
  }

  /** The number of a key in the index before; 0 if it is not there. */
  #findOld(old: Int32Array, hash: number, other: number): number {
    const mask = old.length - 1;
    for (let place = hash & mask;; place = (place + 1) & mask) {
      const number = old[place]!;
      if (number === 0) return 0;
      const isSame = this.#hashes[number] === hash && this.#otherHashes[number] === other;
      if (isSame && this.#holders[number]! >= 0) return number;
    }
  }

  /** Where the index has a number; -1 if it does not. */
  #findPlace(number: number): number {
    const index = this.#index;
    const mask = index.length - 1;
    let place = this.#hashes[number]! & mask;
    for (;;) {
      const found = index[place]!;
      if (found === number) return place;
      if (found === 0) return -1;
      place = (place + 1) & mask;
    }
  }

  /** Frees a place of the index. */
  #clear(freed: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let place = freed;
    // Keys that were placed behind it because its place was taken move up.
    for (let next = (place + 1) & mask; index[next] !== 0; next = (next + 1) & mask) {
      const wished = this.#hashes[index[next]!]! & mask;
      if (((next - wished) & mask) < ((next - place) & mask)) continue;
      index[place] = index[next]!;
      place = next;
    }
    index[place] = 0;
  }

  #place(number: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let place = this.#hashes[number]! & mask;
    while (index[place] !== 0) place = (place + 1) & mask;
    index[place] = number;
  }
}

/** The same numbers, with twice the room. */
function grow<Numbers extends Int32Array | Float64Array>(
  numbers: Numbers,
  Type: new (length: number) => Numbers,
): Numbers {
  const grown = new Type(numbers.length * 2);
  grown.set(numbers);
  return grown;
}
