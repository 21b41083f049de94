import { EntryBuffer } from "./entry_buffer.ts";
import type { SpareBuffers } from "./spare_buffers.ts";

/** A stream that a batch was stored in. */
export interface BatchPlace {
  readonly stream: string;
  readonly firstId: number;
  /** The id of the message that its only one has replaced. */
  readonly replaced?: number | undefined;
  /** Whether the message with that id stays, and its only one was let go. */
  readonly isKept?: boolean | undefined;
}

/** Where a batch was stored. */
export interface BatchOutcome {
  /** The streams it was stored in, each with the id of the batch's first message. */
  readonly storedIn: readonly BatchPlace[];
  /** Whether another message with the same dedup id had been stored before. */
  readonly isDuplicate: boolean;
}

/** A call that waits for the outcome of messages in a batch. */
export interface BatchWaiter {
  /** Whether the call was given up. */
  readonly isAbandoned: boolean;
  /** The messages are stored; `first` is the index of the waiter's first message in the batch. */
  confirm(outcome: BatchOutcome, first: number): void;
  /** The messages are not stored. */
  refuse(error: Error): void;
  /**
   * Divides the call's messages: it goes on waiting for the first ones only.
   *
   * @param count The number of those messages.
   * @returns The waiter of the others. A call of one message is never divided.
   */
  split?(count: number): BatchWaiter;
}

/** Messages of a publisher that are sent together, kept until their outcome is known. */
export class OutgoingBatch extends EntryBuffer {
  /**
   * The sequence number of its first message; 0 before it is sent for the first time, and after a full stream
   * has refused it: then it is sent again under another number.
   */
  sequence = 0;
  /** When it was first sent under its number, in milliseconds. */
  sentAt = 0;
  /** The same time by the calendar. */
  sentOn = 0;
  readonly #ordinal: number;
  #waiters: BatchWaiter[] = [];
  #firsts: number[] = [];
  /** The ordinals of the waiters' first messages; set once messages between them were removed. */
  #ordinals: number[] | undefined;

  constructor(ordinal: number, spare: SpareBuffers) {
    super(spare);
    this.#ordinal = ordinal;
  }

  /** The ordinal of its first message. */
  get ordinal(): number {
    return this.#ordinals?.[0] ?? this.#ordinal;
  }

  /** Whether all its calls were given up. */
  get isForsaken(): boolean {
    return this.#waiters.every(isAbandoned);
  }

  /** Adds the waiter of the messages that are added next. */
  addWaiter(waiter: BatchWaiter): void {
    this.#waiters.push(waiter);
    this.#firsts.push(this.count);
  }

  confirm(outcome: BatchOutcome): void {
    this.discard();
    for (let index = 0; index < this.#waiters.length; index++) {
      this.#waiters[index]!.confirm(outcome, this.#firsts[index]!);
    }
  }

