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
export class ReadyLanes {
  /** Messages of the default priority; the notes are attempts. */
  readonly #usual = new RunList();
  /** By priority, the default included; undefined until a message has another priority. */
  #lanes: (RunList | undefined)[] | undefined;
  #count = 0;
  #returnedCount = 0;

  get count(): number {
    return this.#count;
  }

  /** How many runs were ever visited or moved; tests bound this cost. */
  get visits(): number {
    if (this.#lanes === undefined) return this.#usual.visits;
    return this.#lanes.reduce((sum, lane) => sum + (lane?.visits ?? 0), 0);
  }

  /** The runs that overlap a range of ids, in no order. */
  list(fromId?: number, toId?: number): ReadyRun[] {
    return this.#gather((lane) => lane.list(fromId, toId));
  }

  /** Those of them that were delivered before. */
  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    if (this.#returnedCount === 0) return [];
    return this.list(fromId, toId).filter(({ attempts }) => attempts > 0);
  }

  /** Adds messages that have just been stored, mostly behind all others of their priority. */
  append(firstId: number, count: number, priority: number = PRIORITY_DEFAULT): void {
    this.#count += count;
    this.#laneOf(priority).add(firstId, count);
  }

  /** Adds messages that came back, at their ids. */
  giveBack({ firstId, count, attempts, priority = PRIORITY_DEFAULT }: ReadyRun): void {
    this.#count += count;
    if (attempts > 0) this.#returnedCount += count;
    this.#laneOf(priority).add(firstId, count, attempts);
  }

  /**
   * Takes out messages by id.
   *
   * @param ranges The ids, joined.
   * @returns The ones that were here.
   */
  remove(ranges: readonly IdRange[]): ReadyRun[] {
    const removed = this.#gather((lane) => lane.remove(ranges));
    for (const { count, attempts } of removed) {
      this.#count -= count;
      if (attempts > 0) this.#returnedCount -= count;
    }
    return removed;
  }

  removeAll(): ReadyRun[] {
    this.#count = 0;
    this.#returnedCount = 0;
    return this.#gather((lane) => lane.removeAll());
  }

  /** The first messages to go, or `undefined` if none is ready. */
  peek(): ReadyRun | undefined {
    if (this.#lanes === undefined) return peekAt(this.#usual);
    const priority = this.#findFirst();
    const run = peekAt(this.#lanes[priority]);
    return priority === PRIORITY_DEFAULT ? run : run && { ...run, priority };
  }

  /** The ready messages with the smallest ids, whatever their priority. */
  findOldest(): IdRange | undefined {
    if (this.#lanes === undefined) return peekAt(this.#usual);
    let oldest: IdRange | undefined;
    for (const lane of this.#lanes) oldest = olderOf(oldest, peekAt(lane));
    return oldest;
  }

  /** Takes out the first `count` messages, at most those of the first run. */
  take(count: number): void {
    if (count === 0) return;
    const lane = this.#lanes === undefined ? this.#usual : this.#lanes[this.#findFirst()]!;
    this.#count -= count;
    if (this.#returnedCount > 0 && lane.firstNote > 0) this.#returnedCount -= count;
    lane.take(count);
  }

  /** The highest priority with ready messages; the lowest if there are none. */
  #findFirst(): number {
    let priority = PRIORITY_MAX;
    while (priority > 0 && (this.#lanes![priority]?.count ?? 0) === 0) priority--;
    return priority;
  }

  #gather(runsOf: (lane: RunList) => NotedRun[]): ReadyRun[] {
    if (this.#lanes === undefined) return runsOf(this.#usual).map((run) => asReady(run));
    return this.#lanes.flatMap((lane, priority) =>
      lane === undefined ? [] : runsOf(lane).map((run) => asReady(run, priority))
    );
  }

  #laneOf(priority: number): RunList {
    if (priority === PRIORITY_DEFAULT) return this.#usual;
    if (this.#lanes === undefined) {
      this.#lanes = new Array(PRIORITY_MAX + 1).fill(undefined);
      this.#lanes[PRIORITY_DEFAULT] = this.#usual;
    }
    return this.#lanes[priority] ??= new RunList();
  }
}

function peekAt(lane: RunList | undefined): ReadyRun | undefined {
  if (lane === undefined || lane.count === 0) return undefined;
  lane.joinFirst();
  return { firstId: lane.firstId, count: lane.firstCount, attempts: lane.firstNote };
}

function asReady({ firstId, count, note }: NotedRun, priority = PRIORITY_DEFAULT): ReadyRun {
  const run = { firstId, count, attempts: note };
  return priority === PRIORITY_DEFAULT ? run : { ...run, priority };
}
