import type { IdRange } from "../collections/id_ranges.ts";
import { byFirstId } from "../collections/id_ranges.ts";
import { RunList } from "../collections/run_list.ts";
import type { ReadyRun } from "../ready/ready_run.ts";
import type { Lane } from "./lane.ts";
import type { LaneTable } from "./lane_table.ts";

/** An order that nothing was looked up in for so many changes, and twice its length, is dropped. */
const UNUSED_MIN = 1000;

/** Adjacent ready messages of one lane. */
export interface LanePart {
  readonly lane: Lane;
  readonly range: IdRange;
}

/**
 * Finds ready messages of all lanes by id. As long as messages leave by turn, or the oldest one of all is
 * asked for now and then, that takes a look at each lane. An order of all messages by id is made when that
 * would take more, and dropped when it is not used any more.
 */
export class LaneIndex {
  readonly #table: LaneTable;
  /** The lanes' numbers by the ids of their messages. */
  #order: RunList | undefined;
  /** How many changes the order has seen since it was last used. */
  #unusedFor = 0;
  /** How many lanes were looked at without it. */
  #looks = 0;
  #count = 0;
  /** Lanes with messages that were delivered before. */
  readonly #returning = new Set<Lane>();
  visits = 0;

  constructor(table: LaneTable) {
    this.#table = table;
  }

  add(lane: Lane, { firstId, count, attempts }: ReadyRun): void {
    this.#count += count;
    if (attempts > 0) this.#returning.add(lane);
    if (this.#order === undefined) return;
    this.#order.add(firstId, count, lane.number);
    this.#age();
  }

  /** Notes that messages of a lane were taken out of it. */
  take(lane: Lane, range: IdRange): void {
    this.#count -= range.count;
    if (this.#returning.size > 0 && lane.returnedCount === 0) this.#returning.delete(lane);
    if (this.#order === undefined) return;
    this.#order.remove([range]);
    this.#age();
  }

  clear(): void {
    this.#order = undefined;
    this.#returning.clear();
    this.#count = 0;
  }

  listReturning(): Lane[] {
    return [...this.#returning];
  }

  /** The lane with the ready message that has the smallest id. */
  findOldest(): Lane | undefined {
    if (this.#count === 0) return undefined;
    if (this.#order === undefined && this.#looks > this.#count) this.#makeOrder();
    if (this.#order !== undefined) {
      this.#unusedFor = 0;
      return this.#table.get(this.#order.firstNote);
    }
    let oldest: Lane | undefined;
    let oldestId = Infinity;
    for (const lane of this.#table) {
      this.visits++;
      this.#looks++;
      const id = lane.findOldest()?.firstId ?? Infinity;
      if (id >= oldestId) continue;
      oldest = lane;
      oldestId = id;
    }
    return oldest;
  }

  /** Finds the ready messages among some, lane by lane; each part is taken out before the next is found. */
  *find(ranges: readonly IdRange[]): Generator<LanePart> {
    for (const { firstId, count } of ranges) {
      const endId = firstId + count;
      for (let from = firstId; from < endId;) {
        const lane = this.findOldest();
        const run = lane?.findOldest();
        if (lane === undefined || run === undefined || run.firstId >= endId) break;
        if (run.firstId < from) {
          yield* this.#findInOrder(from, endId);
          break;
        }
        const range = { firstId: run.firstId, count: Math.min(run.count, endId - run.firstId) };
        yield { lane, range };
        from = range.firstId + range.count;
      }
    }
  }

  *#findInOrder(fromId: number, toId: number): Generator<LanePart> {
    this.#unusedFor = 0;
    const order = this.#order ?? this.#makeOrder();
    for (const { firstId, count, note } of order.list(fromId, toId)) {
      const from = Math.max(firstId, fromId);
      const to = Math.min(firstId + count, toId);
      yield { lane: this.#table.get(note), range: { firstId: from, count: to - from } };
    }
  }

  #makeOrder(): RunList {
    const runs = [...this.#table].flatMap((lane) =>
      lane.list().map(({ firstId, count }) => ({ firstId, count, lane: lane.number }))
    );
    this.visits += runs.length;
    const order = this.#order = new RunList();
    for (const { firstId, count, lane } of runs.sort(byFirstId)) order.add(firstId, count, lane);
    this.#unusedFor = 0;
    this.#looks = 0;
    return order;
  }

  #age(): void {
    if (++this.#unusedFor <= UNUSED_MIN + 2 * this.#count) return;
    this.visits += this.#order!.visits;
    this.#order = undefined;
  }
}
