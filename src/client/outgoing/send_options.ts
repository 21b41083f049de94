/**
 * What can be said of a message when it is sent, and how it is written in front of the body.
 *
 * @module
 */

import { LABEL_LENGTH_MAX, type PropertyWishes, type ReplyAddress } from "../../../protocol.ts";
import { joinBytes } from "../../protocol/bytes.ts";
import { PRIORITY_MAX } from "../../protocol/messages/entry.ts";
import { encodeHeaders } from "../../protocol/messages/headers.ts";
import { PropertyFlag } from "../../protocol/messages/properties.ts";
import { encodeProperties, findPropertyMistake } from "../../protocol/messages/property_wishes.ts";
import type { MessageBody } from "./body.ts";
import { checkTimeout } from "../member/call_timeouts.ts";
import { checkOptionNames } from "../member/option_check.ts";
import type { EntryExtras } from "./outgoing_batch.ts";

/** What can be said of one message, and of all messages of a call. */
export interface DeliveryOptions {
  /**
   * How long to wait for the confirm, in milliseconds, 1 to 2^31 - 1, from the call on: also while the
   * broker is away, or a stream has no room. After that the call rejects with `PUBLISH_TIMEOUT`. What
   * has not been sent by then never is; what has been sent may be stored all the same, and the message
   * of the error says so.
   *
   * @default {the publisher's `timeoutMs`}
   */
  readonly timeoutMs?: number;
  /**
   * Names and values that travel with the message: 4 KiB at most, all together.
   *
   * @default {no headers}
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
   * When to deliver the message at the earliest: a `Date`, or milliseconds since 1970, by the clock of
   * the broker's machine, also if that is set meanwhile. Not together with `delayMs`.
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

/** Something that is the same for all messages of a call, or found for each of them. */
export type PerMessage<Value, Body = MessageBody> =
  | Value
  | ((body: Body, index: number) => Value | undefined);

/**
 * Options of {@linkcode Publisher.sendMessages}: what counts for all messages of the call.
 *
 * @typeParam Body What the bodies are.
 */
export interface SendBatchOptions<Body = MessageBody> extends DeliveryOptions {
  /**
   * The messages' key, as in {@linkcode SendOptions.key}: the same for all, or a function that finds
   * each message's own.
   *
   * @default {none}
   */
  readonly key?: PerMessage<string, Body>;
  /**
   * The messages' priority, as in {@linkcode SendOptions.priority}: the same for all, or a function
   * that finds each message's own.
   *
   * @default {4}
   */
  readonly priority?: PerMessage<number, Body>;
}

/** Options of {@linkcode Publisher.sendMessage}. */
export interface SendOptions extends DeliveryOptions {
  /**
   * A key, 1 to 128 bytes of UTF-8: messages of a stream that have the same one are worked on one at a
   * time, in their order, whoever takes them; all others flow past. A message that has failed keeps
   * those behind it waiting until it is done or among the dead letters.
   *
   * @default {none}
   */
  readonly key?: string;
  /**
   * What goes first, 0 to 9: of the ready messages of a stream those of the highest priority are
   * delivered first, and in their order among each other.
   *
   * @default {4}
   */
  readonly priority?: number;
  /**
   * An id of the sender's own, 1 to 128 bytes of UTF-8. While the stream remembers it (its
   * `dedupWindowMs`, two minutes unless set), a message with the same one is not stored again, whoever
   * sends it: the receipt says `duplicate`, and where the first one was stored.
   *
   * Such a message travels in a frame of its own, which costs about as much as an awaited call.
   */
  readonly dedupId?: string;
}

/** What stands in front of a body, ready to be written. */
export interface EncodedOptions extends EntryExtras {
  /** Whether the message has to be the only one of its batch: the broker answers per batch. */
  readonly isAlone: boolean;
}

/** The names of what can be said of one message, and of all messages of a call. */
const DELIVERY_NAMES = [
  "timeoutMs",
  "headers",
  "delayMs",
  "deliverAt",
  "ttlMs",
  "signal",
  "key",
  "priority",
];
const SEND_NAMES = [...DELIVERY_NAMES, "dedupId"];

/**
 * Checks that options are known ones, and the one that no encoding needs.
 *
 * @throws {TypeError | RangeError} If they are no object, or one of them is none of these.
 */
export function checkNames(options: object, names: readonly string[], action: string): void {
  checkOptionNames(options, names, action);
  checkTimeout((options as DeliveryOptions).timeoutMs, action);
}

/** Checks the names of options, and encodes them like {@linkcode encodeOptions}. */
export function encodeSendOptions(options: SendOptions, action: string): EncodedOptions {
  checkNames(options, SEND_NAMES, action);
  return encodeOptions(options, action);
}

/**
 * Checks and encodes what is said of a message.
 *
 * @param options What is said.
 * @param action What cannot be done if something is not allowed, such as `Cannot publish`.
 * @param request Where the reply goes, if it is a request.
 * @throws {TypeError} If something is of a wrong type.
 * @throws {RangeError} If something is not allowed.
 */
export function encodeOptions(
  options: SendOptions,
  action: string,
  request?: ReplyAddress,
): EncodedOptions {
  const { headers, delayMs, deliverAt, ttlMs, key, priority, dedupId } = options;
  const headerBytes = headers && encodeHeaders(headers, action);
  const hasMore = delayMs !== undefined || deliverAt !== undefined || ttlMs !== undefined ||
    dedupId !== undefined || request !== undefined;
  if (!hasMore) return encodeOrder({ bytes: headerBytes, key, priority }, action);
  const wishes = { delayMs, deliverAt: readTime(deliverAt), ttlMs, key, priority, dedupId };
  checkWishes(wishes, action);
  const { flags, bytes } = encodeProperties({ ...wishes, request })!;
  return {
    bytes: headerBytes === undefined ? bytes : joinBytes([bytes, headerBytes]),
    flags,
    priority,
    isAlone: (flags & PropertyFlag.dedupId) !== 0,
  };
}

/** The same where there are no other properties than a key: that is written where the message is. */
function encodeOrder(
  { bytes, key, priority }: {
    readonly bytes: Uint8Array | undefined;
    readonly key: string | undefined;
    readonly priority: number | undefined;
  },
  action: string,
): EncodedOptions {
  // Mostly it is seen at once that they are allowed.
  const isShort = key === undefined ||
    typeof key === "string" && key.length > 0 && key.length * 3 <= LABEL_LENGTH_MAX &&
      key.isWellFormed();
  const isUsual = priority === undefined ||
    Number.isInteger(priority) && priority >= 0 && priority <= PRIORITY_MAX;
  if (!isShort || !isUsual) checkWishes({ key, priority }, action);
  const flags = key === undefined ? 0 : PropertyFlag.key;
  return { bytes, flags, priority, key, isAlone: false };
}

/** What is said of the messages of a call: the same of all, or of each something else. */
export type BatchExtras = EncodedOptions | readonly EncodedOptions[] | undefined;

/** Checks and encodes what is said of messages; throws like {@linkcode encodeOptions}. */
export function encodeBatchOptions(
  bodies: readonly unknown[],
  options: SendBatchOptions<never> | undefined,
  action: string,
): BatchExtras {
  if (options === undefined) return undefined;
  const { key, priority, ...others } = options as SendBatchOptions;
  if ((others as SendOptions).dedupId !== undefined) {
    throw new TypeError(`${action}: one dedupId cannot stand for several messages`);
  }
  checkNames(options, DELIVERY_NAMES, action);
  if (typeof key !== "function" && typeof priority !== "function") {
    return encodeOptions(options as SendOptions, action);
  }
  const { headers, delayMs, deliverAt, ttlMs } = others;
  const isOrderOnly = delayMs === undefined && deliverAt === undefined && ttlMs === undefined;
  const bytes = headers && encodeHeaders(headers, action);
  return bodies.map((body, index) => {
    const ownKey = find(key, body, index);
    const ownPriority = find(priority, body, index);
    if (isOrderOnly) return encodeOrder({ bytes, key: ownKey, priority: ownPriority }, action);
    return encodeOptions({ ...others, key: ownKey!, priority: ownPriority! }, action);
  });
}

/** What is said of one of the messages. */
export function extrasAt(extras: BatchExtras, index: number): EncodedOptions | undefined {
  return Array.isArray(extras) ? extras[index] : extras as EncodedOptions | undefined;
}

function find<Value>(
  wish: PerMessage<Value> | undefined,
  body: unknown,
  index: number,
): Value | undefined {
  if (typeof wish !== "function") return wish;
  return (wish as (body: unknown, index: number) => Value | undefined)(body, index);
}

function readTime(time: number | Date | undefined): number | undefined {
  return time instanceof Date ? time.getTime() : time;
}

function checkWishes(wishes: PropertyWishes, action: string): void {
  const mistake = findPropertyMistake(wishes);
  if (mistake === undefined) return;
  const { delayMs, deliverAt, ttlMs, key, priority, dedupId } = wishes;
  const isOfWrongType = [delayMs, deliverAt, ttlMs, priority].some(isNoNumber) ||
    [key, dedupId].some((text) => text !== undefined && typeof text !== "string");
  const text = `${action}: ${mistake}`;
  throw isOfWrongType ? new TypeError(text) : new RangeError(text);
}

function isNoNumber(value: unknown): boolean {
  return value !== undefined && typeof value !== "number";
}
