import { KeyedHash } from "./keyed_hash.ts";

/** The bits of a hash that fit into a small integer. */
const HASH_MASK = 0x3fff_ffff;

/** A text with its value, and another text with the same hash. */
interface Entry<Value> {
  readonly text: string;
  value: Value;
  next: Entry<Value> | undefined;
}

/**
 * Values by texts that clients choose. It does what a `Map` does, and its cost does not depend on the texts:
 * see {@linkcode KeyedHash}.
 */
export class TextMap<Value> {
  readonly #hash: KeyedHash;
  /** By hash. */
  readonly #entries = new Map<number, Entry<Value>>();
  #size = 0;

  /** @param hash The hash, which others may use too; without a secret key by default. */
  constructor(hash: KeyedHash = new KeyedHash()) {
    this.#hash = hash;
  }

  get size(): number {
    return this.#size;
  }

  has(text: string): boolean {
    return this.#find(this.#hashOf(text), text) !== undefined;
  }

  get(text: string): Value | undefined {
    return this.#find(this.#hashOf(text), text)?.value;
  }

  set(text: string, value: Value): this {
    const hash = this.#hashOf(text);
    const known = this.#find(hash, text);
    if (known !== undefined) known.value = value;
    else {
      this.#entries.set(hash, { text, value, next: this.#entries.get(hash) });
      this.#size++;
    }
    return this;
  }

  /** Removes a text; returns whether it was there. */
  delete(text: string): boolean {
    const hash = this.#hashOf(text);
    const first = this.#entries.get(hash);
    const entry = this.#find(hash, text);
    if (first === undefined || entry === undefined) return false;
    if (entry !== first) {
      let before = first;
      while (before.next !== entry) before = before.next!;
      before.next = entry.next;
    } else if (entry.next !== undefined) this.#entries.set(hash, entry.next);
    else this.#entries.delete(hash);
    this.#size--;
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#size = 0;
  }

  /** The texts and values, in the order in which they were added, except those with the same hash. */
  *[Symbol.iterator](): Generator<[string, Value]> {
    for (let entry of this.#entries.values()) {
      for (;;) {
        const { next } = entry;
        yield [entry.text, entry.value];
        if (next === undefined) break;
        entry = next;
      }
    }
  }

  *keys(): Generator<string> {
    for (const [text] of this) yield text;
  }

  *values(): Generator<Value> {
    for (const [, value] of this) yield value;
  }

  #hashOf(text: string): number {
    return this.#hash.ofText(text) & HASH_MASK;
  }

  #find(hash: number, text: string): Entry<Value> | undefined {
    let entry = this.#entries.get(hash);
    while (entry !== undefined && entry.text !== text) entry = entry.next;
    return entry;
  }
}
