import { EntryBuffer } from "./entry_buffer.ts";
import type { SpareBuffers } from "./spare_buffers.ts";

/** Where a batch was stored. */
export interface BatchOutcome {
  /** The streams it was stored in, each with the id of the batch's first message. */
  readonly storedIn: readonly { readonly stream: string; readonly firstId: number }[];
  /** Whether another message with the same dedup id had been stored before. */
  readonly isDuplicate: boolean;
}

/** Someone who waits for the outcome of some of a batch's messages. */
export interface BatchWaiter {
  /** Whether it has been given up: nobody wants the messages to be stored any more. */
  readonly isAbandoned: boolean;
  /** The messages are stored; `first` is the index of the waiter's first message in the batch. */
  confirm(outcome: BatchOutcome, first: number): void;
  /** The messages are not stored. */
  refuse(error: Error): void;
  /**
   * The call's messages are divided: it goes on waiting for the first ones only.
   *
   * @param count How many those are.
   * @returns Who waits for the others. A call of one message is never divided.
   */
  split?(count: number): BatchWaiter;
}

/** Messages of a publisher on their way to the broker, kept until the outcome is known, and who waits. */
export class OutgoingBatch extends EntryBuffer {
  /**
   * The number of its first message on the wire; 0 until it is sent for the first time, and again
   * when it was refused: what was refused once is sent again under another number.
   */
  sequence = 0;
  /** When it was sent for the first time under its number, in milliseconds. */
  sentAt = 0;
  /** What the machine's clock said then. */
  sentOn = 0;
  readonly #ordinal: number;
  #waiters: BatchWaiter[] = [];
  #firsts: number[] = [];
  /** The places of the waiters' first messages, since some were taken out between them. */
  #ordinals: number[] | undefined;

  constructor(ordinal: number, spare: SpareBuffers) {
    super(spare);
    this.#ordinal = ordinal;
  }

  /** The place of its first message in the order of the calls. */
  get ordinal(): number {
    return this.#ordinals?.[0] ?? this.#ordinal;
  }

  /** Whether all its calls were given up. */
  get isForsaken(): boolean {
    return this.#waiters.every(isAbandoned);
  }

  /** Adds someone who waits for the messages that are added from now on. */
  addWaiter(waiter: BatchWaiter): void {
    this.#waiters.push(waiter);
    this.#firsts.push(this.count);
  }

  /** Tells all who wait that the batch is stored; its bytes are not needed any more. */
  confirm(outcome: BatchOutcome): void {
    this.discard();
    for (let index = 0; index < this.#waiters.length; index++) {
      this.#waiters[index]!.confirm(outcome, this.#firsts[index]!);
    }
  }

  /** Tells all who wait that the batch is not stored; its bytes are not needed any more. */
  refuse(error: Error): void {
    this.discard();
    for (const waiter of this.#waiters) waiter.refuse(error);
  }

  /**
   * Finds where to cut it, between the messages of two calls.
   *
   * @param room How many messages the first part may have.
   * @returns How many it gets: as many as there may be, or 0.
   */
  findCut(room: number): number {
    let cut = 0;
    for (const first of this.#firsts) if (first <= room) cut = first;
    return this.count <= room ? this.count : cut;
  }

  /** Finds where to cut it so that each part has half of the calls; 0 if there is only one call. */
  findMiddle(): number {
    return this.#firsts[Math.floor(this.#firsts.length / 2)] ?? 0;
  }

  /** How much the smallest of its calls has: messages, or bytes. */
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
   * Takes out the messages of calls that were given up. Only for a batch without a number: what a
   * broker may know under a number stays what it is.
   */
  dropAbandoned(): void {
    if (this.#waiters.some(isAbandoned)) this.#keep((waiter) => !waiter.isAbandoned);
  }

  /**
   * Takes out the calls with a body that is larger than may be; for a batch that no broker knows.
   *
   * @param bodyBytesMax How many bytes a body may have.
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
   * Finds how many of its messages have no more bytes than that: between two calls if possible, and
   * at least one message.
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
   * @param count How many messages to keep; not 0, not all.
   * @returns A batch with the others, and with those who wait for them.
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

  /** Has a call that reaches over a cut wait in two parts. */
  #splitAt(count: number): void {
    if (this.#firsts.includes(count)) return;
    const index = this.#firsts.findLastIndex((first) => first < count);
    const own = count - this.#firsts[index]!;
    const ordinal = this.#ordinalOf(index) + own;
    this.#waiters.splice(index + 1, 0, this.#waiters[index]!.split!(own));
    this.#firsts.splice(index + 1, 0, count);
    this.#ordinals?.splice(index + 1, 0, ordinal);
  }

  /** How many messages the calls of a waiter have. */
  #countOf(index: number): number {
    return (this.#firsts[index + 1] ?? this.count) - this.#firsts[index]!;
  }

  /** The place of a waiter's first message. */
  #ordinalOf(index: number): number {
    return this.#ordinals?.[index] ?? this.#ordinal + this.#firsts[index]!;
  }
}

/** Takes calls that were given up out of batches without a number, and lets go of empty ones. */
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
