import type { Backlog } from "../backlog/backlog.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import { RunList } from "../collections/run_list.ts";
import type { ReadyRun } from "../ready/ready_run.ts";
import type { Lane } from "./lane.ts";
import { LaneReader } from "./lane_reader.ts";
import type { LaneTable } from "./lane_table.ts";

/** The first ids of lanes are forgotten when there are so many more than twice as many as lanes. */
const UNUSED_MAX = 1000;

/** So many messages are looked up in their bytes, without a look at the oldest ones. */
const FEW_MAX = 64;

/** So many are, too, if they are in memory: that costs less than to keep the first ids of all lanes. */
const READ_MAX = 4096;

/** Among so many of the oldest ids the oldest ready message is looked for, before all lanes are asked. */
const OLDEST_MAX = 256;

/** The lanes that are asked in one turn for their first ids, ahead of need. */
const PREPARED_MAX = 4096;

/** Adjacent messages of one lane. */
export interface LanePart {
  readonly lane: Lane;
  readonly range: IdRange;
}

/**
 * Finds ready messages of all lanes by id. As long as messages leave by turn, that costs nothing: the lane of a
 * message is in its bytes. The oldest one of all is mostly among the oldest messages. Where it is not, the
 * first ids of all lanes are kept from then on; they are forgotten when nobody asks any more.
 */
export class LaneIndex {
  readonly #table: LaneTable;
  readonly #backlog: Backlog;
  readonly #reader: LaneReader;
  /** For each lane with messages an id that is not above its smallest one; the notes are lanes' numbers. */
  #oldest: RunList | undefined;
  /** That list while it is being made, and the number of the first lane that is not in it yet. */
  #growing: { readonly list: RunList; number: number } | undefined;
  #count = 0;
  #visits = 0;
  /** Lanes with messages that were delivered before. */
  readonly #returning = new Set<Lane>();

  constructor(table: LaneTable, backlog: Backlog) {
    this.#table = table;
    this.#backlog = backlog;
    this.#reader = new LaneReader(backlog, table);
  }

  get visits(): number {
    return this.#visits + this.#reader.visits + (this.#oldest?.visits ?? 0);
  }

