import type { MessageBatch } from "../../../protocol.ts";
import { PRIORITY_DEFAULT, readEntrySize } from "../../protocol/messages/entry.ts";
import { findEntryCoalesceId } from "../../protocol/messages/properties.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { NumberSet } from "../tables/number_set.ts";
import { PagedList } from "../tables/paged_list.ts";
import type { Borrower } from "./borrower.ts";
import { HeldKeys } from "./held_keys.ts";
import { KeyTable } from "./key_table.ts";
import { findLoanRoom, Loan } from "./loan.ts";
import {
  type KeyWait,
  type OwedRun,
  ParkedMessages,
  type ParkingWatch,
} from "./parked_messages.ts";
import type { ReadyRun } from "./ready_runs.ts";
import { RestoredHolders } from "./restored_holders.ts";

/** The part of a batch that may be delivered although messages have keys. */
export interface AdmittedPart {
  /** How many messages in front of it were parked. */
  readonly parkedCount: number;
  /** The messages that may be delivered; none if `count` is 0. */
  readonly batch: MessageBatch;
}

/** Room for more keys is given back when none is held. */
const KEPT_MAX = 1024;

/** The most keys that are looked at for one look at what is owed, and the most messages of each. */
const OWED_KEYS_MAX = 256;
const OWED_EACH_MAX = 16;

