import type { IdRange } from "../collections/id_ranges.ts";
import { KeyedHash } from "../collections/keyed_hash.ts";
import type { CoalescedMessage, CoalescedTimes, CoalesceMark } from "./coalesce_index.ts";
import { SlotChains } from "./slot_chains.ts";
import { TextTable } from "./text_table.ts";

/** The rough size of a message, in bytes. */
export const RESTING_BYTES = 150;

/** The numbers of a slot; `Infinity` stands for a message that never expires. */
const ID = 0;
const BYTES = 1;
const DUE_AT = 2;
const UNTIL = 3;
const EXPIRES_AT = 4;

const WIDTH = 5;

/** How many messages with consecutive ids lie side by side. */
const NEIGHBOURS = 1024;

/** 2^32 divided by the golden ratio. */
const SPREAD = 0x9e3779b1;

/** What messages have in common that have a key or a lane. */
type Common = Pick<CoalesceMark, "key" | "lane">;

/** A message that rests, with what all of its id have in common. */
export interface RestingMessage {
  readonly mark: CoalesceMark;
  readonly message: CoalescedMessage;
}

/** Hears of a message and of its times. */
export type TimesVisitor = (id: number, dueAt: number, expiresAt: number | undefined) => void;

/**
 * Stored messages that are the only ones of their coalescing ids, and of which nothing else is to be said: after a
 * start that is so of nearly all. They are numbers in tables, found by coalescing id and by id.
 */
export class RestingMessages {
  readonly #table: TextTable;
  readonly #hash: KeyedHash;
  /** The same slots by message id. */
  readonly #byId = new SlotChains();
  #idCapacity = 0;
  /** What those slots have in common with others that have keys or lanes; shared by those that have the same. */
  #commons: (Common | undefined)[] = [];
  #lastCommon: Common | undefined;

  /** @param hash The hash of ids, which others may use too. */
  constructor(hash: KeyedHash = new KeyedHash()) {
    this.#hash = hash;
    this.#table = new TextTable(WIDTH, hash, (from, to) => this.#move(from, to));
  }

  get size(): number {
    return this.#table.size;
  }

  /** The slot of a coalescing id; -1 if it is not here. */
  find(text: string): number {
    return this.#table.size === 0 ? -1 : this.#table.find(text);
  }

  /** The slot of a message; -1 if it is not here. */
  findMessage(id: number): number {
    if (this.#table.size === 0) return -1;
    let slot = this.#byId.first(this.#hashOf(id));
    while (slot >= 0 && this.#table.get(slot, ID) !== id) slot = this.#byId.after(slot);
    return slot;
  }

  /** Adds a message; there is none of its coalescing id, and none of its id. */
  add({ text, key, lane }: CoalesceMark, message: CoalescedMessage): void {
    const table = this.#table;
    const slot = table.add(text);
    table.set(slot, ID, message.id);
    table.set(slot, BYTES, message.bytes);
    this.setTimes(slot, message);
    if (key !== undefined || lane !== undefined) {
      while (this.#commons.length < slot) this.#commons.push(undefined);
      this.#commons[slot] = this.#share(key, lane);
    }
    if (!this.#fitIds()) this.#byId.link(slot, this.#hashOf(message.id));
  }

  timesOf(slot: number): CoalescedTimes {
    const table = this.#table;
    const expiresAt = table.get(slot, EXPIRES_AT);
    return {
      dueAt: table.get(slot, DUE_AT),
      until: table.get(slot, UNTIL),
      expiresAt: expiresAt === Infinity ? undefined : expiresAt,
    };
  }

  setTimes(slot: number, { dueAt, until, expiresAt = Infinity }: CoalescedTimes): void {
    this.#table.set(slot, DUE_AT, dueAt);
    this.#table.set(slot, UNTIL, until);
    this.#table.set(slot, EXPIRES_AT, expiresAt);
  }

  /** Takes a message out. */
  take(slot: number): RestingMessage {
    const [id, bytes] = [this.#table.get(slot, ID), this.#table.get(slot, BYTES)];
    const { key, lane } = this.#commons[slot] ?? {};
    const mark = { text: this.#table.textOf(slot), key, lane };
    const message = { id, bytes, isStored: true, ...this.timesOf(slot) };
    this.remove(slot);
    return { mark, message };
  }

  /** Removes a message. */
  remove(slot: number): void {
    const id = this.#table.get(slot, ID);
    this.#byId.unlink(slot, this.#hashOf(id));
    const last = this.#table.size - 1;
    this.#table.remove(slot);
    if (this.#commons.length > last) this.#commons.length = last;
    this.#fitIds();
  }

  /** Removes those of some messages that are here; returns how many they were. */
  removeRange({ firstId, count }: IdRange): number {
    const before = this.size;
    if (count <= before) {
      for (let id = firstId; id < firstId + count; id++) {
        const slot = this.findMessage(id);
        if (slot >= 0) this.remove(slot);
      }
    } else {
      // From the end: the last one takes the slot of one that is removed.
      for (let slot = before - 1; slot >= 0; slot--) {
        const id = this.#table.get(slot, ID);
        if (id >= firstId && id < firstId + count) this.remove(slot);
      }
    }
    return before - this.size;
  }

  /** Visits all messages, in no order. */
  visit(visit: TimesVisitor): void {
    for (let slot = 0; slot < this.size; slot++) {
      const { dueAt, expiresAt } = this.timesOf(slot);
      visit(this.#table.get(slot, ID), dueAt, expiresAt);
    }
  }

  /** A slot is about to be taken by the last one. */
  #move(from: number, to: number): void {
    this.#byId.rename(from, this.#hashOf(this.#table.get(from, ID)), to);
    if (to < this.#commons.length) this.#commons[to] = this.#commons[from];
  }

  /** Follows the room of the table; returns whether all slots were linked anew. */
  #fitIds(): boolean {
    const { capacity, size } = this.#table;
    if (capacity === this.#idCapacity) return false;
    this.#idCapacity = capacity;
    this.#byId.reset(capacity);
    for (let slot = 0; slot < size; slot++) {
      this.#byId.link(slot, this.#hashOf(this.#table.get(slot, ID)));
    }
    return true;
  }

  /** Neighbours mostly have the same. */
  #share(key: string | undefined, lane: string | undefined): Common {
    const last = this.#lastCommon;
    if (last?.key === key && last?.lane === lane) return last!;
    return this.#lastCommon = { key, lane };
  }

  /** Neighbours stay neighbours, which memory likes; blocks of them lie anywhere. */
  #hashOf(id: number): number {
    return Math.imul(this.#hash.ofNumber(Math.floor(id / NEIGHBOURS)), SPREAD) ^ id % NEIGHBOURS;
  }
}
