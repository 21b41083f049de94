import { PRIORITY_DEFAULT, PRIORITY_MAX } from "../../protocol/messages/entry.ts";
import { type IdRange, olderOf } from "../collections/id_ranges.ts";
import { RunList } from "../collections/run_list.ts";
import type { NotedRun } from "../collections/run_part.ts";

/** Consecutive messages with the same number of deliveries. */
export interface ReadyRun extends IdRange {
  /** Their attempts. */
  readonly attempts: number;
  /** Their priority; undefined for the default. */
  readonly priority?: number | undefined;
}

/**
 * The ready messages: by descending priority, then by id.
 *
 * Fresh messages, never delivered, are mostly one run: there are more where messages in between are
 * delayed or have another priority. Messages that come back are put at their ids, and join neighbours with
 * the same attempts.
 */
export class ReadyRuns {
  /** Messages of the default priority; the notes are attempts. */
  readonly #usual = new RunList();
  /** By priority, the default included; undefined until a message has another priority. */
  #byPriority: (RunList | undefined)[] | undefined;
  #count = 0;
  #returnedCount = 0;

  get count(): number {
    return this.#count;
  }

  /** How many runs were ever visited or moved; tests bound this cost. */
  get visits(): number {
    if (this.#byPriority === undefined) return this.#usual.visits;
    return this.#byPriority.reduce((sum, list) => sum + (list?.visits ?? 0), 0);
  }

  /** The runs that overlap a range of ids, in no order. */
  list(fromId?: number, toId?: number): ReadyRun[] {
    return this.#gather((list) => list.list(fromId, toId));
  }

  /** Those of them that were delivered before. */
  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    if (this.#returnedCount === 0) return [];
    return this.list(fromId, toId).filter(({ attempts }) => attempts > 0);
  }

  /** Adds messages that have just been stored, mostly behind all others of their priority. */
  append(firstId: number, count: number, priority: number = PRIORITY_DEFAULT): void {
    this.#count += count;
    this.#listOf(priority).add(firstId, count);
  }

  /** Adds messages that came back, at their ids. */
  giveBack({ firstId, count, attempts, priority = PRIORITY_DEFAULT }: ReadyRun): void {
    this.#count += count;
    if (attempts > 0) this.#returnedCount += count;
    this.#listOf(priority).add(firstId, count, attempts);
  }

  /**
   * Takes out messages by id.
   *
   * @param ranges The ids, joined.
   * @returns The ones that were here.
   */
  remove(ranges: readonly IdRange[]): ReadyRun[] {
    const removed = this.#gather((list) => list.remove(ranges));
    for (const { count, attempts } of removed) {
      this.#count -= count;
      if (attempts > 0) this.#returnedCount -= count;
    }
    return removed;
  }

  removeAll(): ReadyRun[] {
    this.#count = 0;
    this.#returnedCount = 0;
    return this.#gather((list) => list.removeAll());
  }

  /** The first messages to go, or `undefined` if none is ready. */
  peek(): ReadyRun | undefined {
    if (this.#byPriority === undefined) return peekAt(this.#usual);
    const priority = this.#findFirst();
    const run = peekAt(this.#byPriority[priority]);
    return priority === PRIORITY_DEFAULT ? run : run && { ...run, priority };
  }

  /** The ready messages with the smallest ids, whatever their priority. */
  findOldest(): IdRange | undefined {
    if (this.#byPriority === undefined) return peekAt(this.#usual);
    let oldest: IdRange | undefined;
    for (const list of this.#byPriority) oldest = olderOf(oldest, peekAt(list));
    return oldest;
  }

  /** Takes out the first `count` messages, at most those of the first run. */
  take(count: number): void {
    if (count === 0) return;
    const list = this.#byPriority === undefined
      ? this.#usual
      : this.#byPriority[this.#findFirst()]!;
    this.#count -= count;
    if (this.#returnedCount > 0 && list.firstNote > 0) this.#returnedCount -= count;
    list.take(count);
  }

  /** The highest priority with ready messages; the lowest if there are none. */
  #findFirst(): number {
    let priority = PRIORITY_MAX;
    while (priority > 0 && (this.#byPriority![priority]?.count ?? 0) === 0) priority--;
    return priority;
  }

  #gather(runsOf: (list: RunList) => NotedRun[]): ReadyRun[] {
    if (this.#byPriority === undefined) return runsOf(this.#usual).map((run) => asReady(run));
    return this.#byPriority.flatMap((list, priority) =>
      list === undefined ? [] : runsOf(list).map((run) => asReady(run, priority))
    );
  }

  #listOf(priority: number): RunList {
    if (priority === PRIORITY_DEFAULT) return this.#usual;
    if (this.#byPriority === undefined) {
      this.#byPriority = new Array(PRIORITY_MAX + 1).fill(undefined);
      this.#byPriority[PRIORITY_DEFAULT] = this.#usual;
    }
    return this.#byPriority[priority] ??= new RunList();
  }
}

function peekAt(list: RunList | undefined): ReadyRun | undefined {
  if (list === undefined || list.count === 0) return undefined;
  list.joinFirst();
  return { firstId: list.firstId, count: list.firstCount, attempts: list.firstNote };
}

function asReady({ firstId, count, note }: NotedRun, priority = PRIORITY_DEFAULT): ReadyRun {
  const run = { firstId, count, attempts: note };
  return priority === PRIORITY_DEFAULT ? run : { ...run, priority };
}
