/**
 * A set that takes up nothing while it is empty: a plain one takes up 200 bytes, and there are a hundred
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

  /** Takes something out; returns whether it was there. */
  delete(item: T): boolean {
    if (this.#items?.delete(item) !== true) return false;
    if (this.#items.size === 0) this.#items = undefined;
    return true;
  }

  /** What is in it, in the order in which it came. */
  *[Symbol.iterator](): Generator<T> {
    if (this.#items !== undefined) yield* this.#items;
  }
}
