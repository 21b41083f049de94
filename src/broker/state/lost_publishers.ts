import { AgedMap } from "../collections/aged_map.ts";
import type { PublisherRecord } from "./publisher_record.ts";

/** The lost publishers of one user, in the order in which they were lost. */
type OwnList = AgedMap<PublisherRecord, PublisherRecord>;

/** Publishers that have lost their connections, in the order in which they were lost. */
export class LostPublishers {
  /** Each with the list of its user. */
  readonly #all = new AgedMap<PublisherRecord, OwnList>();
  readonly #lists = new Map<string | undefined, OwnList>();

  get size(): number {
    return this.#all.size;
  }

  /** The one that was lost first. */
  get oldest(): PublisherRecord | undefined {
    return this.#all.oldestKey;
  }

  /** All, the oldest first; none may be added or removed meanwhile. */
  get all(): Iterable<PublisherRecord> {
    return this.#all[Symbol.iterator]().map(([record]) => record);
  }

  add(record: PublisherRecord): void {
    this.delete(record);
    const { owner } = record;
    const list = this.#lists.get(owner) ?? new AgedMap();
    list.set(record, record);
    this.#lists.set(owner, list);
    this.#all.set(record, list);
  }

  delete(record: PublisherRecord): void {
    const list = this.#all.get(record);
    if (list === undefined) return;
    list.delete(record);
    this.#all.delete(record);
    if (list.size > 0) return;
    for (const owner of [record.owner, undefined]) {
      if (this.#lists.get(owner) === list) this.#lists.delete(owner);
    }
  }

  /**
   * The oldest of a user with more than others: one user cannot have those of another forgotten.
   *
   * @param owner The user to whom one was added, which is asked first: that is quick.
   */
  findSurplus(owner: string | undefined): PublisherRecord | undefined {
    let most = this.#lists.get(owner);
    if (most === undefined || most.size * this.#lists.size <= this.#all.size) {
      for (const list of this.#lists.values()) {
        if (most === undefined || list.size > most.size) most = list;
      }
    }
    return most?.oldest;
  }
}
