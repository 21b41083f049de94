import { findEntryCoalesceId, findEntryKey } from "../../protocol/messages/properties.ts";
import { KeyedHash } from "../collections/keyed_hash.ts";

/** The number of keys that there is room for at first; always a power of two. */
const CAPACITY_MIN = 64;

/**
 * Keys by their bytes, each with the message that holds it: an open hash table in typed arrays, so that
 * delivering a message with a key creates no object and no string.
 *
 * ```text
 *   index     │ 0 │ 3 │ 0 │ 1 │ 2 │…     numbers of keys, at the places that their hashes say; 0: free
 *   by number │ hash, hash, holder │…    the numbers stay the same while a key is there
 * ```
 */
export class KeyTable {
  readonly #hash: KeyedHash;
  #index = new Int32Array(CAPACITY_MIN * 2);
  #hashes = new Int32Array(CAPACITY_MIN);
  #otherHashes = new Int32Array(CAPACITY_MIN);
  #holders = new Float64Array(CAPACITY_MIN);
  /** The number that was freed last, and how many are free: a free number has the next one in place of its hash. */
  #free = 0;
  #freeCount = 0;
  /** The first number that was never used. */
  #nextNumber = 1;

  /** @param hash The hash of keys, which others may use too; without a secret key by default. */
  constructor(hash: KeyedHash = new KeyedHash()) {
    this.#hash = hash;
  }

  get size(): number {
    return this.#nextNumber - 1 - this.#freeCount;
  }

  /** The number of the key whose bytes lie in `buffer` from `start` to `end`; it is added if it is new. */
  require(buffer: Uint8Array, start: number, end: number): number {
    const hash = this.#hash.ofBytes(buffer, start, end);
    const other = this.#hash.otherHalf;
    const mask = this.#index.length - 1;
    let place = hash & mask;
    for (;;) {
      const number = this.#index[place]!;
      if (number === 0) return this.#add(hash, other);
      if (this.#hashes[number] === hash && this.#otherHashes[number] === other) return number;
      place = (place + 1) & mask;
    }
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
    const index = this.#index;
    const mask = index.length - 1;
    let place = this.#hashes[number]! & mask;
    while (index[place] !== number) place = (place + 1) & mask;
    // Keys that were placed behind it because its place was taken move up.
    for (let next = (place + 1) & mask; index[next] !== 0; next = (next + 1) & mask) {
      const wished = this.#hashes[index[next]!]! & mask;
      if (((next - wished) & mask) < ((next - place) & mask)) continue;
      index[place] = index[next]!;
      place = next;
    }
    index[place] = 0;
    this.#holders[number] = 0;
    this.#hashes[number] = this.#free;
    this.#free = number;
    this.#freeCount++;
    if (this.size === 0 && this.#hashes.length > CAPACITY_MIN * 16) this.#begin(CAPACITY_MIN);
  }

  /** Begins anew, with room for a number of keys. */
  #begin(capacity: number): void {
    this.#index = new Int32Array(capacity * 2);
    this.#hashes = new Int32Array(capacity);
    this.#otherHashes = new Int32Array(capacity);
    this.#holders = new Float64Array(capacity);
    this.#free = this.#freeCount = 0;
    this.#nextNumber = 1;
  }

  #add(hash: number, other: number): number {
    const number = this.#takeNumber();
    this.#hashes[number] = hash;
    this.#otherHashes[number] = other;
    this.#place(number);
    return number;
  }

  #takeNumber(): number {
    const free = this.#free;
    if (free !== 0) {
      this.#free = this.#hashes[free]!;
      this.#freeCount--;
      return free;
    }
    if (this.#nextNumber === this.#hashes.length) this.#grow();
    return this.#nextNumber++;
  }

  #place(number: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let place = this.#hashes[number]! & mask;
    while (index[place] !== 0) place = (place + 1) & mask;
    index[place] = number;
  }

  /** Doubles the room; all numbers are in use then. */
  #grow(): void {
    const capacity = this.#hashes.length * 2;
    const hashes = new Int32Array(capacity);
    const otherHashes = new Int32Array(capacity);
    const holders = new Float64Array(capacity);
    hashes.set(this.#hashes);
    otherHashes.set(this.#otherHashes);
    holders.set(this.#holders);
    this.#hashes = hashes;
    this.#otherHashes = otherHashes;
    this.#holders = holders;
    this.#index = new Int32Array(capacity * 2);
    for (let number = 1; number < this.#nextNumber; number++) this.#place(number);
  }
}
