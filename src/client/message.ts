/**
 * A message as a follower gets it.
 *
 * @module
 */

import {
  decodeHeaders,
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntrySize,
} from "../../protocol.ts";
import { decodeBody } from "./body.ts";

/** How to acknowledge. */
export interface AckOptions {
  /**
   * Wait until the broker has made the acknowledgement as durable as its engine promises: such a
   * message never comes again. Without it the acknowledgement is on its way when the call returns,
   * and after a crash the message may come again.
   *
   * @default {false}
   */
  readonly confirm?: boolean;
}

/**
 * A message, taken by a follower. Until it is acknowledged it stands in the follower's pending entry
 * list; when the follower's connection ends before that, another follower gets it.
 *
 * @typeParam Body What the body is; it is not checked.
 */
export interface Message<Body = unknown> {
  /** What was sent: a string, bytes or a JSON value. Decoded when it is first looked at. */
  readonly body: Body;
  /** The body's bytes. */
  readonly bytes: Uint8Array;
  /** The headers that were sent with it. */
  readonly headers: Readonly<Record<string, string>>;
  /** The stream that it was taken from. */
  readonly stream: string;
  /** Its number in that stream: 1, 2, 3 … */
  readonly id: number;
  /** How often it has been delivered: 1 is the first time. */
  readonly attempts: number;
  /** Acknowledges the message: it is done, and gone. See {@linkcode Follower.ackMessage}. */
  ack(options?: AckOptions): Promise<void>;
}

/** What acknowledges messages: their follower. */
export interface MessageOwner {
  /** Acknowledges a message of its own. */
  ackMessage(message: Message, options?: AckOptions): Promise<void>;
}

/** Messages of one `deliver` frame. */
export interface DeliveredBatch {
  /** Who took them. */
  readonly owner: MessageOwner;
  /** Which of the follower's connections they came over: tags of another one mean nothing. */
  readonly epoch: number;
  /** The stream that they are in. */
  readonly stream: string;
  /** How often they have been delivered. */
  readonly attempts: number;
  /** The entries. */
  readonly bytes: Uint8Array;
}

/** A message in the bytes that it came in. Nothing is decoded before it is looked at. */
export class DeliveredMessage implements Message {
  readonly id: number;
  /** The delivery's tag. */
  readonly tag: number;
  /** Whether it has been acknowledged by this client. */
  isAcknowledged = false;
  readonly #batch: DeliveredBatch;
  readonly #offset: number;
  #body: unknown;

  constructor(batch: DeliveredBatch, offset: number, numbers: { id: number; tag: number }) {
    this.#batch = batch;
    this.#offset = offset;
    this.id = numbers.id;
    this.tag = numbers.tag;
  }

  get stream(): string {
    return this.#batch.stream;
  }

  get attempts(): number {
    return this.#batch.attempts;
  }

  /** Which of the follower's connections it came over. */
  get epoch(): number {
    return this.#batch.epoch;
  }

  /** Who took it. */
  get owner(): MessageOwner {
    return this.#batch.owner;
  }

  get body(): unknown {
    this.#body ??= decodeBody(readEntryKind(this.#batch.bytes, this.#offset), this.bytes);
    return this.#body;
  }

  get bytes(): Uint8Array {
    const { bytes } = this.#batch;
    const end = this.#offset + readEntrySize(bytes, this.#offset);
    return bytes.subarray(this.#headersEnd, end);
  }

  get headers(): Readonly<Record<string, string>> {
    const { bytes } = this.#batch;
    return decodeHeaders(bytes.subarray(this.#offset + ENTRY_HEAD_BYTES, this.#headersEnd));
  }

  ack(options?: AckOptions): Promise<void> {
    return this.#batch.owner.ackMessage(this, options);
  }

  get #headersEnd(): number {
    const { bytes } = this.#batch;
    return this.#offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(bytes, this.#offset);
  }
}

// What a person sees who prints a message: what it is, not how it is kept.
Object.defineProperty(DeliveredMessage.prototype, Symbol.for("Deno.customInspect"), {
  value(this: DeliveredMessage, inspect: typeof Deno.inspect): string {
    const { stream, id, attempts, body } = this;
    return `Message ${inspect({ stream, id, attempts, body })}`;
  },
});