  /** Notes that a lane has messages more. */
  add(lane: Lane, { firstId, count, attempts }: ReadyRun): void {
    this.#count += count;
    if (attempts > 0) this.#returning.add(lane);
    const oldest = this.#oldest ?? this.#growing?.list;
    if (oldest === undefined || lane.findOldest()!.firstId < firstId) return;
    if (this.#growing !== undefined && lane.number >= this.#growing.number) return;
    this.#noteOldest(oldest, lane, firstId);
    if (oldest.count > UNUSED_MAX + 2 * this.#table.size) this.#forgetOldest();
  }

  /** Notes that a lane that had no messages has taken over others'. */
  adopt(lane: Lane): void {
    this.#forgetOldest();
    this.#count += lane.count;
    if (lane.returnedCount > 0) this.#returning.add(lane);
  }

  /**
   * Does some of the work before a range of messages is looked for: a look at each lane, unless these can be read.
   *
   * @returns Whether nothing is left.
   */
  prepareFor(range: IdRange): boolean {
    return this.#isReadable(range) || this.prepare();
  }

  /** Has more lanes among those whose first ids are kept; returns whether these are all. */
  prepare(countMax: number = PREPARED_MAX): boolean {
    if (this.#oldest !== undefined || this.#count === 0) return true;
    const growing = this.#growing ??= { list: new RunList(), number: 0 };
    const { list, number } = growing;
    growing.number += countMax;
    for (const lane of this.#table.slice(number, countMax)) {
      this.#visits++;
      const id = lane.findOldest()?.firstId;
      if (id !== undefined) this.#noteOldest(list, lane, id);
    }
    if (growing.number < this.#table.endNumber) return false;
    this.#growing = undefined;
    this.#oldest = list;
    return true;
  }

  /** Notes that messages of a lane were taken out of it. */
  take(lane: Lane, count: number): void {
    this.#count -= count;
    if (this.#returning.size > 0 && lane.returnedCount === 0) this.#returning.delete(lane);
  }

  /** The lanes that may have some of the messages that were delivered before. */
  listReturning(fromId: number = 0, toId: number = Infinity): Iterable<Lane> {
    if (toId - fromId >= this.#returning.size) return [...this.#returning];
    const lanes = new Set<Lane>();
    const range = { firstId: fromId, count: toId - fromId };
    for (const { lane } of this.#reader.list(range)) lanes.add(lane);
    return lanes;
  }

  /** The lane with the ready message that has the smallest id. */
  findOldest(): Lane | undefined {
    if (this.#count === 0) return undefined;
    if (this.#oldest === undefined) {
      const lane = this.#findAmongFirst();
      if (lane !== undefined) return lane;
    }
    if (this.#oldest === undefined) this.prepare(Infinity);
    const oldest = this.#oldest!;
    while (oldest.count > 0) {
      const { firstId, firstNote } = oldest;
      const lane = this.#table.get(firstNote);
      const found = lane.findOldest()?.firstId;
      if (found === firstId) return lane;
      // That one has gone, or the lane, whose number another one may have now.
      oldest.take(1);
      if (found !== undefined) this.#noteOldest(oldest, lane, found);
    }
    return undefined;
  }

  /** Finds ready messages among some, lane by lane; each part is taken out before the next is found. */
  *find(ranges: readonly IdRange[]): Generator<LanePart> {
    for (const range of ranges) {
      const { firstId, count } = range;
      const endId = firstId + count;
      if (this.#areNameless(firstId, endId)) {
        yield { lane: this.#table.nameless, range };
        continue;
      }
      const isRead = count <= FEW_MAX || this.#isReadable(range);
      for (let from = firstId; from < endId;) {
        const lane = isRead ? undefined : this.findOldest();
        const run = lane?.findOldest();
        if (run !== undefined && run.firstId >= endId) break;
        if (lane === undefined || run === undefined || run.firstId < from) {
          yield* this.#reader.list({ firstId: from, count: endId - from });
          break;
        }
        const range = { firstId: run.firstId, count: Math.min(run.count, endId - run.firstId) };
        yield { lane, range };
        from = range.firstId + range.count;
      }
    }
  }

  /** Lists the lanes of some messages, ready or not. */
  list(range: IdRange): Iterable<LanePart> {
    return this.#reader.list(range);
  }

  /** Whether messages are one run of those without a lane: a long backlog of them is not looked through. */
  #areNameless(fromId: number, toId: number): boolean {
    const [run] = this.#table.nameless.list(fromId, fromId + 1);
    return run !== undefined && run.firstId + run.count >= toId;
  }

  /** Whether the lanes of messages are in memory with their bytes, and no first ids are kept anyway. */
  #isReadable({ firstId, count }: IdRange): boolean {
    return this.#oldest === undefined && count <= READ_MAX &&
      this.#backlog.isResident(firstId, count);
  }

  #findAmongFirst(): Lane | undefined {
    const range = { firstId: this.#backlog.findFirst(0), count: OLDEST_MAX };
    for (const { lane, range: { firstId, count } } of this.#reader.list(range, false)) {
      if (lane.list(firstId, firstId + count).length > 0) return lane;
    }
    return undefined;
  }

  #noteOldest(oldest: RunList, { number }: Lane, id: number): void {
    const [known] = oldest.list(id, id + 1);
    if (known?.note === number) return;
    // The lane was forgotten meanwhile, and its number may be another one's.
    if (known !== undefined) oldest.remove([{ firstId: id, count: 1 }]);
    oldest.add(id, 1, number);
  }

  #forgetOldest(): void {
    this.#visits += this.#oldest?.visits ?? 0;
    this.#oldest = undefined;
    this.#growing = undefined;
  }
}
