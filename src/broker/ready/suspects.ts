import type { IdRange } from "../collections/id_ranges.ts";
import { RunList } from "../collections/run_list.ts";

/**
 * Messages that failed in a batch, in groups: each group is delivered by itself, and is a batch of its own. They are
 * known in memory only: after a restart, such messages are like any others.
 */
export class Suspects {
  /** Groups of consecutive messages; the notes tell them apart. */
  readonly #groups = new RunList();
  #lastGroup = 0;

  get count(): number {
    return this.#groups.count;
  }

  /** Adds a group. */
  add({ firstId, count }: IdRange): void {
    this.#groups.add(firstId, count, ++this.#lastGroup);
  }

  /**
   * How many of some messages may be delivered together: the first ones up to the end of their group, or up to
   * the beginning of one.
   */
  countTogether({ firstId, count }: IdRange): number {
    const [first] = this.#groups.list(firstId, firstId + count);
    if (first === undefined) return count;
    if (first.firstId > firstId) return first.firstId - firstId;
    return Math.min(count, first.firstId + first.count - firstId);
  }

  has(id: number): boolean {
    return this.#groups.list(id, id + 1).length > 0;
  }

  /** Removes messages that are delivered, or gone; returns whether there were any. */
  remove({ firstId, count }: IdRange): boolean {
    return this.#groups.remove([{ firstId, count }]).length > 0;
  }
}
