/**
 * What can be said of a message when it is sent, and how it is written in front of the body.
 *
 * @module
 */

import {
  encodeHeaders,
  encodeProperties,
  findPropertyMistake,
  PropertyFlag,
  type PropertyWishes,
} from "../../protocol.ts";

/** Options of {@linkcode Publisher.sendMessages}: what counts for all messages of the call. */
export interface SendBatchOptions {
  /**
   * Names and values that travel with the message: 4 KiB at most, all together.
   *
   * @default {{}}
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * How long to hold the message back, in milliseconds from the moment at which the broker gets it: 0
   * to a hundred years. Not together with `deliverAt`.
   *
   * @default {0}
   */
  readonly delayMs?: number;
  /**
   * When to deliver the message at the earliest: a `Date`, or milliseconds since 1970. Not together
   * with `delayMs`.
   *
   * @default {now}
   */
  readonly deliverAt?: number | Date;
  /**
   * How long the message may wait to be delivered, in milliseconds from the moment at which it may
   * be: 1 to a hundred years. After that it is gone, or goes to the dead letters if the stream is set
   * up for that.
   *
   * @default {the stream's `ttlMs`}
   */
  readonly ttlMs?: number;
  /**
   * Ends the waiting: the call rejects with the signal's reason. What has been sent and not answered
   * may be stored all the same; what has not been sent yet (the publisher's `maxUnconfirmed` is reached,
   * the connection is lost), or was refused and waits for room in a stream, is never sent.
   */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode Publisher.sendMessage}. */
export interface SendOptions extends SendBatchOptions {
  /**
   * An id of the sender's own, 1 to 128 bytes of UTF-8. While the stream remembers it (its
   * `dedupWindowMs`, two minutes unless set), a message with the same one is not stored again, whoever
   * sends it: the receipt says `duplicate`, and where the first one was stored.
   *
   * Such a message travels in a frame of its own, which costs about as much as an awaited call.
   */
  readonly messageId?: string;
}

/** What stands in front of a body, ready to be written. */
export interface EncodedOptions {
  /** The bytes of properties and headers. */
  readonly bytes: Uint8Array | undefined;
  /** Which properties there are. */
  readonly flags: number;
  /** Whether the message has to be the only one of its batch: the broker answers per batch. */
  readonly isAlone: boolean;
}

/**
 * Checks and encodes what is said of a message.
 *
 * @param options What is said.
 * @throws {TypeError} If something is of a wrong type.
 * @throws {RangeError} If something is not allowed.
 */
export function encodeOptions(options: SendOptions): EncodedOptions {
  const { headers, delayMs, deliverAt, ttlMs, messageId } = options;
  const headerBytes = headers && encodeHeaders(headers);
  const hasProperties = delayMs !== undefined || deliverAt !== undefined || ttlMs !== undefined ||
    messageId !== undefined;
  if (!hasProperties) return { bytes: headerBytes, flags: 0, isAlone: false };
  const wishes = { delayMs, deliverAt: readTime(deliverAt), ttlMs, messageId };
  checkWishes(wishes);
  const encoded = encodeProperties(wishes);
  if (encoded === undefined) return { bytes: headerBytes, flags: 0, isAlone: false };
  const { flags, bytes } = encoded;
  return {
    bytes: headerBytes === undefined ? bytes : join(bytes, headerBytes),
    flags,
    isAlone: (flags & PropertyFlag.messageId) !== 0,
  };
}

/** Refuses what cannot be said of several messages at once. */
export function checkBatchOptions(options: SendOptions): void {
  if (options.messageId === undefined) return;
  throw new TypeError("Cannot publish: one messageId cannot stand for several messages");
}

function readTime(time: number | Date | undefined): number | undefined {
  return time instanceof Date ? time.getTime() : time;
}

function checkWishes(wishes: PropertyWishes): void {
  const mistake = findPropertyMistake(wishes);
  if (mistake === undefined) return;
  const { delayMs, deliverAt, ttlMs, messageId } = wishes;
  const isOfWrongType = [delayMs, deliverAt, ttlMs].some(isNoNumber) ||
    messageId !== undefined && typeof messageId !== "string";
  const text = `Cannot publish: ${mistake}`;
  throw isOfWrongType ? new TypeError(text) : new RangeError(text);
}

function isNoNumber(value: unknown): boolean {
  return value !== undefined && typeof value !== "number";
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
