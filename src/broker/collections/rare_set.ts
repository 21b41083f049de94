/**
 * A set without cost while it is empty: a plain one takes 200 bytes, and there may be a hundred
 * thousand streams.
 */
export class RareSet<T> {
  #items: Set<T> | undefined;

  get size(): number {
    return this.#items?.size ?? 0;
  }

  has(item: T): boolean {
    return this.#items?.has(item) ?? false;
  }

  add(item: T): void {
    (this.#items ??= new Set()).add(item);
  }

  /** Removes a value; returns whether it was there. */
  delete(item: T): boolean {
    if (this.#items?.delete(item) !== true) return false;
    if (this.#items.size === 0) this.#items = undefined;
    return true;
  }

  /** Counts some of the values. */
  countOf(isMeant: (item: T) => boolean): number {
    let count = 0;
    if (this.#items !== undefined) { for (const item of this.#items) if (isMeant(item)) count++; }
    return count;
  }

  /** The values, in the order in which they were added. */
  *[Symbol.iterator](): Generator<T> {
    if (this.#items !== undefined) yield* this.#items;
  }
}
