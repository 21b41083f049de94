/** How many more buckets than slots there are. */
const BUCKETS_PER_SLOT = 2;

/**
 * Finds slots of a table by hashes: the slots of a bucket form a chain. Numbers only, so that a million of them
 * cost 12 MB and the collector nothing.
 */
export class SlotChains {
  /** The first slot of each bucket, plus one; 0 for none. */
  #buckets = new Int32Array(0);
  /** The next slot in the chain of each slot, plus one; 0 for none. */
  #next = new Int32Array(0);

  /** Begins anew, without any slot, with room for so many: a power of two. */
  reset(capacity: number): void {
    this.#buckets = new Int32Array(capacity * BUCKETS_PER_SLOT);
    this.#next = new Int32Array(capacity);
  }

  /** The first slot that may have a hash; -1 if there is none. */
  first(hash: number): number {
    return this.#buckets[this.#bucketOf(hash)]! - 1;
  }

  /** The next slot that may have the same hash; -1 if there is none. */
  after(slot: number): number {
    return this.#next[slot]! - 1;
  }

  /** Adds a slot that is not here. */
  link(slot: number, hash: number): void {
    const bucket = this.#bucketOf(hash);
    this.#next[slot] = this.#buckets[bucket]!;
    this.#buckets[bucket] = slot + 1;
  }

  /** Takes out a slot that is here. */
  unlink(slot: number, hash: number): void {
    this.#point(slot, hash, this.#next[slot]!);
  }

  /** Gives a slot that is here another number. */
  rename(slot: number, hash: number, to: number): void {
    this.#point(slot, hash, to + 1);
    this.#next[to] = this.#next[slot]!;
  }

  /** Lets whatever points to a slot point to another place. */
  #point(slot: number, hash: number, to: number): void {
    const bucket = this.#bucketOf(hash);
    const next = this.#next;
    let at = this.#buckets[bucket]! - 1;
    if (at === slot) {
      this.#buckets[bucket] = to;
      return;
    }
    while (next[at]! - 1 !== slot) at = next[at]! - 1;
    next[at] = to;
  }

  #bucketOf(hash: number): number {
    return hash & (this.#buckets.length - 1);
  }
}
