import { PRIORITY_DEFAULT } from "../../protocol/messages/entry.ts";
import { byFirstId, type IdRange } from "../collections/id_ranges.ts";
import { IdBits } from "../collections/id_bits.ts";
import { type ReadyRun, ReadyRuns } from "./ready_runs.ts";
import { RunList } from "../collections/run_list.ts";

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

/** Hears how many messages of a lane are parked more, or less. */
export type ParkingListener = (lane: number | undefined, count: number) => void;

/** Messages that wait for keys, by the numbers of the keys. */
export class ParkedMessages {
  readonly #byKey = new Map<number, ReadyRuns>();
  /**
   * The same messages by id, each with the number of its key, to take messages out by id. Made when it is
   * first needed, and dropped when nothing is parked.
   */
  #order: RunList | undefined;
  /** Which messages are parked: the oldest one is asked for again and again. */
  readonly #ids = new IdBits();
  #count = 0;
  /** How many of them were delivered before: almost always none. */
  #returnedCount = 0;
  readonly #noted: ParkingListener | undefined;

  /** @param noted Hears of messages that are parked, and of those that no longer are. */
  constructor(noted?: ParkingListener) {
    this.#noted = noted;
  }

  get count(): number {
    return this.#count;
  }

  /** The number of keys for which messages wait. */
  get keyCount(): number {
    return this.#byKey.size;
  }

  /** The smallest id; undefined if there is none. */
  get firstId(): number | undefined {
    return this.#ids.first;
  }

  /** How many runs were ever visited or moved to find some by id; tests bound this cost. */
  get visits(): number {
    return this.#order?.visits ?? 0;
  }

  /** How many messages wait for each key. */
  listWaits(holderOf: (key: number) => number): KeyWait[] {
    return [...this.#byKey].map(([key, { count }]) => ({ holder: holderOf(key), count }));
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
  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    if (this.#returnedCount === 0) return [];
    return [...this.#byKey.values()].flatMap((runs) => runs.listReturned(fromId, toId));
  }

  /** Adds one message. */
  add(key: number, run: ReadyRun): void {
    let runs = this.#byKey.get(key);
    if (runs === undefined) this.#byKey.set(key, runs = new ReadyRuns());
    runs.giveBack(run);
    this.#order?.add(run.firstId, 1, key);
    this.#ids.add(run.firstId);
    if (run.attempts > 0) this.#returnedCount++;
    this.#count++;
    this.#noted?.(run.lane, 1);
  }

  /** Takes out the next message of a key. */
  takeNext(key: number): ReadyRun | undefined {
    const runs = this.#count === 0 ? undefined : this.#byKey.get(key);
    const first = runs?.peek();
    if (runs === undefined || first === undefined) return undefined;
    const next = { ...first, count: 1 };
    runs.take(1);
    this.#order?.remove([{ firstId: next.firstId, count: 1 }]);
    this.#noteTaken(key, runs, [next]);
    return next;
  }

  /** Takes out a message of a key, if it is here. */
  take(key: number, id: number): ReadyRun | undefined {
    const runs = this.#count === 0 ? undefined : this.#byKey.get(key);
    const ranges = [{ firstId: id, count: 1 }];
    const [run] = runs?.remove(ranges) ?? [];
    if (runs === undefined || run === undefined) return undefined;
    this.#order?.remove(ranges);
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
    if (this.#count === 0) return removed;
    for (const { note: key, ...run } of this.#requireOrder().remove(ranges)) {
      const runs = this.#byKey.get(key)!;
      const taken = runs.remove([run]);
      this.#noteTaken(key, runs, taken);
      removed.push(...taken);
    }
    return removed;
  }

  findOldest(): IdRange | undefined {
    if (this.#count === 0) return undefined;
    const { firstId, firstCount: count } = this.#requireOrder();
    return { firstId, count };
  }

  removeAll(): ReadyRun[] {
    const removed = [...this.#byKey.values()].flatMap((runs) => runs.removeAll());
    for (const { lane, count } of removed) this.#noted?.(lane, -count);
    this.#byKey.clear();
    this.#ids.clear();
    this.#order = undefined;
    this.#count = 0;
    this.#returnedCount = 0;
    return removed;
  }

  #requireOrder(): RunList {
    if (this.#order !== undefined) return this.#order;
    const all = [...this.#byKey].flatMap(([key, runs]) =>
      runs.list().map((run) => ({ ...run, key }))
    );
    const order = this.#order = new RunList();
    for (const { firstId, count, key } of all.sort(byFirstId)) order.add(firstId, count, key);
    return order;
  }

  #noteTaken(key: number, runs: ReadyRuns, taken: readonly ReadyRun[]): void {
    for (const { firstId, count, attempts, lane } of taken) {
      this.#ids.delete(firstId, count);
      this.#count -= count;
      this.#noted?.(lane, -count);
      if (attempts > 0) this.#returnedCount -= count;
    }
    if (runs.count === 0) this.#byKey.delete(key);
    if (this.#count === 0) this.#order = undefined;
  }
}
