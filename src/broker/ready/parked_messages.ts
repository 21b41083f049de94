import { PRIORITY_DEFAULT } from "../../protocol/messages/entry.ts";
import type { MessageBatch } from "../../../protocol.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import { IdBits } from "../collections/id_bits.ts";
import { PagedList } from "../tables/paged_list.ts";
import { KeyQueue } from "./key_queue.ts";
import type { KeyTable } from "./key_table.ts";
import type { ReadyRun } from "./ready_run.ts";

/** A message that waits for a key that is lent. */
export interface OwedRun extends ReadyRun {
  /** The number of its key. */
  readonly key: number;
}

/** A key for which messages wait. */
export interface KeyWait {
  readonly holder: number;
  readonly count: number;
}

/** What parked messages have to do with others. */
export interface ParkingWatch {
  /** Hears how many messages of a lane are parked more, or less. */
  readonly noted: (lane: number | undefined, count: number) => void;
  /** Reads a message; undefined if that is not possible now. */
  readonly read: (id: number) => MessageBatch | undefined;
}

/** Room for more keys is given back when nothing waits. */
const KEPT_MAX = 1024;

/** Messages that wait for keys, by the numbers of the keys. */
export class ParkedMessages {
  readonly #byKey = new PagedList<KeyQueue>();
  /** Which messages are parked: the oldest one is asked for again and again. Their keys are in their bytes. */
  readonly #ids = new IdBits();
  readonly #table: KeyTable;
  #keyCount = 0;
  #count = 0;
  /** How many of them were delivered before: almost always none. */
  #returnedCount = 0;
  readonly #watch: ParkingWatch | undefined;
  #visits = 0;

  /** @param table The numbers of the keys. */
  constructor(table: KeyTable, watch?: ParkingWatch) {
    this.#table = table;
    this.#watch = watch;
  }

  get count(): number {
    return this.#count;
  }

  /** The number of keys for which messages wait. */
  get keyCount(): number {
    return this.#keyCount;
  }

  /** The smallest id; undefined if there is none. */
  get firstId(): number | undefined {
    return this.#ids.first;
  }

  /** How many runs were ever visited or moved to find some by id; tests bound this cost. */
  get visits(): number {
    return this.#visits;
  }

  /** How many messages wait for keys, for each of so many of them. */
  listWaits(holderOf: (key: number) => number, countMax: number): KeyWait[] {
    const waits: KeyWait[] = [];
    for (const [key, { count }] of this.#byKey) {
      if (waits.length >= countMax) break;
      waits.push({ holder: holderOf(key), count });
    }
    return waits;
  }

  countOf(key: number): number {
    return this.#count === 0 ? 0 : this.#byKey.get(key)?.count ?? 0;
  }

  /** Whether a message goes before all that are here of its key. */
  isBefore(key: number, id: number, priority: number): boolean {
    const first = this.#count === 0 ? undefined : this.#byKey.get(key)?.peek();
    if (first === undefined) return true;
    const rank = first.priority ?? PRIORITY_DEFAULT;
    return priority > rank || (priority === rank && id < first.firstId);
  }

  /** Those in a range of ids that were delivered before. */
  listReturned(fromId: number = 0, toId: number = Infinity): ReadyRun[] {
    if (this.#returnedCount === 0) return [];
    const count = toId - fromId;
    if (count > this.#keyCount) {
      return [...this.#byKey].flatMap(([, runs]) => runs.listReturned(fromId, toId));
    }
    return this.#ids.list({ firstId: fromId, count }).flatMap((id) => {
      const key = this.#findKey(id);
      const all = key === undefined
        ? [...this.#byKey].map(([, runs]) => runs)
        : [this.#byKey.get(key)!];
      const found = all.flatMap((runs) => runs.listReturned(id, id + 1));
      return found.map((run) => ({ ...run, firstId: id, count: 1 }));
    });
  }

  /** Adds one message. */
  add(key: number, run: ReadyRun): void {
    const runs = this.#byKey.require(key, createQueue);
    if (runs.count === 0) this.#keyCount++;
    runs.add(run);
    this.#ids.add(run.firstId);
    if (run.attempts > 0) this.#returnedCount++;
    this.#count++;
    this.#watch?.noted(run.lane, 1);
  }

  /** Takes out the next message of a key. */
  takeNext(key: number): ReadyRun | undefined {
    const runs = this.#count === 0 ? undefined : this.#byKey.get(key);
    const first = runs?.peek();
    if (runs === undefined || first === undefined) return undefined;
    const next = { ...first, count: 1 };
    runs.takeFirst();
    this.#noteTaken(key, runs, [next]);
    return next;
  }

  /** Takes out a message of a key, if it is here. */
  take(key: number, id: number): ReadyRun | undefined {
    const runs = this.#count === 0 ? undefined : this.#byKey.get(key);
    const ranges = [{ firstId: id, count: 1 }];
    const [run] = runs?.remove(ranges) ?? [];
    if (runs === undefined || run === undefined) return undefined;
    this.#noteTaken(key, runs, [run]);
    return run;
  }

  /**
   * Takes messages out by id.
   *
   * @param ranges The ids, joined.
   * @returns The ones that were here.
   */
  remove(ranges: readonly IdRange[]): ReadyRun[] {
    const removed: ReadyRun[] = [];
    for (const range of ranges) {
      if (this.#count === 0) break;
      for (const id of this.#ids.list(range)) {
        const run = this.#takeById(id);
        const last = removed.at(-1);
        const goesOn = last !== undefined && last.firstId + last.count === id &&
          last.attempts === run.attempts && last.priority === run.priority &&
          last.lane === run.lane;
        if (goesOn) removed[removed.length - 1] = { ...last, count: last.count + 1 };
        else removed.push(run);
      }
    }
    return removed;
  }

  findOldest(): IdRange | undefined {
    const firstId = this.#ids.first;
    return firstId === undefined ? undefined : { firstId, count: 1 };
  }

  /** The key of a message that is here; undefined if it cannot be read. */
  #findKey(id: number): number | undefined {
    this.#visits++;
    const batch = this.#watch?.read(id);
    return batch && this.#table.requireOf(batch.buffer, batch.start);
  }

  /** Takes out a message that is here. */
  #takeById(id: number): ReadyRun {
    const key = this.#findKey(id);
    const found = key === undefined ? undefined : this.take(key, id);
    if (found !== undefined) return found;
    for (const [key] of this.#byKey) {
      this.#visits++;
      const run = this.take(key, id);
      if (run !== undefined) return run;
    }
    throw new Error(`Message ${id} is parked for no key`);
  }

  #noteTaken(key: number, runs: KeyQueue, taken: readonly ReadyRun[]): void {
    for (const { firstId, count, attempts, lane } of taken) {
      this.#ids.delete(firstId, count);
      this.#count -= count;
      this.#watch?.noted(lane, -count);
      if (attempts > 0) this.#returnedCount -= count;
    }
    if (runs.count > 0) return;
    this.#byKey.set(key, undefined);
    this.#keyCount--;
    if (this.#keyCount === 0 && this.#byKey.room > KEPT_MAX) this.#byKey.cut(0);
  }
}

function createQueue(): KeyQueue {
  return new KeyQueue();
}
