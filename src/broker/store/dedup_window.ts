import { DEDUP_COUNT_MAX } from "../../protocol/messages/stream_options.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { TextTable } from "./text_table.ts";

/** The interval at which ids are forgotten together when their window is over, in milliseconds. */
const FORGET_MS = 1000;

/** How many old ids are forgotten with each new one. */
const PRUNED_WITH = 16;

/** The numbers of a slot: the message, when it came, whether it is stored. */
const ID = 0;
const AT = 1;
const IS_STORED = 2;

/** The slots that came before and after it, plus one; 0 for none. */
const OLDER = 3;
const NEWER = 4;

const WIDTH = 5;

/** A message that was stored under a dedup id, or is about to be. */
export interface RememberedMessage {
  readonly id: number;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
  isStored: boolean;
}

export interface DedupIdSnapshot {
  readonly dedupId: string;
  readonly id: number;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
}

/**
 * The dedup ids that a stream has seen lately, so that a message is stored once. Bounded by time and by
 * count; the oldest are forgotten first.
 */
export class DedupWindow {
  /** The dedup ids, in the order in which they came; one that was used before counts as new. */
  #table: TextTable | undefined;
  #oldest = 0;
  #newest = 0;
  /** Messages under way that somebody waits for, by id. */
  #awaited: Map<number, RememberedMessage> | undefined;
  readonly #countMax: number;
  readonly #hash: KeyedHash | undefined;

  /**
   * @param countMax How many ids are remembered.
   * @param hash The hash of ids, which others may use too; without a secret key by default.
   */
  constructor(countMax: number = DEDUP_COUNT_MAX, hash: KeyedHash | undefined = undefined) {
    this.#countMax = countMax;
    this.#hash = hash;
  }

  get size(): number {
    return this.#table?.size ?? 0;
  }

  /** The message with a dedup id within the window, if there is one; of one under way, the same each time. */
  find(dedupId: string, now: number, windowMs: number): RememberedMessage | undefined {
    const table = this.#table;
    const slot = table?.find(dedupId) ?? -1;
    if (table === undefined || slot < 0) return undefined;
    const [id, at] = [table.get(slot, ID), table.get(slot, AT)];
    if (at + windowMs <= now) return undefined;
    if (table.get(slot, IS_STORED) === 1) return { id, at, isStored: true };
    const awaited = this.#awaited ??= new Map();
    let message = awaited.get(id);
    if (message === undefined) awaited.set(id, message = { id, at, isStored: false });
    return message;
  }

  /** Remembers a message, and forgets ids that are too old or too many. */
  add(dedupId: string, { id, at, isStored }: RememberedMessage, windowMs: number): void {
    const table = this.#table ??= this.#begin();
    const before = table.find(dedupId);
    if (before >= 0) this.#remove(table, before);
    const slot = table.add(dedupId);
    table.set(slot, ID, id);
    table.set(slot, AT, at);
    table.set(slot, IS_STORED, isStored ? 1 : 0);
    table.set(slot, OLDER, this.#newest);
    table.set(slot, NEWER, 0);
    if (this.#newest === 0) this.#oldest = slot + 1;
    else table.set(this.#newest - 1, NEWER, slot + 1);
    this.#newest = slot + 1;
    if (table.size > this.#countMax) this.#remove(table, this.#oldest - 1);
    this.prune(at, windowMs, PRUNED_WITH);
  }

  /** When the oldest dedup ids are to be forgotten; `Infinity` if there are none. */
  nextAt(windowMs: number): number {
    if (this.#table === undefined || this.#oldest === 0) return Infinity;
    const at = this.#table.get(this.#oldest - 1, AT);
    return Math.ceil((at + windowMs) / FORGET_MS) * FORGET_MS;
  }

  /** Forgets ids after their window, at most so many; returns whether these were all. */
  prune(now: number, windowMs: number, countMax: number = Infinity): boolean {
    const table = this.#table;
    if (table === undefined) return true;
    for (let left = countMax; this.#oldest !== 0;) {
      const slot = this.#oldest - 1;
      if (table.get(slot, AT) + windowMs > now) return true;
      if (--left < 0) return false;
      this.#remove(table, slot);
    }
    this.#table = undefined;
    return true;
  }

  /** Notes that a message is durable. */
  markStored(dedupId: string, id: number): void {
    const slot = this.#table?.find(dedupId) ?? -1;
    if (slot >= 0 && this.#table!.get(slot, ID) === id) this.#table!.set(slot, IS_STORED, 1);
    this.#conclude(id, true);
  }

  /** Forgets a message that was not stored. */
  delete(dedupId: string, id: number): void {
    const slot = this.#table?.find(dedupId) ?? -1;
    if (slot >= 0 && this.#table!.get(slot, ID) === id) this.#remove(this.#table!, slot);
    this.#conclude(id, false);
  }

  /** The ids within the window whose messages are durable. */
  takeSnapshot(now: number, windowMs: number): DedupIdSnapshot[] {
    const snapshot: DedupIdSnapshot[] = [];
    const table = this.#table;
    if (table === undefined) return snapshot;
    for (let slot = this.#oldest - 1; slot >= 0; slot = table.get(slot, NEWER) - 1) {
      const at = table.get(slot, AT);
      if (table.get(slot, IS_STORED) === 0 || at + windowMs <= now) continue;
      snapshot.push({ dedupId: table.textOf(slot), id: table.get(slot, ID), at });
    }
    return snapshot;
  }

  #begin(): TextTable {
    const table = new TextTable(WIDTH, this.#hash, (from, to) => this.#relink(table, from, to + 1));
    return table;
  }

  /** Tells those who wait for a message under way. */
  #conclude(id: number, isStored: boolean): void {
    const message = this.#awaited?.get(id);
    if (message === undefined) return;
    message.isStored = isStored;
    this.#awaited!.delete(id);
    if (this.#awaited!.size === 0) this.#awaited = undefined;
  }

  #remove(table: TextTable, slot: number): void {
    const [older, newer] = [table.get(slot, OLDER), table.get(slot, NEWER)];
    if (older === 0) this.#oldest = newer;
    else table.set(older - 1, NEWER, newer);
    if (newer === 0) this.#newest = older;
    else table.set(newer - 1, OLDER, older);
    table.remove(slot);
  }

  /** Lets the neighbours of a slot, and the ends, point to its next place. */
  #relink(table: TextTable, from: number, to: number): void {
    const [older, newer] = [table.get(from, OLDER), table.get(from, NEWER)];
    if (older === 0) this.#oldest = to;
    else table.set(older - 1, NEWER, to);
    if (newer === 0) this.#newest = to;
    else table.set(newer - 1, OLDER, to);
  }
}
