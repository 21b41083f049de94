import { Group } from "./group.ts";

/** The most bytes that are written before one flush, so that the first of them do not wait long. */
const CYCLE_BYTES_MAX = 4 * 1024 * 1024;

/** How many unused groups are kept. */
const SPARE_COUNT_MAX = 8;

/** Collected groups that are not written; the last one takes more. */
export class GroupQueue {
  #groups: Group[] = [new Group()];
  readonly #spare: Group[] = [];

  get last(): Group {
    const group = this.#groups.at(-1)!;
    if (!group.isFull) return group;
    const next = this.#spare.pop() ?? new Group();
    this.#groups.push(next);
    return next;
  }

  get all(): readonly Group[] {
    return this.#groups;
  }

  /** Whether there is nothing to write and no callback waits. */
  get isIdle(): boolean {
    return this.isEmpty && !this.#groups.some((group) => group.isAwaited);
  }

  get isEmpty(): boolean {
    return this.#groups.length === 1 && this.#groups[0]!.isEmpty;
  }

  /** Takes collected groups, as many as should be flushed together. */
  take(): Group[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#groups.length && bytes < CYCLE_BYTES_MAX) {
      bytes += this.#groups[count++]!.size;
    }
    const groups = this.#groups.splice(0, count);
    if (this.#groups.length === 0) this.#groups.push(this.#spare.pop() ?? new Group());
    return groups;
  }

  /** Takes back groups that were not written, before all others. */
  putBack(groups: readonly Group[]): void {
    this.#groups.unshift(...groups);
  }

  /** Takes an unused group back. */
  recycle(group: Group): void {
    group.clear();
    if (this.#spare.length < SPARE_COUNT_MAX) this.#spare.push(group);
  }
}
