/** An entry between its neighbours. */
interface Entry<Key, Value> {
  readonly key: Key;
  readonly value: Value;
  older: Entry<Key, Value> | undefined;
  newer: Entry<Key, Value> | undefined;
}

/** What a map must be able to do. */
interface EntryMap<Key, Value> extends Pick<Map<Key, Value>, "size" | "has" | "get" | "delete"> {
  set(key: Key, value: Value): unknown;
}

/**
 * Values by key, with the oldest and the newest at hand.
 *
 * A plain map is ordered, too, but finding its first entry passes all entries that were deleted in front
 * of it: where the oldest of a hundred thousand are removed one by one, that is most of the work.
 */
export class AgedMap<Key, Value> {
  readonly #entries: EntryMap<Key, Entry<Key, Value>>;
  #oldest: Entry<Key, Value> | undefined;
  #newest: Entry<Key, Value> | undefined;

  /** @param entries An empty map; a plain one by default. */
  constructor(entries: EntryMap<Key, Entry<Key, Value>> = new Map()) {
    this.#entries = entries;
  }

  get size(): number {
    return this.#entries.size;
  }

  get oldest(): Value | undefined {
    return this.#oldest?.value;
  }

  get oldestKey(): Key | undefined {
    return this.#oldest?.key;
  }

  get newest(): Value | undefined {
    return this.#newest?.value;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Adds a value as the newest, also if its key had one. */
  set(key: Key, value: Value): void {
    this.delete(key);
    const entry = { key, value, older: this.#newest, newer: undefined };
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#entries.set(key, entry);
  }

  /** Removes a key; returns whether it was there. */
  delete(key: Key): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    return this.#entries.delete(key);
  }

  /** The values, the oldest first; the map must not change meanwhile. */
  *values(): Generator<Value> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) yield entry.value;
  }

  /** Keys and values, the oldest first; the map must not change meanwhile. */
  *[Symbol.iterator](): Generator<[Key, Value]> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) {
      yield [entry.key, entry.value];
    }
  }
}
