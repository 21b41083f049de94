/**
 * Messages on their way to the broker: their bytes, kept until the outcome is known, and who waits
 * for it.
 *
 * @module
 */

import {
  type BodyKind,
  ENTRY_HEAD_BYTES,
  type MessageBatch,
  writeEntryHead,
} from "../../protocol.ts";

/** What became of a batch. */
export interface BatchOutcome {
  /** The streams it was stored in, each with the id of the batch's first message. */
  readonly storedIn: readonly { readonly stream: string; readonly firstId: number }[];
  /** Whether it had been stored before. */
  readonly isDuplicate: boolean;
}

/** Someone who waits for the outcome of some of a batch's messages. */
export interface BatchWaiter {
  /** The messages are stored; `first` is the index of the waiter's first message in the batch. */
  confirm(outcome: BatchOutcome, first: number): void;
  /** The messages are not stored. */
  refuse(error: Error): void;
}

const BYTES_MIN = 1024;

/**
 * So many bytes of buffers a connection keeps for the next batches of its publishers. A new buffer
 * costs more than what is written into it: the system has to find and clear the memory (measured: 22 %
 * of a client that publishes as fast as it can).
 */
const SPARE_BYTES_MAX = 4 * 1024 * 1024;

const encoder = new TextEncoder();

/** Buffers of batches whose outcome is known, for the next ones of any publisher. */
export class SpareBuffers {
  readonly #buffers: Uint8Array[] = [];
  #bytes = 0;

  /** A buffer of any size. */
  take(): Uint8Array {
    const buffer = this.#buffers.pop();
    if (buffer === undefined) return new Uint8Array(BYTES_MIN);
    this.#bytes -= buffer.length;
    return buffer;
  }

  /** Takes a buffer back, if there is room for it. */
  give(buffer: Uint8Array): void {
    if (this.#bytes + buffer.length > SPARE_BYTES_MAX) return;
    this.#buffers.push(buffer);
    this.#bytes += buffer.length;
  }
}

/** One batch of a publisher. */
export class OutgoingBatch {
  /** The number of its first message in all that the publisher sends. */
  readonly sequence: number;
  readonly #spare: SpareBuffers;
  #buffer: Uint8Array;
  #bytes = 0;
  #count = 0;
  readonly #waiters: BatchWaiter[] = [];
  readonly #firsts: number[] = [];

  constructor(sequence: number, spare: SpareBuffers) {
    this.sequence = sequence;
    this.#spare = spare;
    this.#buffer = spare.take();
  }

  /** How many messages it has. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes it has. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Its messages, as a frame takes them. */
  get messages(): MessageBatch {
    return { count: this.#count, buffer: this.#buffer, start: 0, end: this.#bytes };
  }

  /** Adds a message: what its body is, the body's bytes or text, the encoded headers. */
  add(kind: BodyKind, content: Uint8Array | string, headers: Uint8Array | undefined): void {
    const headerBytes = headers?.length ?? 0;
    const bodyAt = this.#bytes + ENTRY_HEAD_BYTES + headerBytes;
    const bodyBytes = typeof content === "string"
      ? this.#writeText(content, bodyAt)
      : this.#writeBytes(content, bodyAt);
    const size = ENTRY_HEAD_BYTES + headerBytes + bodyBytes;
    writeEntryHead(this.#buffer, this.#bytes, { size, kind, headerBytes });
    if (headers !== undefined) this.#buffer.set(headers, this.#bytes + ENTRY_HEAD_BYTES);
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

  #writeText(text: string, at: number): number {
    this.#reserve(at + text.length * 3);
    return encoder.encodeInto(text, this.#buffer.subarray(at)).written;
  }

  #writeBytes(bytes: Uint8Array, at: number): number {
    this.#reserve(at + bytes.length);
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
