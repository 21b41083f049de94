import { type IdRange, subtractRanges } from "../collections/id_ranges.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { PagedMap } from "../tables/paged_map.ts";
import { WideTextMap } from "../tables/wide_text_map.ts";
import { RESTING_BYTES, RestingMessages, type TimesVisitor } from "./resting_messages.ts";

/** The rough size of a message's entry, in bytes. */
const MESSAGE_BYTES = 500;

/** The times of a message that has a coalescing id, in milliseconds since 1970. */
export interface CoalescedTimes {
  /** Not before this time it is ready. */
  dueAt: number;
  /** Until when it, or one in its place, has to be ready; `Infinity` for no limit. */
  until: number;
  /** When it expires; undefined for never. */
  expiresAt: number | undefined;
}

/** Where a message stood in its share. */
export interface TakenRun extends IdRange {
  readonly attempts: number;
  readonly priority?: number | undefined;
  readonly lane?: number | undefined;
  /** The end of its delay; 0 if it was ready. */
  readonly dueAt: number;
  readonly isDated?: boolean | undefined;
}

/** A message that has a coalescing id and is stored, or about to be. */
export interface CoalescedMessage extends CoalescedTimes {
  readonly id: number;
  readonly bytes: number;
  isStored: boolean;
  /** Whether a newer one takes its place, once that is durable. */
  isReplaced?: boolean;
  /** Where it stood before it was taken out, because a newer one takes its place. */
  taken?: TakenRun | undefined;
  /** Whether it was cancelled or purged meanwhile: then it does not come back. */
  isEnded?: boolean;
  /** Whether it is given up, and there was no room for it among the dead letters. */
  isGivenUp?: boolean;
  /** Its entry among those that leave their share, while it is taken out. */
  leaving?: IdRange | undefined;
}

/** All messages of one id. */
export interface CoalesceNote {
  readonly text: string;
  /** What they have in common; they cannot be told apart otherwise. */
  readonly key: string | undefined;
  readonly lane: string | undefined;
  /** By id: at most one waits, and one is worked on, but for those that are on their way. */
  readonly messages: CoalescedMessage[];
}

/** What messages of one id have in common. */
export type CoalesceMark = Omit<CoalesceNote, "messages">;

/**
 * The messages of a stream that have coalescing ids, by id. A message is forgotten when it is gone, an id with
 * its last message: there is nothing here that is not stored.
 */
export class CoalesceIndex {
  readonly #notes: WideTextMap<CoalesceNote>;
  readonly #byMessage = new PagedMap<CoalesceNote>();
  /** Those that were stored when they came, until another one of their ids comes; undefined before there is one. */
  #resting: RestingMessages | undefined;
  readonly #hash: KeyedHash | undefined;
  readonly #book: (bytes: number) => void;
  /** Messages that a newer one takes the place of, once that is durable: they take no room any more. */
  leavingCount = 0;
  leavingBytes = 0;

  /**
   * @param hash The hash of ids, which others may use too; without a secret key by default.
   * @param book Books memory, or gives it back.
   */
  constructor(hash?: KeyedHash, book: (bytes: number) => void = () => {}) {
    this.#hash = hash;
    this.#notes = new WideTextMap(hash);
    this.#book = book;
  }

  /** How many ids there are. */
  get size(): number {
    return this.#notes.size + (this.#resting?.size ?? 0);
  }

  find(text: string): CoalesceNote | undefined {
    const note = this.#notes.size === 0 ? undefined : this.#notes.get(text);
    if (note !== undefined) return note;
    const slot = this.#resting?.find(text) ?? -1;
    return slot < 0 ? undefined : this.#wake(slot);
  }

  has(id: number): boolean {
    return this.#byMessage.has(id) || this.#findResting(id) >= 0;
  }

  /** The messages of the id that a message has; undefined if it has none. */
  noteOf(id: number): CoalesceNote | undefined {
    const note = this.#byMessage.get(id);
    if (note !== undefined) return note;
    const slot = this.#findResting(id);
    return slot < 0 ? undefined : this.#wake(slot);
  }

  /** A message that has an id. */
  get(id: number): CoalescedMessage | undefined {
    return this.noteOf(id)?.messages.find((message) => message.id === id);
  }

  /** A message that was taken out of its share, since a newer one takes its place. */
  getTaken(id: number): CoalescedMessage | undefined {
    const message = this.#byMessage.get(id)?.messages.find((message) => message.id === id);
    return message?.taken === undefined ? undefined : message;
  }

  /** All messages that were taken out of their share. */
  *listTaken(): Generator<CoalescedMessage> {
    for (const id of this.#byMessage.keys()) {
      const message = this.getTaken(id);
      if (message !== undefined) yield message;
    }
  }

