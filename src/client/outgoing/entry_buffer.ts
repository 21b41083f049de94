import type { BodyKind, FrameWriter, MessageBatch } from "../../../protocol.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntrySize,
  writeEntryHead,
} from "../../protocol/messages/entry.ts";
import { PUBLISH_HEAD_BYTES } from "../../protocol/frames/message_frame.ts";
import type { SpareBuffers } from "./spare_buffers.ts";

/** A batch is closed at this size: one write, one read, one confirm. */
const BATCH_BYTES_MAX = 128 * 1024;

/** The largest size of a frame's fields beside its batch, rounded up. */
export const FIELD_BYTES = 256;

/** The entries begin here: the head of a frame has room in front of them. */
const BEGIN = PUBLISH_HEAD_BYTES;

const encoder = new TextEncoder();

/** Who needs a buffer beside the one that fills it. */
class Loans {
  count = 0;
  /** Whether it is to be given back when nobody needs it any more. */
  isDiscarded = false;
}

/** The largest batch within the limit of frames, in bytes; a larger message has a batch of its own. */
export function batchBytesMax(frameBytes: number): number {
  return Math.min(BATCH_BYTES_MAX, frameBytes - FIELD_BYTES);
}

/** The parts of an entry before its body. */
export interface EntryExtras {
  /** The bytes of properties and headers; those of a {@linkcode EntryExtras.key} come before them. */
  readonly bytes: Uint8Array | undefined;
  /** The flags of the properties that are present. */
  readonly flags: number;
  /** The priority, if one is given. */
  readonly priority?: number | undefined;
  /** A key, if it is the only property: it is written here and needs no bytes of its own. */
  readonly key?: string | undefined;
}

/** The most bytes that a message can take up. */
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

/** The entries of one frame, in a buffer that is used again. */
export class EntryBuffer {
  protected readonly spare: SpareBuffers;
  #buffer: Uint8Array;
  /** Where the entries end. */
  #end = BEGIN;
  #count = 0;
  #loans = new Loans();

  constructor(spare: SpareBuffers) {
    this.spare = spare;
    this.#buffer = spare.take();
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#end - BEGIN;
  }

  get largestBody(): number {
    return this.findLargestBody(0, this.#count);
  }

  get messages(): MessageBatch {
    return { count: this.#count, buffer: this.#buffer, start: BEGIN, end: this.#end };
  }

  add(kind: BodyKind, content: Uint8Array | string, extras: EntryExtras | undefined): void {
    this.#reserve(this.#end + entryBytesMax(content, extras));
    const headersAt = this.#end + ENTRY_HEAD_BYTES;
    const bodyAt = extras === undefined ? headersAt : this.#writeExtras(extras, headersAt);
    const headerBytes = bodyAt - headersAt;
    const bodyBytes = typeof content === "string"
      ? this.#writeText(content, bodyAt)
      : this.#writeBytes(content, bodyAt);
    const size = ENTRY_HEAD_BYTES + headerBytes + bodyBytes;
    const flags = extras === undefined ? 0 : extras.flags;
    const priority = extras === undefined ? undefined : extras.priority;
    writeEntryHead(this.#buffer, this.#end, { size, kind, headerBytes, flags, priority });
    this.#end += size;
    this.#count++;
  }

  /**
   * Lends its bytes to a writer, as they are.
   *
   * @param make Makes a frame of them, in the same buffer.
   */
  lend(writer: FrameWriter, make: (messages: MessageBatch) => Uint8Array): void {
    this.#separate();
    const { spare } = this;
    const buffer = this.#buffer;
    const loans = this.#loans;
    loans.count++;
    writer.lend(make(this.messages), () => {
      if (--loans.count === 0 && loans.isDiscarded) spare.give(buffer);
    });
  }

  /** Gives the buffer back, as soon as nobody needs it. */
  discard(): void {
    if (this.#loans.count === 0) this.spare.give(this.#buffer);
    else this.#loans.isDiscarded = true;
  }

  /** The number of leading entries that fit into `bytesMax` bytes. */
  protected countWithin(bytesMax: number): number {
    let count = 0;
    let at = BEGIN;
    while (count < this.#count) {
      at += readEntrySize(this.#buffer, at);
      if (at - BEGIN > bytesMax) break;
      count++;
    }
    return count;
  }

  /** The size of some entries, in bytes. */
  protected measure(start: number, count: number): number {
    let at = BEGIN + start;
    for (let left = count; left > 0; left--) at += readEntrySize(this.#buffer, at);
    return at - BEGIN - start;
  }

  protected findLargestBody(start: number, count: number): number {
    let largest = 0;
    let at = BEGIN + start;
    for (let left = count; left > 0; left--) {
      const size = readEntrySize(this.#buffer, at);
      const bodyBytes = size - ENTRY_HEAD_BYTES - readEntryHeaderBytes(this.#buffer, at);
      largest = Math.max(largest, bodyBytes);
      at += size;
    }
    return largest;
  }

  /** Moves entries towards the front, over removed ones. */
  protected moveForward(to: number, at: number, size: number): void {
    this.#separate();
    this.#buffer.copyWithin(BEGIN + to, BEGIN + at, BEGIN + at + size);
  }

  /** Keeps the first entries only. */
  protected truncate(count: number, bytes: number): void {
    this.#count = count;
    this.#end = BEGIN + bytes;
  }

  /** Moves all but the first entries into another, empty buffer. */
  protected moveRest(count: number, rest: EntryBuffer): void {
    const at = BEGIN + this.measure(0, count);
    rest.#reserve(BEGIN + this.#end - at);
    rest.#buffer.set(this.#buffer.subarray(at, this.#end), BEGIN);
    rest.truncate(this.#count - count, this.#end - at);
    this.truncate(count, at - BEGIN);
  }

  /** Leaves the bytes that are lent to whoever has them. */
  #separate(): void {
    if (this.#loans.count === 0) return;
    this.#loans = new Loans();
    this.#buffer = this.#buffer.slice();
  }

  /** Writes properties and headers; returns where the body begins. */
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
    grown.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = grown;
  }
}

/** Writes a short text as UTF-8; returns its size. A view would cost more than a few characters. */
function writeShortText(text: string, buffer: Uint8Array, at: number): number {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) return encoder.encodeInto(text, buffer.subarray(at)).written;
    buffer[at + index] = unit;
  }
  return text.length;
}
