import { PIECE_MASK, PIECE_SHIFT, Pieces } from "./pieces.ts";

/** A part has so many slots on average, before there is one more; and so many, before there is one less. */
const SPLIT_SLOTS = 4096;
const MERGE_SLOTS = 512;

/** The places of a part at first, and where there are several parts; powers of two. */
const PLACES_MIN = 16;
const PLACES_FULL = 16_384;

/** A part gets more places when more than this share of them is taken, and less below the other one. */
const CROWDED_SHARE = 5 / 8;
const SPARSE_SHARE = 1 / 8;

/** These bits of a hash choose the part, the others the place. */
const PART_BITS = 16;

/**
 * Finds slots of a table by hashes. Numbers only, so that a million of them cost 20 MB and the collector nothing.
 *
 * It grows part by part (linear hashing): with some thousands more slots, one more part is made, out of the slots of
 * one other part. So it is complete at every moment, and no step takes longer when there are more slots.
 *
 * ```text
 *   parts: 6, mask: 7    │ 0 │ 1 │ 2 │ 3 │ 4 │ 5 │     6 and 7 are not there yet: their slots are in 2 and 3
 * ```
 */
export class SlotIndex {
  /** Open hash tables of the slots, each plus one; 0 for a free place. */
  readonly #parts: Int32Array[] = [new Int32Array(PLACES_MIN)];
  /** How many slots each part has. */
  readonly #counts: number[] = [0];
  #mask = 0;
  /** The hash of each slot. */
  readonly #hashes = new Pieces();
  #count = 0;
  /** Where the slot is that was found last. */
  #part = 0;
  #place = 0;
  #moveCount = 0;

  /** How often a slot or a number was moved to another place; tests bound this cost. */
  get moveCount(): number {
    return this.#moveCount + this.#hashes.moveCount;
  }

  /** The first slot with a hash; -1 if there is none. */
  first(hash: number): number {
    const part = this.#part = this.#partOf(hash);
    return this.#seek(hash, this.#parts[part]!, hash >>> PART_BITS);
  }

  /** The next slot with the same hash as the one that was found last; -1 if there is none. */
  next(hash: number): number {
    return this.#seek(hash, this.#parts[this.#part]!, this.#place + 1);
  }

  /** Adds a slot that is not here, one of those that there is room for. */
  add(slot: number, hash: number): void {
    this.#hashes.arrays[slot >>> PIECE_SHIFT]![slot & PIECE_MASK] = hash;
    const part = this.#partOf(hash);
    const places = this.#parts[part]!;
    put(places, slot + 1, hash);
    const count = ++this.#counts[part]!;
    if (++this.#count > this.#parts.length * SPLIT_SLOTS) this.#split();
    else if (count > places.length * CROWDED_SHARE) this.#resize(part, places.length * 2);
  }

  /** Takes out a slot that is here. */
  remove(slot: number): void {
    this.#find(slot);
    const part = this.#part;
    const places = this.#parts[part]!;
    const mask = places.length - 1;
    let place = this.#place;
    // Slots that were placed behind it because its place was taken move up.
    for (let next = (place + 1) & mask; places[next] !== 0; next = (next + 1) & mask) {
      const wished = this.#hashOf(places[next]! - 1) >>> PART_BITS;
      if (((next - wished) & mask) < ((next - place) & mask)) continue;
      places[place] = places[next]!;
      place = next;
    }
    places[place] = 0;
    const count = --this.#counts[part]!;
    if (--this.#count < (this.#parts.length - 1) * MERGE_SLOTS) this.#merge();
    else if (count < places.length * SPARSE_SHARE && this.#parts.length === 1) {
      if (places.length > PLACES_MIN) this.#resize(part, places.length / 2);
    }
  }

  /** Gives a slot that is here another number. */
  rename(slot: number, to: number): void {
    this.#find(slot);
    this.#parts[this.#part]![this.#place] = to + 1;
    this.#hashes.arrays[to >>> PIECE_SHIFT]![to & PIECE_MASK] = this.#hashOf(slot);
  }

  /** Has room for so many slots: all others were taken out. */
  fit(slotCount: number): void {
    this.#hashes.fit(slotCount);
  }

  /** One more part gets those of the slots of another one that belong there. */
  #split(): void {
    const number = this.#parts.length;
    if (number > this.#mask) this.#mask = this.#mask * 2 + 1;
    const from = number & (this.#mask >>> 1);
    this.#parts.push(new Int32Array(PLACES_FULL));
    this.#counts.push(0);
    this.#resize(from, Math.max(this.#parts[from]!.length, PLACES_FULL));
  }

  /** The last part is given up: its slots go where they came from. */
  #merge(): void {
    const last = this.#parts.length - 1;
    const to = last & (this.#mask >>> 1);
    const count = this.#counts[last]! + this.#counts[to]!;
    let { length } = this.#parts[to]!;
    while (count > length * CROWDED_SHARE) length *= 2;
    const taken = [this.#take(to), this.#take(last)];
    this.#parts.pop();
    this.#counts.pop();
    if (last === (this.#mask + 1) >>> 1) this.#mask >>>= 1;
    if (length > this.#parts[to]!.length) this.#parts[to] = new Int32Array(length);
    for (const some of taken) this.#putAll(some);
  }

  /** Has a part have so many places; what does not belong there any more goes elsewhere. */
  #resize(part: number, length: number): void {
    const taken = this.#take(part);
    if (length !== this.#parts[part]!.length) this.#parts[part] = new Int32Array(length);
    this.#putAll(taken);
  }

  /** Takes all slots out of a part, to be put somewhere; each is one more than its number. */
  #take(part: number): Int32Array {
    const places = this.#parts[part]!;
    const taken = new Int32Array(this.#counts[part]!);
    let at = 0;
    for (const one of places) if (one !== 0) taken[at++] = one;
    places.fill(0);
    this.#counts[part] = 0;
    this.#moveCount += at;
    return taken;
  }

  #putAll(taken: Int32Array): void {
    for (const one of taken) {
      const hash = this.#hashOf(one - 1);
      const part = this.#partOf(hash);
      put(this.#parts[part]!, one, hash);
      this.#counts[part]!++;
    }
  }

  /** Finds a slot that is here. */
  #find(slot: number): void {
    const hash = this.#hashOf(slot);
    const part = this.#part = this.#partOf(hash);
    const places = this.#parts[part]!;
    const mask = places.length - 1;
    let place = (hash >>> PART_BITS) & mask;
    while (places[place] !== slot + 1) place = (place + 1) & mask;
    this.#place = place;
  }

  #seek(hash: number, places: Int32Array, from: number): number {
    const mask = places.length - 1;
    let place = from & mask;
    let slot = places[place]! - 1;
    while (slot >= 0 && this.#hashOf(slot) !== hash) {
      place = (place + 1) & mask;
      slot = places[place]! - 1;
    }
    this.#place = place;
    return slot;
  }

  #partOf(hash: number): number {
    const number = hash & this.#mask;
    return number < this.#parts.length ? number : number & (this.#mask >>> 1);
  }

  #hashOf(slot: number): number {
    return this.#hashes.arrays[slot >>> PIECE_SHIFT]![slot & PIECE_MASK]!;
  }
}

/** Puts a slot, plus one, where there is a free place for it. */
function put(places: Int32Array, one: number, hash: number): void {
  const mask = places.length - 1;
  let place = (hash >>> PART_BITS) & mask;
  while (places[place] !== 0) place = (place + 1) & mask;
  places[place] = one;
}