  /** The times of a message; undefined if it has no coalescing id. */
  timesOf(id: number): CoalescedTimes | undefined {
    if (this.#byMessage.has(id)) return this.get(id);
    const slot = this.#findResting(id);
    return slot < 0 ? undefined : this.#resting!.timesOf(slot);
  }

  /** Sets the times of a message that is here. */
  setTimes(id: number, { dueAt, until, expiresAt }: CoalescedTimes): void {
    const slot = this.#findResting(id);
    if (slot >= 0) this.#resting!.setTimes(slot, { dueAt, until, expiresAt });
    else Object.assign(this.get(id)!, { dueAt, until, expiresAt });
  }

  /** Visits all messages, in no order. */
  visitTimes(visit: TimesVisitor): void {
    this.#resting?.visit(visit);
    for (const id of this.#byMessage.keys()) {
      const { dueAt, expiresAt } = this.get(id)!;
      visit(id, dueAt, expiresAt);
    }
  }

  /** Adds a message, or what is known of it by now. */
  add(mark: CoalesceMark, message: CoalescedMessage): void {
    const { text, key, lane } = mark;
    let note = this.find(text);
    if (note === undefined && message.isStored) {
      (this.#resting ??= new RestingMessages(this.#hash)).add(mark, message);
      return this.#book(RESTING_BYTES);
    }
    if (note === undefined) this.#notes.set(text, note = { text, key, lane, messages: [] });
    const { messages } = note;
    const at = countUntil(messages, message.id);
    const known = messages[at - 1];
    if (known?.id === message.id) Object.assign(known, message);
    else {
      messages.splice(at, 0, message);
      this.#book(MESSAGE_BYTES);
    }
    this.#byMessage.set(message.id, note);
  }

  /** Those of some messages that have expired: a quiet time that began anew has moved their ends. */
  withoutLater(ranges: readonly IdRange[], now: number): IdRange[] {
    return ranges.flatMap((range) => {
      const later: IdRange[] = [];
      for (let id = range.firstId; id < range.firstId + range.count; id++) {
        if ((this.timesOf(id)?.expiresAt ?? now) > now) later.push({ firstId: id, count: 1 });
      }
      return later.length === 0 ? [range] : subtractRanges(range, later);
    });
  }

  /** The stream is gone. */
  clear(): void {
    const resting = this.#resting?.size ?? 0;
    this.#book(-MESSAGE_BYTES * this.#byMessage.size - RESTING_BYTES * resting);
    this.#byMessage.clear();
    this.#resting = undefined;
  }

  /** Whether a newer message of its id is stored: then it does not come back. */
  isOutdated(id: number): boolean {
    const messages = this.#byMessage.get(id)?.messages;
    return messages !== undefined && messages.some((one) => one.id > id && one.isStored);
  }

  /** Forgets those of some messages that are here; returns them, but for those that rested. */
  forget({ firstId, count }: IdRange): CoalescedMessage[] {
    if (this.#resting !== undefined) {
      this.#book(-RESTING_BYTES * this.#resting.removeRange({ firstId, count }));
    }
    const gone: CoalescedMessage[] = [];
    if (count <= this.#byMessage.size) {
      for (let id = firstId; id < firstId + count; id++) this.#forget(id, gone);
    } else {
      for (const id of [...this.#byMessage.keys()]) {
        if (id >= firstId && id < firstId + count) this.#forget(id, gone);
      }
    }
    return gone;
  }

  /** Notes that a message is about to leave, or stays after all. */
  noteLeaving(message: CoalescedMessage, isLeaving: boolean): void {
    message.isReplaced = isLeaving;
    this.#count(message, isLeaving ? 1 : -1);
  }

  /** The ids of messages with an outdated one. */
  *listDouble(): Generator<CoalesceNote> {
    for (const note of this.#byMessage.values()) if (note.messages.length > 1) yield note;
  }

  /** The slot of a message that rests; -1 if it does not. */
  #findResting(id: number): number {
    return this.#resting?.findMessage(id) ?? -1;
  }

  /** Takes a message up of which more may be to be said. */
  #wake(slot: number): CoalesceNote {
    const { mark, message } = this.#resting!.take(slot);
    const note = { ...mark, messages: [message] };
    this.#notes.set(mark.text, note);
    this.#byMessage.set(message.id, note);
    this.#book(MESSAGE_BYTES - RESTING_BYTES);
    return note;
  }

  #count({ bytes }: CoalescedMessage, sign: 1 | -1): void {
    this.leavingCount += sign;
    this.leavingBytes += sign * bytes;
  }

  #forget(id: number, gone: CoalescedMessage[]): void {
    const note = this.#byMessage.get(id);
    if (note === undefined) return;
    this.#byMessage.delete(id);
    const at = note.messages.findIndex((message) => message.id === id);
    const [message] = note.messages.splice(at, 1);
    if (message!.isReplaced) this.#count(message!, -1);
    this.#book(-MESSAGE_BYTES);
    gone.push(message!);
    if (note.messages.length === 0) this.#notes.delete(note.text);
  }
}

/** How many of some messages, which are by id, come before another one, or are the same. */
function countUntil(messages: readonly CoalescedMessage[], id: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (messages[middle]!.id <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}
