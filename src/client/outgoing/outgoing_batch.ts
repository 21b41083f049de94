import type { BodyKind, MessageBatch } from "../../../protocol.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntrySize,
  writeEntryHead,
} from "../../protocol/messages/entry.ts";
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

/** A batch is closed at this size: one write, one read, one confirm. */
const BATCH_BYTES_MAX = 128 * 1024;

/** What a frame has beside its batch, rounded up. */
export const FIELD_BYTES = 256;

const encoder = new TextEncoder();

/** How many bytes a batch may have, if a frame may have so many; a larger message is there alone. */
export function batchBytesMax(frameBytes: number): number {
  return Math.min(BATCH_BYTES_MAX, frameBytes - FIELD_BYTES);
}

/** What stands in front of a body. */
export interface EntryExtras {
  /** The bytes of properties and headers; those of a {@linkcode EntryExtras.key} come before them. */
  readonly bytes: Uint8Array | undefined;
  /** Which properties there are. */
  readonly flags: number;
  /** The priority, if one is given. */
  readonly priority?: number | undefined;
  /** A key that is written here, so that it needs no bytes of its own: it is the only property then. */
  readonly key?: string | undefined;
}

/** The most bytes that a message can take up, with what stands in front of its body. */
export function entryBytesMax(
  content: Uint8Array | string,
  extras: EntryExtras | undefined,
): number {
  const bodyBytes = typeof content === "string" ? content.length * 3 : content.length;
  if (extras === undefined) return ENTRY_HEAD_BYTES + bodyBytes;
  const { bytes, key } = extras;
  const keyBytes = key === undefined ? 0 : 1 + key.length * 3;
  return ENTRY_HEAD_BYTES + keyBytes + (bytes?.length ?? 0) + bodyBytes;
}

/** Messages on their way to the broker: their bytes, kept until the outcome is known, and who waits. */
export class OutgoingBatch {
  /**
   * The number of its first message on the wire; 0 until it is sent for the first time, and again
   * when it was refused: what was refused once is sent again under another number.
   */
  sequence = 0;
  /** When it was sent for the first time under its number, in milliseconds. */
  sentAt = 0;
  /** What the machine's clock said then. */
  sentOn = 0;
  readonly #spare: SpareBuffers;
  readonly #ordinal: number;
  #buffer: Uint8Array;
  #bytes = 0;
  #count = 0;
  #waiters: BatchWaiter[] = [];
  #firsts: number[] = [];
  /** The places of the waiters' first messages, since some were taken out between them. */
  #ordinals: number[] | undefined;

  constructor(ordinal: number, spare: SpareBuffers) {
    this.#ordinal = ordinal;
    this.#spare = spare;
    this.#buffer = spare.take();
  }

