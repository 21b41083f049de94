import type { MessageBatch } from "../../../protocol.ts";
import { readEntrySize } from "../../protocol/messages/entry.ts";
import { findEntryKey } from "../../protocol/messages/properties.ts";
import { byFirstId, type IdRange } from "../collections/id_ranges.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { IdBits } from "../collections/id_bits.ts";
import { KeyTable } from "./key_table.ts";
import { type ReadyRun, ReadyRuns } from "./ready_runs.ts";
import { RunList } from "../collections/run_list.ts";

/** The part of a batch that may be delivered although messages have keys. */
export interface AdmittedPart {
  /** How many messages in front of it were parked. */
  readonly parkedCount: number;
  /** The messages that may be delivered; none if `count` is 0. */
  readonly batch: MessageBatch;
}

/** A key for which messages wait. */
export interface KeyWait {
  readonly holder: number;
  readonly count: number;
}

/**
 * The keys that are held, the messages that hold them, and the messages that wait for them.
 *
 * Messages of one key are worked on one at a time, in order. A message *holds* its key from its first
 * delivery until it is gone, also while it is ready again or held back after a failure: later messages
 * must not overtake it. A ready message whose key another one holds is *parked*; when the
 * key is free, the first message that is parked for it holds it, and is ready.
 *
 * Keys are read only at delivery, from bytes that are needed there anyway. So a backlog of messages with
 * keys costs the same as any other, and a start after a crash reads only the keys of messages that were
 * worked on.
 *
 * Keys are told apart by 64 bits of a hash that has a secret key, so that nobody can choose two with the
 * same. Should two ever have it, their messages would wait for each other, which breaks no promise about
 * order.
 */
export class Keys {
  readonly #table: KeyTable;
  /** The number of the key that each message holds. */
  readonly #held = new Map<number, number>();
  /** Which messages wait for a key, by its number. */
  readonly #parked = new Map<number, ReadyRuns>();
  /**
   * The same messages by id, each with the number of its key, to take messages out by id. Made when it is
   * first needed, and dropped when nothing is parked.
   */
  #order: RunList | undefined;
  /** Which messages are parked: the oldest one is asked for again and again. */
  readonly #ids = new IdBits();
  #parkedCount = 0;
  /** How many of them were delivered before: almost always none. */
  #returnedCount = 0;

  /** @param hash The hash of keys, which others may use too; without a secret key by default. */
  constructor(hash?: KeyedHash) {
    this.#table = new KeyTable(hash);
  }

  get parkedCount(): number {
    return this.#parkedCount;
  }

  /** The smallest id of a parked message; undefined if there is none. */
  get firstParkedId(): number | undefined {
    return this.#ids.first;
  }