/**
 * The keys that are held, the messages that hold them, and the messages that wait for them.
 *
 * Messages of one key are worked on one at a time, in order. A message *holds* its key from its first
 * delivery until it is gone, also while it is ready again or held back after a failure: later messages
 * must not overtake it. A ready message whose key another one holds is *parked*; when the
 * key is free, the first message that is parked for it holds it, and is ready.
 *
 * A key is *lent* to a follower that hands its messages out in order: while it has one, it may get more. They
 * hold the key together, in the order of their delivery, which the first one keeps if it comes back. Later
 * ones that come back without having been worked on are parked.
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
  /**
   * The number of the key that each message holds, and which of these are back, which no follower has: they are
   * ready or held back, or on their way elsewhere.
   */
  readonly #held = new HeldKeys();
  readonly #parked: ParkedMessages;
  /** Those of them that were not delivered since the broker's start. */
  readonly #restored = new RestoredHolders();
  /** The holders of each key that has more than one, by its number. */
  readonly #loans = new PagedList<Loan>();
  /** To whom each key is lent. */
  readonly #borrowers = new PagedList<Borrower>();
  /** The keys that are not lent, by number: messages of them have coalescing ids. */
  readonly #unlent = new NumberSet();

  /** @param hash The hash of keys, which others may use too; without a secret key by default. */
  constructor(hash?: KeyedHash, watch?: ParkingWatch) {
    this.#table = new KeyTable(hash);
    this.#parked = new ParkedMessages(this.#table, watch);
  }

  get parkedCount(): number {
    return this.#parked.count;
  }

  get firstParkedId(): number | undefined {
    return this.#parked.firstId;
  }

  get waitCount(): number {
    return this.#parked.keyCount;
  }

  get heldCount(): number {
    return this.#table.size;
  }

  get visits(): number {
    return this.#parked.visits;
  }

  /** The parked messages in a range of ids that were delivered before. */
  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    return this.#parked.listReturned(fromId, toId);
  }

  listWaits(countMax: number = Infinity): KeyWait[] {
    return this.#parked.listWaits((key) => this.#table.holderOf(key), countMax);
  }

  /**
   * Lets the first messages of a run take their keys, up to one whose key another message holds; those
   * in front whose keys are held are parked.
   *
   * @param run The messages, as they were ready.
   * @param batch Their bytes, or those of the first of them.
   * @param borrower The follower that gets them.
   */
  admit(run: ReadyRun, batch: MessageBatch, borrower: Borrower): AdmittedPart {
    const { buffer, end } = batch;
    const priority = run.priority ?? PRIORITY_DEFAULT;
    let id = run.firstId;
    let offset = batch.start;
    while (offset < end) {
      const key = this.#claimAt(buffer, offset, id, priority, borrower);
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
      } while (offset < end && this.#claimAt(buffer, offset, id, priority, borrower) === 0);
    }
    const count = id - run.firstId - parkedCount;
    return { parkedCount, batch: { count, buffer, start, end: offset } };
  }

  /** Gives a message that was worked on before the start its key, behind those that have it; they come by id. */
  restore(id: number, { buffer, start }: MessageBatch): void {
    const key = this.#table.requireOf(buffer, start);
    if (key === 0) return;
    const holder = this.#table.holderOf(key);
    this.#held.set(id, key);
    this.#held.setBack(id, true);
    this.#restored.add(id, buffer, start);
    if (holder === 0) this.#table.hold(key, id);
    else this.#loans.require(key, () => new Loan(holder, 0)).push(id);
  }

  /** Takes keys away from messages that are gone, none of them parked; returns those that are ready now. */
  release({ firstId, count }: IdRange): ReadyRun[] {
    const freed: ReadyRun[] = [];
    if (this.#held.count === 0) return freed;
    for (let id = firstId; id < firstId + count; id++) {
      const isBack = this.#held.isBack(id);
      const key = this.#held.delete(id);
      if (key === 0) continue;
      if (isBack) this.#restored.delete(id);
      const loan = this.#loans.get(key);
      if (loan !== undefined) {
        loan.remove(id);
        if (!isBack) loan.outCount--;
      }
      const next = loan === undefined || loan.size === 0
        ? this.#unpark(key)
        : this.#passOn(key, loan);
      if (next !== undefined) freed.push(next);
    }
    return freed;
  }

  /**
   * Notes that messages come back from their followers, or go elsewhere: they still hold their keys.
   *
   * @returns Messages that are the first of their keys now, and are ready.
   */
  noteBack({ firstId, count }: IdRange): ReadyRun[] {
    const freed: ReadyRun[] = [];
    if (this.#held.count === 0) return freed;
    for (let id = firstId; id < firstId + count; id++) {
      const key = this.#held.get(id);
      if (key === 0 || this.#held.isBack(id)) continue;
      this.#held.setBack(id, true);
      const loan = this.#loans.get(key);
      if (loan === undefined) this.#borrowers.set(key, undefined);
      else {
        loan.outCount--;
        const next = this.#passOn(key, loan);
        if (next !== undefined) freed.push(next);
      }
    }
    return freed;
  }

  /**
   * Parks those of the messages that came back that are not the first of their keys: they give up what they
   * hold, unless they were worked on, or others behind them hold it.
   *
   * @returns The others.
   */
  giveBack(run: ReadyRun): ReadyRun[] {
    const { firstId, count, attempts } = run;
    if (this.#held.count === 0) return [run];
    const ready: { firstId: number; count: number }[] = [];
    // The last one first: it is the last one of its loan.
    for (let id = firstId + count - 1; id >= firstId; id--) {
      const key = this.#held.get(id);
      const loan = this.#loans.get(key);
      if (loan === undefined || (loan.first === id && loan.outCount === 0)) {
        const next = ready.at(-1);
        if (next?.firstId === id + 1) {
          ready[ready.length - 1] = { firstId: id, count: next.count + 1 };
        } else ready.push({ firstId: id, count: 1 });
        continue;
      }
      if (attempts === 0 && loan.last === id && loan.first !== id) {
        this.#endBack(id);
        this.#held.delete(id);
        loan.remove(id);
      }
      this.#park(key, { ...run, firstId: id, count: 1 });
    }
    return ready.map((range) => ({ ...run, ...range }));
  }

  /** The ids of messages that followers have and that were delivered after some of the same keys. */
  findLater({ firstId, count }: IdRange): number[] {
    const later: number[] = [];
    if (this.#held.count <= 1) return later;
    const seen = new Set<number>();
    for (let id = firstId; id < firstId + count; id++) {
      const key = this.#held.get(id);
      const loan = this.#loans.get(key);
      if (loan === undefined || loan.size === 1 || seen.has(key)) continue;
      seen.add(key);
      for (const one of loan.listAfter(id)) if (!this.#held.isBack(one)) later.push(one);
    }
    return later;
  }

  /** Whether a follower has a message with a key. */
  isOut(id: number): boolean {
    return this.#held.has(id) && !this.#held.isBack(id);
  }

  /**
   * Takes out parked messages that a borrower may have, of several keys in turn. They have to be delivered to
   * it now, or parked again.
   */
  takeOwed(borrower: Borrower, countMax: number): OwedRun[] {
    const taken: OwedRun[] = [];
    const { owed } = borrower;
    for (let keysLeft = OWED_KEYS_MAX; keysLeft > 0 && taken.length < countMax; keysLeft--) {
      const key = owed?.take();
      if (key === undefined) break;
      if (this.#borrowers.get(key) !== borrower) continue;
      const room = Math.min(
        findLoanRoom(this.#loans.get(key), borrower),
        OWED_EACH_MAX,
        countMax - taken.length,
      );
      for (let left = room; left > 0; left--) {
        const run = this.#parked.takeNext(key);
        if (run === undefined) break;
        taken.push({ ...run, key });
      }
      // Behind the others, for the next look.
      if (this.#parked.countOf(key) > 0) owed!.add(key);
    }
    return taken;
  }

  parkAgain({ key, ...run }: OwedRun): void {
    this.#park(key, run);
  }

  /** Takes parked messages out by id, given as joined ranges; returns the ones that were here. */
  remove(ranges: readonly IdRange[]): ReadyRun[] {
    return this.#parked.remove(ranges);
  }

  findOldest(): IdRange | undefined {
    return this.#parked.findOldest();
  }

  /** Lets a message take its key; returns 0, or the number of the key if it has to wait. */
  #claimAt(
    buffer: Uint8Array,
    offset: number,
    id: number,
    priority: number,
    borrower: Borrower,
  ): number {
    const key = this.#table.requireOf(buffer, offset);
    if (key === 0) return 0;
    if (findEntryCoalesceId(buffer, offset) !== 0) this.#endLending(key);
    if (id < this.#restored.lastId) this.#goBeforeRestored(key, id, buffer, offset);
    const holder = this.#table.holderOf(key);
    const loan = this.#loans.get(key);
    if (holder === 0) {
      this.#table.hold(key, id);
      this.#held.set(id, key);
    } else if (holder === id) {
      if (loan !== undefined) {
        if (loan.outCount > 0) return key;
        loan.outCount = loan.givenCount = 1;
      }
      this.#endBack(id);
    } else return this.#extend(key, id, priority, borrower) ? 0 : key;
    if (borrower.ordersKeys && !this.#unlent.has(key)) {
      this.#borrowers.set(key, borrower);
      if (this.#parked.countOf(key) > 0) borrower.owe(key);
    }
    return 0;
  }

  /** Lets a message hold its key in front of those that hold it since the start, if it goes before them. */
  #goBeforeRestored(key: number, id: number, buffer: Uint8Array, offset: number): void {
    const holder = this.#table.holderOf(key);
    if (holder === 0 || this.#held.has(id) || this.#unlent.has(key)) return;
    const loan = this.#loans.get(key) ?? new Loan(holder, 0);
    if (!loan.insert(id, (one) => this.#restored.isBehind(one, id, buffer, offset))) return;
    this.#loans.set(key, loan);
    this.#table.hold(key, loan.first);
    this.#held.set(id, key);
    this.#held.setBack(id, true);
  }

  /** Notes that a message is delivered again, or gone; returns whether no follower had it. */
  #endBack(id: number): boolean {
    this.#restored.delete(id);
    return this.#held.setBack(id, false);
  }

  /** No follower gets several messages of a key at once from now on: at most one of a coalescing id is out. */
  #endLending(key: number): void {
    this.#unlent.add(key);
    if (this.#borrowers.get(key) !== undefined) this.#borrowers.set(key, undefined);
  }

  /** Lets one more message hold a key that is lent, if its borrower may have it. */
  #extend(key: number, id: number, priority: number, borrower: Borrower): boolean {
    let loan = this.#loans.get(key);
    if (this.#borrowers.get(key) !== borrower || findLoanRoom(loan, borrower) <= 0) return false;
    if (loan !== undefined && loan.outCount < loan.size) {
      // What came back together goes in its order, and nothing else before it.
      if (!loan.isNext(id, (one) => this.#held.isBack(one))) return false;
      this.#endBack(id);
    } else {
      if (!this.#parked.isBefore(key, id, priority)) return false;
      loan = this.#loans.require(key, () => new Loan(this.#table.holderOf(key), 1));
      loan.push(id);
      this.#held.set(id, key);
    }
    loan.outCount++;
    loan.givenCount++;
    return true;
  }

  /** Has the first of a key's holders go next, if no follower has one; returns it if it was parked. */
  #passOn(key: number, loan: Loan): ReadyRun | undefined {
    const { first } = loan;
    this.#table.hold(key, first);
    if (loan.outCount > 0) return undefined;
    this.#borrowers.set(key, undefined);
    return this.#parked.take(key, first);
  }

  #park(key: number, run: ReadyRun): void {
    this.#parked.add(key, run);
    this.#borrowers.get(key)?.owe(key);
  }

  /** Lets the first message that waits for a free key hold it; forgets the key if there is none. */
  #unpark(key: number): ReadyRun | undefined {
    if (this.#borrowers.get(key) !== undefined) this.#borrowers.set(key, undefined);
    if (this.#loans.get(key) !== undefined) this.#loans.set(key, undefined);
    const next = this.#parked.takeNext(key);
    if (next === undefined) {
      this.#table.delete(key);
      this.#unlent.delete(key);
      if (this.#table.size === 0 && this.#borrowers.room > KEPT_MAX) {
        this.#loans.cut(0);
        this.#borrowers.cut(0);
      }
      return undefined;
    }
    this.#table.hold(key, next.firstId);
    this.#held.set(next.firstId, key);
    this.#held.setBack(next.firstId, true);
    return next;
  }
}
