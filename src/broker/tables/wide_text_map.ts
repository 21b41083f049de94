import { KeyedHash } from "../collections/keyed_hash.ts";
import { PagedList } from "./paged_list.ts";
import { SlotIndex } from "./slot_index.ts";

/**
 * Values by texts that clients choose, of which there may be millions: no step takes longer when there are more. The
 * texts are in slots, without gaps: when one goes, the last one takes its slot.
 */
export class WideTextMap<Value> {
  readonly #hash: KeyedHash;
  readonly #slots = new SlotIndex();
  readonly #texts = new PagedList<string>();
  readonly #values = new PagedList<Value>();
  #size = 0;

  /** @param hash The hash of texts, which others may use too; without a secret key by default. */
  constructor(hash: KeyedHash = new KeyedHash()) {
    this.#hash = hash;
  }

  get size(): number {
    return this.#size;
  }

  /** How often a text or a number was moved to another place; tests bound this cost. */
  get moveCount(): number {
    return this.#slots.moveCount;
  }

  get(text: string): Value | undefined {
    const slot = this.#find(text, this.#hash.ofText(text));
    return slot < 0 ? undefined : this.#values.get(slot);
  }

  set(text: string, value: Value): void {
    const hash = this.#hash.ofText(text);
    let slot = this.#find(text, hash);
    if (slot < 0) {
      slot = this.#size++;
      this.#slots.fit(this.#size);
      this.#slots.add(slot, hash);
      this.#texts.set(slot, text);
    }
    this.#values.set(slot, value);
  }

  /** Removes a text; returns whether it was there. */
  delete(text: string): boolean {
    const slot = this.#find(text, this.#hash.ofText(text));
    if (slot < 0) return false;
    const last = --this.#size;
    this.#slots.remove(slot);
    if (slot !== last) {
      this.#slots.rename(last, slot);
      this.#texts.set(slot, this.#texts.get(last));
      this.#values.set(slot, this.#values.get(last));
    }
    this.#texts.cut(last);
    this.#values.cut(last);
    this.#slots.fit(last);
    return true;
  }

  #find(text: string, hash: number): number {
    let slot = this.#slots.first(hash);
    while (slot >= 0 && this.#texts.get(slot) !== text) slot = this.#slots.next(hash);
    return slot;
  }
}
