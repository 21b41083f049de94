import { KeyedHash } from "../collections/keyed_hash.ts";
import { SlotChains } from "./slot_chains.ts";

/** The least room, in slots. */
const CAPACITY_MIN = 8;

/** Room is given back when less than this part of it is used. */
const SPARSE_PART = 1 / 4;

/**
 * Texts that clients choose, each once, in slots: 0, 1, 2 and so on, without gaps. Each slot has some numbers. A
 * text costs some 70 bytes and 8 for each number, and nothing but the text itself is an object.
 *
 * When a text goes, the last one takes its slot.
 */
export class TextTable {
  readonly #width: number;
  readonly #hash: KeyedHash;
  readonly #moved: (from: number, to: number) => void;
  readonly #chains = new SlotChains();
  #texts: string[] = [];
  #hashes = new Int32Array(0);
  #numbers = new Float64Array(0);
  /** The text that was hashed last: one is looked for before it is added. */
  #lastText = "";
  #lastHash: number;

  /**
   * @param width How many numbers a slot has.
   * @param hash The hash of texts, which others may use too; without a secret key by default.
   * @param moved Hears that a text is about to get another slot.
   */
  constructor(
    width: number,
    hash: KeyedHash = new KeyedHash(),
    moved: (from: number, to: number) => void = () => {},
  ) {
    this.#width = width;
    this.#hash = hash;
    this.#moved = moved;
    this.#lastHash = hash.ofText("");
    this.#resize(CAPACITY_MIN);
  }

  get size(): number {
    return this.#texts.length;
  }

  /** For how many slots there is room. */
  get capacity(): number {
    return this.#hashes.length;
  }

  textOf(slot: number): string {
    return this.#texts[slot]!;
  }

  get(slot: number, which: number): number {
    return this.#numbers[slot * this.#width + which]!;
  }

  set(slot: number, which: number, number: number): void {
    this.#numbers[slot * this.#width + which] = number;
  }

  /** The slot of a text; -1 if it is not here. */
  find(text: string): number {
    const hash = this.#hashOf(text);
    let slot = this.#chains.first(hash);
    while (slot >= 0 && (this.#hashes[slot] !== hash || this.#texts[slot] !== text)) {
      slot = this.#chains.after(slot);
    }
    return slot;
  }

  /** Adds a text that is not here; returns its slot, the last one. */
  add(text: string): number {
    const slot = this.#texts.length;
    if (slot === this.capacity) this.#resize(slot * 2);
    const hash = this.#hashOf(text);
    this.#texts.push(text);
    this.#hashes[slot] = hash;
    this.#chains.link(slot, hash);
    return slot;
  }

  /** Removes the text of a slot. */
  remove(slot: number): void {
    const last = this.#texts.length - 1;
    this.#chains.unlink(slot, this.#hashes[slot]!);
    if (slot !== last) {
      this.#moved(last, slot);
      const hash = this.#hashes[last]!;
      this.#chains.rename(last, hash, slot);
      this.#hashes[slot] = hash;
      this.#texts[slot] = this.#texts[last]!;
      const width = this.#width;
      this.#numbers.copyWithin(slot * width, last * width, (last + 1) * width);
    }
    this.#texts.pop();
    const { capacity } = this;
    if (capacity > CAPACITY_MIN && last < capacity * SPARSE_PART) this.#resize(capacity / 2);
  }

  #hashOf(text: string): number {
    if (text !== this.#lastText) {
      this.#lastHash = this.#hash.ofText(text);
      this.#lastText = text;
    }
    return this.#lastHash;
  }

  #resize(capacity: number): void {
    const size = this.#texts.length;
    const hashes = new Int32Array(capacity);
    hashes.set(this.#hashes.subarray(0, size));
    this.#hashes = hashes;
    const numbers = new Float64Array(capacity * this.#width);
    numbers.set(this.#numbers.subarray(0, size * this.#width));
    this.#numbers = numbers;
    this.#chains.reset(capacity);
    for (let slot = 0; slot < size; slot++) this.#chains.link(slot, hashes[slot]!);
  }
}