  /** The number of keys for which messages wait. */
  get waitCount(): number {
    return this.#parked.size;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  /** How many runs were ever visited or moved to find some by id; tests bound this cost. */
  get visits(): number {
    return this.#order?.visits ?? 0;
  }

  /** The parked messages in a range of ids that were delivered before. */
  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    if (this.#returnedCount === 0) return [];
    return [...this.#parked.values()].flatMap((waiting) => waiting.listReturned(fromId, toId));
  }

  get waits(): KeyWait[] {
    return [...this.#parked].map(([key, { count }]) => {
      return { holder: this.#table.holderOf(key), count };
    });
  }

  /**
   * Lets the first messages of a run take their keys, up to one whose key another message holds; those
   * in front whose keys are held are parked.
   *
   * @param run The messages, as they were ready.
   * @param batch Their bytes, or those of the first of them.
   */
  admit(run: ReadyRun, batch: MessageBatch): AdmittedPart {
    const { buffer, end } = batch;
    let id = run.firstId;
    let offset = batch.start;
    while (offset < end) {
      const key = this.#claimAt(buffer, offset, id);
      if (key === 0) break;
      this.#park(key, { ...run, firstId: id, count: 1 });
      id++;
      offset += readEntrySize(buffer, offset);
    }
    const parkedCount = id - run.firstId;
    const start = offset;
    if (offset < end) {
      do {
        id++;
        offset += readEntrySize(buffer, offset);
      } while (offset < end && this.#claimAt(buffer, offset, id) === 0);
    }
    const count = id - run.firstId - parkedCount;
    return { parkedCount, batch: { count, buffer, start, end: offset } };
  }

  /** Gives a message that was worked on before the broker's start its key, if no other one holds it. */
  restore(id: number, { buffer, start }: MessageBatch): void {
    this.#claimAt(buffer, start, id);
  }

  /**
   * Takes the keys away from messages that are gone; none of them is parked.
   *
   * @returns The messages that hold the keys now, and are ready.
   */
  release({ firstId, count }: IdRange): ReadyRun[] {
    const freed: ReadyRun[] = [];
    if (this.#held.size === 0) return freed;
    for (let id = firstId; id < firstId + count; id++) {
      const key = this.#held.get(id);
      if (key === undefined) continue;
      this.#held.delete(id);
      const next = this.#unpark(key);
      if (next !== undefined) freed.push(next);
    }
    return freed;
  }

  /**
   * Takes parked messages out.
   *
   * @param ranges The ids, joined.
   * @returns The ones that were here.
   */
  remove(ranges: readonly IdRange[]): ReadyRun[] {
    const removed: ReadyRun[] = [];
    if (this.#parkedCount === 0) return removed;
    for (const { note: key, ...run } of this.#requireOrder().remove(ranges)) {
      const waiting = this.#parked.get(key)!;
      const runs = waiting.remove([run]);
      this.#noteTaken(key, waiting, runs);
      removed.push(...runs);
    }
    return removed;
  }

  findOldest(): IdRange | undefined {
    if (this.#parkedCount === 0) return undefined;
    const { firstId, firstCount: count } = this.#requireOrder();
    return { firstId, count };
  }

  removeAll(): ReadyRun[] {
    const removed = [...this.#parked.values()].flatMap((waiting) => waiting.removeAll());
    this.#parked.clear();
    this.#ids.clear();
    this.#order = undefined;
    this.#parkedCount = 0;
    this.#returnedCount = 0;
    return removed;
  }

  #requireOrder(): RunList {
    if (this.#order !== undefined) return this.#order;
    const runs = [...this.#parked].flatMap(([key, waiting]) =>
      waiting.list().map((run) => ({ ...run, key }))
    );
    const order = this.#order = new RunList();
    for (const { firstId, count, key } of runs.sort(byFirstId)) order.add(firstId, count, key);
    return order;
  }

  /** Lets a message take its key; returns 0, or the number of the key if another one holds it. */
  #claimAt(buffer: Uint8Array, offset: number, id: number): number {
    const at = findEntryKey(buffer, offset);
    if (at === 0) return 0;
    const key = this.#table.require(buffer, at + 1, at + 1 + buffer[at]!);
    const holder = this.#table.holderOf(key);
    if (holder === id) return 0;
    if (holder !== 0) return key;
    this.#table.hold(key, id);
    this.#held.set(id, key);
    return 0;
  }

  #park(key: number, run: ReadyRun): void {
    let waiting = this.#parked.get(key);
    if (waiting === undefined) this.#parked.set(key, waiting = new ReadyRuns());
    if (run.attempts === 0) waiting.append(run.firstId, 1, run.priority);
    else waiting.giveBack(run);
    this.#order?.add(run.firstId, 1, key);
    this.#ids.add(run.firstId);
    if (run.attempts > 0) this.#returnedCount++;
    this.#parkedCount++;
  }

  /** Lets the first message that waits for a key hold it; forgets the key if there is none. */
  #unpark(key: number): ReadyRun | undefined {
    const waiting = this.#parked.get(key);
    const first = waiting?.peek();
    if (waiting === undefined || first === undefined) {
      this.#table.delete(key);
      return undefined;
    }
    const next = { ...first, count: 1 };
    waiting.take(1);
    this.#order?.remove([{ firstId: next.firstId, count: 1 }]);
    this.#noteTaken(key, waiting, [next]);
    this.#table.hold(key, next.firstId);
    this.#held.set(next.firstId, key);
    return next;
  }

  #noteTaken(key: number, waiting: ReadyRuns, runs: readonly ReadyRun[]): void {
    for (const { firstId, count, attempts } of runs) {
      this.#ids.delete(firstId, count);
      this.#parkedCount -= count;
      if (attempts > 0) this.#returnedCount -= count;
    }
    if (waiting.count === 0) this.#parked.delete(key);
    if (this.#parkedCount === 0) this.#order = undefined;
  }
}
