/**
 * Which messages of a stream wait to be taken: the highest priority first, and those of one priority
 * in the order of their ids.
 *
 * @module
 */

import { PRIORITY_MAX } from "../../../protocol.ts";
import { PRIORITY_DEFAULT } from "../../protocol/messages/properties.ts";
import { type IdRange, olderOf } from "../collections/id_ranges.ts";
import { ReadyList, type ReadyRun } from "./ready_list.ts";

/** The ready messages of one stream: a list for each priority that is in use. */
export class ReadyLanes {
  readonly #usual = new ReadyList();
  /** The lists by priority; only the usual one, until there are others. */
  #lanes: (ReadyList | undefined)[] | undefined;
  #count = 0;

  /** How many messages are ready. */
  get count(): number {
    return this.#count;
  }

  /** How many runs were ever looked at or moved: what it all costs. */
  get visits(): number {
    if (this.#lanes === undefined) return this.#usual.visits;
    return this.#lanes.reduce((sum, lane) => sum + (lane?.visits ?? 0), 0);
  }

  /** The runs that were delivered before, of those that have some of the ids of a range; in no order. */
  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    if (this.#lanes === undefined) return this.#usual.listReturned(fromId, toId);
    return this.#lanes.flatMap((lane, priority) =>
      (lane?.listReturned(fromId, toId) ?? []).map((run) => withPriority(run, priority))
    );
  }

  /** The runs that have some of the ids of a range, in no order. */
  list(fromId?: number, toId?: number): IdRange[] {
    if (this.#lanes === undefined) return this.#usual.list(fromId, toId);
    return this.#lanes.flatMap((lane) => lane?.list(fromId, toId) ?? []);
  }

  /** Adds messages that have just been stored, behind all others of their priority. */
  append(firstId: number, count: number, priority: number = PRIORITY_DEFAULT): void {
    this.#count += count;
    this.#laneOf(priority).append(firstId, count);
  }

  /** Adds messages that came back, in their old place. */
  giveBack(run: ReadyRun): void {
    this.#count += run.count;
    this.#laneOf(run.priority ?? PRIORITY_DEFAULT).giveBack(run);
  }

  /**
   * Takes messages out, wherever they stand.
   *
   * @param ranges Which, joined.
   * @returns What of them was here.
   */
  remove(ranges: readonly IdRange[]): ReadyRun[] {
    return this.#removeFrom((lane) => lane.remove(ranges));
  }

  /** Takes everything out. */
  removeAll(): ReadyRun[] {
    return this.#removeFrom((lane) => lane.removeAll());
  }

  /** The first messages to go, or `undefined` if none is ready. */
  peek(): ReadyRun | undefined {
    if (this.#lanes === undefined) return this.#usual.peek();
    const priority = this.#findFirst();
    const run = this.#lanes[priority]?.peek();
    return run && withPriority(run, priority);
  }

  /** The ready messages with the smallest ids, whatever their priority. */
  findOldest(): ReadyRun | undefined {
    if (this.#lanes === undefined) return this.#usual.peek();
    let oldest: ReadyRun | undefined;
    for (const lane of this.#lanes) oldest = olderOf(oldest, lane?.peek());
    return oldest;
  }

  /** Takes the first `count` messages out: not more than the first run has. */
  take(count: number): void {
    this.#count -= count;
    if (this.#lanes === undefined) this.#usual.take(count);
    else this.#lanes[this.#findFirst()]!.take(count);
  }

  /** The highest priority of which something is ready; the lowest if nothing is. */
  #findFirst(): number {
    let priority = PRIORITY_MAX;
    while (priority > 0 && (this.#lanes![priority]?.count ?? 0) === 0) priority--;
    return priority;
  }

  #removeFrom(remove: (lane: ReadyList) => ReadyRun[]): ReadyRun[] {
    const removed = this.#lanes === undefined
      ? remove(this.#usual)
      : this.#lanes.flatMap((lane, priority) =>
        lane === undefined ? [] : remove(lane).map((run) => withPriority(run, priority))
      );
    for (const { count } of removed) this.#count -= count;
    return removed;
  }

  #laneOf(priority: number): ReadyList {
    if (priority === PRIORITY_DEFAULT) return this.#usual;
    if (this.#lanes === undefined) {
      this.#lanes = new Array(PRIORITY_MAX + 1).fill(undefined);
      this.#lanes[PRIORITY_DEFAULT] = this.#usual;
    }
    return this.#lanes[priority] ??= new ReadyList();
  }
}

function withPriority(run: ReadyRun, priority: number): ReadyRun {
  if (priority === PRIORITY_DEFAULT) return run;
  const { firstId, count, attempts } = run;
  return { firstId, count, attempts, priority };
}