  refuse(error: Error): void {
    this.discard();
    for (const waiter of this.#waiters) waiter.refuse(error);
  }

  /**
   * Finds where to cut the batch between two calls.
   *
   * @param room The most messages of the first part.
   * @returns The largest possible number of messages, or 0.
   */
  findCut(room: number): number {
    let cut = 0;
    for (const first of this.#firsts) if (first <= room) cut = first;
    return this.count <= room ? this.count : cut;
  }

  /** Finds where to cut the batch into halves; 0 if there is only one call. */
  findMiddle(): number {
    return this.#firsts[Math.floor(this.#firsts.length / 2)] ?? 0;
  }

  /** Finds the size of the smallest call, in messages or bytes. */
  findSmallest(what: "messages" | "bytes"): number {
    let smallest = Infinity;
    let at = 0;
    for (let index = 0; index < this.#waiters.length; index++) {
      const count = this.#countOf(index);
      const bytes = this.measure(at, count);
      smallest = Math.min(smallest, what === "messages" ? count : bytes);
      at += bytes;
    }
    return smallest;
  }

  /**
   * Removes calls that were given up; only from a batch without a number, since a numbered one may be stored.
   */
  dropAbandoned(): void {
    if (this.#waiters.some(isAbandoned)) this.#keep((waiter) => !waiter.isAbandoned);
  }

  /**
   * Removes calls with a body that is too large; only from a batch without a number.
   *
   * @param bodyBytesMax The largest allowed body, in bytes.
   * @returns The calls, each with the size of its largest body.
   */
  takeLarger(bodyBytesMax: number): { waiter: BatchWaiter; bodyBytes: number }[] {
    const taken: { waiter: BatchWaiter; bodyBytes: number }[] = [];
    if (this.largestBody <= bodyBytesMax) return taken;
    this.#keep((waiter, at, count) => {
      const bodyBytes = this.findLargestBody(at, count);
      if (bodyBytes > bodyBytesMax) taken.push({ waiter, bodyBytes });
      return bodyBytes <= bodyBytesMax;
    });
    return taken;
  }

  /**
   * Finds the cut at which the first part has at most `bytesMax` bytes: between two calls if possible, and
   * after one message at least.
   */
  findCutByBytes(bytesMax: number): number {
    const count = this.countWithin(bytesMax);
    return this.findCut(count) || Math.max(1, count);
  }

  #keep(isKept: (waiter: BatchWaiter, at: number, count: number) => boolean): void {
    const waiters: BatchWaiter[] = [];
    const ordinals: number[] = [];
    const firsts: number[] = [];
    let count = 0;
    let to = 0;
    let at = 0;
    for (let index = 0; index < this.#waiters.length; index++) {
      const waiter = this.#waiters[index]!;
      const ownCount = this.#countOf(index);
      const size = this.measure(at, ownCount);
      if (isKept(waiter, at, ownCount)) {
        this.moveForward(to, at, size);
        waiters.push(waiter);
        ordinals.push(this.#ordinalOf(index));
        firsts.push(count);
        count += ownCount;
        to += size;
      }
      at += size;
    }
    this.#waiters = waiters;
    this.#ordinals = ordinals;
    this.#firsts = firsts;
    this.truncate(count, to);
  }

  /**
   * Cuts the batch in two.
   *
   * @param count The number of messages to keep; not 0, not all.
   * @returns A batch with the others.
   */
  cut(count: number): OutgoingBatch {
    this.#splitAt(count);
    const kept = this.#firsts.indexOf(count);
    const rest = new OutgoingBatch(this.#ordinalOf(kept), this.spare);
    this.moveRest(count, rest);
    rest.#ordinals = this.#ordinals?.splice(kept);
    rest.#waiters = this.#waiters.splice(kept);
    rest.#firsts = this.#firsts.splice(kept).map((first) => first - count);
    return rest;
  }

  /** Divides the call that spans a cut. */
  #splitAt(count: number): void {
    if (this.#firsts.includes(count)) return;
    const index = this.#firsts.findLastIndex((first) => first < count);
    const own = count - this.#firsts[index]!;
    const ordinal = this.#ordinalOf(index) + own;
    this.#waiters.splice(index + 1, 0, this.#waiters[index]!.split!(own));
    this.#firsts.splice(index + 1, 0, count);
    this.#ordinals?.splice(index + 1, 0, ordinal);
  }

  /** The number of messages of a waiter's call. */
  #countOf(index: number): number {
    return (this.#firsts[index + 1] ?? this.count) - this.#firsts[index]!;
  }

  /** The ordinal of a waiter's first message. */
  #ordinalOf(index: number): number {
    return this.#ordinals?.[index] ?? this.#ordinal + this.#firsts[index]!;
  }
}

/** Removes given-up calls from batches without a number, and empty batches. */
export function dropAbandoned(batches: OutgoingBatch[]): void {
  let keptCount = 0;
  for (const batch of batches) {
    if (batch.sequence === 0) batch.dropAbandoned();
    if (batch.count > 0) batches[keptCount++] = batch;
    else batch.discard();
  }
  batches.length = keptCount;
}

function isAbandoned(waiter: BatchWaiter): boolean {
  return waiter.isAbandoned;
}