  /** The place of its first message in the order of the calls. */
  get ordinal(): number {
    return this.#ordinals?.[0] ?? this.#ordinal;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether all its calls were given up. */
  get isForsaken(): boolean {
    return this.#waiters.every(isAbandoned);
  }

  /** Its messages, as a frame takes them. */
  get messages(): MessageBatch {
    return { count: this.#count, buffer: this.#buffer, start: 0, end: this.#bytes };
  }

  /** Adds a message: what its body is, the body's bytes or text, and what stands in front of it. */
  add(kind: BodyKind, content: Uint8Array | string, extras: EntryExtras | undefined): void {
    this.#reserve(this.#bytes + entryBytesMax(content, extras));
    const headersAt = this.#bytes + ENTRY_HEAD_BYTES;
    const bodyAt = extras === undefined ? headersAt : this.#writeExtras(extras, headersAt);
    const headerBytes = bodyAt - headersAt;
    const bodyBytes = typeof content === "string"
      ? this.#writeText(content, bodyAt)
      : this.#writeBytes(content, bodyAt);
    const size = ENTRY_HEAD_BYTES + headerBytes + bodyBytes;
    const flags = extras === undefined ? 0 : extras.flags;
    const priority = extras === undefined ? undefined : extras.priority;
    writeEntryHead(this.#buffer, this.#bytes, { size, kind, headerBytes, flags, priority });
    this.#bytes += size;
    this.#count++;
  }

  /** Adds someone who waits for the messages that are added from now on. */
  addWaiter(waiter: BatchWaiter): void {
    this.#waiters.push(waiter);
    this.#firsts.push(this.#count);
  }

  /** Tells all who wait that the batch is stored; its bytes are not needed any more. */
  confirm(outcome: BatchOutcome): void {
    this.#spare.give(this.#buffer);
    for (let index = 0; index < this.#waiters.length; index++) {
      this.#waiters[index]!.confirm(outcome, this.#firsts[index]!);
    }
  }

  /** Tells all who wait that the batch is not stored; its bytes are not needed any more. */
  refuse(error: Error): void {
    this.#spare.give(this.#buffer);
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
    return this.#count <= room ? this.#count : cut;
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
      const bytes = this.#measure(at, count);
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
      const bodyBytes = this.#findLargestBody(at, count);
      if (bodyBytes > bodyBytesMax) taken.push({ waiter, bodyBytes });
      return bodyBytes <= bodyBytesMax;
    });
    return taken;
  }

  get largestBody(): number {
    return this.#findLargestBody(0, this.#count);
  }

  /**
   * Finds how many of its messages have no more bytes than that: between two calls if possible, and
   * at least one message.
   */
  findCutByBytes(bytesMax: number): number {
    let count = 0;
    let at = 0;
    while (count < this.#count) {
      at += readEntrySize(this.#buffer, at);
      if (at > bytesMax) break;
      count++;
    }
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
      const size = this.#measure(at, ownCount);
      if (isKept(waiter, at, ownCount)) {
        this.#buffer.copyWithin(to, at, at + size);
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
    this.#count = count;
    this.#bytes = to;
  }

  /** It is not sent: its bytes are not needed any more. */
  discard(): void {
    this.#spare.give(this.#buffer);
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
    const rest = new OutgoingBatch(this.#ordinalOf(kept), this.#spare);
    const at = this.#measure(0, count);
    rest.#reserve(this.#bytes - at);
    rest.#buffer.set(this.#buffer.subarray(at, this.#bytes));
    rest.#bytes = this.#bytes - at;
    rest.#count = this.#count - count;
    rest.#ordinals = this.#ordinals?.splice(kept);
    rest.#waiters = this.#waiters.splice(kept);
    rest.#firsts = this.#firsts.splice(kept).map((first) => first - count);
    this.#bytes = at;
    this.#count = count;
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

  /** How many bytes the largest of some bodies has. */
  #findLargestBody(start: number, count: number): number {
    let largest = 0;
    let at = start;
    for (let left = count; left > 0; left--) {
      const size = readEntrySize(this.#buffer, at);
      const bodyBytes = size - ENTRY_HEAD_BYTES - readEntryHeaderBytes(this.#buffer, at);
      largest = Math.max(largest, bodyBytes);
      at += size;
    }
    return largest;
  }

  /** How many messages the calls of a waiter have. */
  #countOf(index: number): number {
    return (this.#firsts[index + 1] ?? this.#count) - this.#firsts[index]!;
  }

  /** The place of a waiter's first message. */
  #ordinalOf(index: number): number {
    return this.#ordinals?.[index] ?? this.#ordinal + this.#firsts[index]!;
  }

  #measure(start: number, count: number): number {
    let at = start;
    for (let left = count; left > 0; left--) at += readEntrySize(this.#buffer, at);
    return at - start;
  }

  /** Writes what stands in front of a body; returns where the body begins. */
  #writeExtras({ bytes, key }: EntryExtras, at: number): number {
    let end = at;
    if (key !== undefined) {
      const written = writeShortText(key, this.#buffer, at + 1);
      this.#buffer[at] = written;
      end += 1 + written;
    }
    if (bytes === undefined) return end;
    this.#writeBytes(bytes, end);
    return end + bytes.length;
  }

  #writeText(text: string, at: number): number {
    return encoder.encodeInto(text, this.#buffer.subarray(at)).written;
  }

  #writeBytes(bytes: Uint8Array, at: number): number {
    this.#buffer.set(bytes, at);
    return bytes.length;
  }

  #reserve(needed: number): void {
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#bytes));
    this.#buffer = grown;
  }
}

/** Writes a short text as UTF-8; returns how many bytes. A view costs more than a few characters. */
function writeShortText(text: string, buffer: Uint8Array, at: number): number {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) return encoder.encodeInto(text, buffer.subarray(at)).written;
    buffer[at + index] = unit;
  }
  return text.length;
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
