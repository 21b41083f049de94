import {
  type Coalesce,
  type DeadLetter,
  LABEL_LENGTH_MAX,
  type PropertyWishes,
  type ReplyAddress,
  SPAN_MS_MAX,
} from "../../../protocol.ts";
import { joinBytes } from "../../protocol/bytes.ts";
import { PRIORITY_MAX } from "../../protocol/messages/entry.ts";
import { encodeHeaders } from "../../protocol/messages/headers.ts";
import { PropertyFlag } from "../../protocol/messages/properties.ts";
import { encodeProperties, findPropertyMistake } from "../../protocol/messages/property_wishes.ts";
import { checkOptionNames, checkTimeout } from "../member/option_check.ts";
import type { MessageBody } from "./body.ts";
import type { EntryExtras } from "./entry_buffer.ts";

/** Options of a message, and of all messages of a {@linkcode Publisher.sendMessages} call. */
export interface DeliveryOptions {
  /**
   * How long to wait for the confirm, in milliseconds, 1 to 2^31 - 1. Time in which the broker is away or a
   * stream is full counts. After that the call rejects with `PUBLISH_TIMEOUT`. A message that has not been
   * sent by then is never sent; one that has been sent may be stored, and the error says so.
   *
   * @default {the publisher's `timeoutMs`}
   */
  readonly timeoutMs?: number;
  /**
   * Names and values that travel with the message, 4 KiB at most in total.
   *
   * @default {no headers}
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * How long to delay the message after the broker has received it, in milliseconds, 0 to 100 years.
   * Not together with `deliverAt`.
   *
   * @default {0}
   */
  readonly delayMs?: number;
  /**
   * The earliest time of delivery: a `Date`, or milliseconds since 1970, by the clock of the broker's
   * machine. Not together with `delayMs`.
   *
   * @default {now}
   */
  readonly deliverAt?: number | Date;
  /**
   * How long the message may wait to be delivered, counted from the earliest time of its delivery, in
   * milliseconds, 1 to 100 years. After that it is removed, or moved to the dead letters if the stream
   * is configured so.
   *
   * @default {the stream's `ttlMs`}
   */
  readonly ttlMs?: number;
  /**
   * Stops waiting: the call rejects with the signal's reason. A message that has been sent may be
   * stored; one that has not been sent, or waits for room in a full stream, is never sent.
   */
  readonly signal?: AbortSignal;
}

/** A value for all messages of a call, or a function that gives the value for each of them. */
export type PerMessage<Value, Body = MessageBody> =
  | Value
  | ((body: Body, index: number) => Value | undefined);

/**
 * Options of {@linkcode Publisher.sendMessages}, for all messages of the call.
 *
 * @typeParam Body The type of the bodies.
 */
export interface SendBatchOptions<Body = MessageBody> extends DeliveryOptions {
  /**
   * The key, see {@linkcode SendOptions.key}: one for all messages, or a function that gives the key of
   * each.
   *
   * @default {no key}
   */
  readonly key?: PerMessage<string, Body>;
  /**
   * The priority, see {@linkcode SendOptions.priority}: one for all messages, or a function that gives
   * the priority of each.
   *
   * @default {4}
   */
  readonly priority?: PerMessage<number, Body>;
  /**
   * The lane, see {@linkcode SendOptions.lane}: one for all messages, or a function that gives the lane of
   * each.
   *
   * @default {no lane}
   */
  readonly lane?: PerMessage<string, Body>;
}

/** How a message is joined with others of the same id. */
export interface CoalesceOptions {
  /** What the messages have in common, 1 to 128 bytes of UTF-8. */
  readonly id: string;
  /**
   * How long no other one must have come before it is delivered, in milliseconds, 0 to 100 years.
   *
   * @default {0}
   */
  readonly quietMs?: number;
  /**
   * The longest time from the first one to the delivery, in milliseconds, 0 to 100 years; 0 for no limit.
   *
   * @default {12 times `quietMs`}
   */
  readonly atMostMs?: number;
  /**
   * Which one stays: the `"last"`, which takes the place of the one before, or the `"first"`.
   *
   * @default {"last"}
   */
  readonly take?: "first" | "last";
  /**
   * What becomes of one that comes while another one is worked on: it waits, or it is dropped.
   *
   * @default {"wait"}
   */
  readonly whileWorked?: "wait" | "drop";
}

/** Options of {@linkcode Publisher.sendMessage}. */
export interface SendOptions extends DeliveryOptions {
  /**
   * A key, 1 to 128 bytes of UTF-8. Messages of a stream with the same key are processed one at a time
   * and in order, whichever follower takes them; other messages are not held up. A failed message holds
   * up its key until it is acknowledged or among the dead letters.
   *
   * @default {no key}
   */
  readonly key?: string;
  /**
   * The priority, 0 to 9. Ready messages of a stream are delivered by descending priority, then by id.
   *
   * @default {4}
   */
  readonly priority?: number;
  /**
   * An id chosen by the sender, 1 to 128 bytes of UTF-8. While the stream remembers it
   * (`dedupWindowMs`, 2 minutes by default), another message with the same id is not stored, from any sender:
   * its receipt says `duplicate` and tells where the first one is stored.
   *
   * A message with a dedup id is sent in a frame of its own, so sending many of them is slower.
   *
   * @default {no dedup id}
   */
  readonly dedupId?: string;
  /**
   * Whose message it is, 1 to 128 bytes of UTF-8: a customer, for instance. Followers take from the lanes of a
   * stream in turn, and a stream may limit each of them.
   *
   * @default {no lane}
   */
  readonly lane?: string;
  /**
   * Joins the message with others of the same id in its stream: at most one of them waits to be delivered.
   *
   * A message with this option is sent in a frame of its own, so sending many of them is slower.
   *
   * @default {no coalescing}
   */
  readonly coalesce?: CoalesceOptions;
  /**
   * The story of a dead letter that is imported, as `message.deadLetter` tells it: `redrive` sends it back to
   * the stream that the story names. Only administrators may send one; others get `FORBIDDEN`.
   *
   * @default {none}
   */
  readonly deadLetter?: DeadLetter;
}

/** The parts before a body, ready to be written. */
export interface EncodedOptions extends EntryExtras {
  /** Whether the message has to be the only one of its batch: the broker answers per batch. */
  readonly isAlone: boolean;
}

const BATCH_NAMES = [
  "timeoutMs",
  "headers",
  "delayMs",
  "deliverAt",
  "ttlMs",
  "signal",
  "key",
  "priority",
  "lane",
];
const COALESCE_NAMES = ["id", "quietMs", "atMostMs", "take", "whileWorked"];
const SEND_NAMES = [...BATCH_NAMES, "dedupId", "coalesce", "deadLetter"];

/**
 * Checks the names of options, and the timeout.
 *
 * @throws {TypeError | RangeError} If a name is unknown or the timeout is not allowed.
 */
export function checkNames(options: object, names: readonly string[], action: string): void {
  checkOptionNames(options, names, action);
  checkTimeout("timeoutMs", (options as DeliveryOptions).timeoutMs, action);
}

/** Checks the names of options, and encodes them like {@linkcode encodeOptions}. */
export function encodeSendOptions(options: SendOptions, action: string): EncodedOptions {
  checkNames(options, SEND_NAMES, action);
  return encodeOptions(options, action);
}

/**
 * Checks and encodes the options of a message.
 *
 * @param action What cannot be done if something is not allowed, such as `Cannot publish`.
 * @param request The reply address, if the message is a request.
 * @throws {TypeError | RangeError} If something is not allowed.
 */
export function encodeOptions(
  options: SendOptions,
  action: string,
  request?: ReplyAddress,
): EncodedOptions {
  const { headers, delayMs, deliverAt, ttlMs, key, priority, dedupId, deadLetter, lane } = options;
  const headerBytes = headers && encodeHeaders(headers, action);
  const hasMore = delayMs !== undefined || deliverAt !== undefined || ttlMs !== undefined ||
    dedupId !== undefined || request !== undefined || deadLetter !== undefined ||
    lane !== undefined || options.coalesce !== undefined;
  if (!hasMore) return encodeOrder({ bytes: headerBytes, key, priority }, action);
  const coalesce = options.coalesce === undefined
    ? undefined
    : readCoalesce(options.coalesce, action);
  const orders = { key, priority, dedupId, deadLetter, lane, coalesce };
  const wishes = { delayMs, deliverAt: readTime(deliverAt), ttlMs, ...orders };
  checkWishes(wishes, action);
  const { flags, bytes } = encodeProperties({ ...wishes, request })!;
  return {
    bytes: headerBytes === undefined ? bytes : joinBytes([bytes, headerBytes]),
    flags,
    priority,
    isAlone: (flags & PropertyFlag.dedupId) !== 0 || coalesce !== undefined,
  };
}

/** Completes the options of a message that is joined with others. */
function readCoalesce(options: CoalesceOptions, action: string): Coalesce {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${action}: coalesce must be an object with an id`);
  }
  checkOptionNames(options, COALESCE_NAMES, action);
  const { id, quietMs = 0, atMostMs = 12 * quietMs, take = "last", whileWorked = "wait" } = options;
  return { id, quietMs, atMostMs: Math.min(atMostMs, SPAN_MS_MAX), take, whileWorked };
}

/** The same if the only property is a key: it is written together with the message. */
function encodeOrder(
  { bytes, key, priority }: {
    readonly bytes: Uint8Array | undefined;
    readonly key: string | undefined;
    readonly priority: number | undefined;
  },
  action: string,
): EncodedOptions {
  // This quick check allows most of them.
  const isShort = key === undefined ||
    typeof key === "string" && key.length > 0 && key.length * 3 <= LABEL_LENGTH_MAX &&
      key.isWellFormed();
  const isUsual = priority === undefined ||
    Number.isInteger(priority) && priority >= 0 && priority <= PRIORITY_MAX;
  if (!isShort || !isUsual) checkWishes({ key, priority }, action);
  const flags = key === undefined ? 0 : PropertyFlag.key;
  return { bytes, flags, priority, key, isAlone: false };
}

/** The encoded options of a call's messages: the same for all, or separate ones for each. */
export type BatchExtras = EncodedOptions | readonly EncodedOptions[] | undefined;

/** Checks and encodes the options of messages; throws like {@linkcode encodeOptions}. */
export function encodeBatchOptions(
  bodies: readonly unknown[],
  options: SendBatchOptions<never> | undefined,
  action: string,
): BatchExtras {
  if (options === undefined) return undefined;
  const { key, priority, lane, ...others } = options as SendBatchOptions;
  for (const name of ["dedupId", "coalesce"] as const) {
    if ((others as SendOptions)[name] === undefined) continue;
    throw new TypeError(`${action}: one ${name} cannot stand for several messages`);
  }
  checkNames(options, BATCH_NAMES, action);
  if (![key, priority, lane].some((wish) => typeof wish === "function")) {
    return encodeOptions(options as SendOptions, action);
  }
  const { headers, delayMs, deliverAt, ttlMs } = others;
  const isOrderOnly = delayMs === undefined && deliverAt === undefined && ttlMs === undefined;
  const bytes = headers && encodeHeaders(headers, action);
  return bodies.map((body, index) => {
    const ownKey = find(key, body, index);
    const ownPriority = find(priority, body, index);
    const ownLane = find(lane, body, index);
    if (isOrderOnly && ownLane === undefined) {
      return encodeOrder({ bytes, key: ownKey, priority: ownPriority }, action);
    }
    const own = { key: ownKey!, priority: ownPriority!, lane: ownLane! };
    return encodeOptions({ ...others, ...own }, action);
  });
}

/** The encoded options of one of the messages. */
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
  const { delayMs, deliverAt, ttlMs, key, priority, dedupId, lane, coalesce } = wishes;
  const isOfWrongType = [delayMs, deliverAt, ttlMs, priority].some(isNoNumber) ||
    [key, dedupId, lane, coalesce?.id].some((text) =>
      text !== undefined && typeof text !== "string"
    );
  const text = `${action}: ${mistake}`;
  throw isOfWrongType ? new TypeError(text) : new RangeError(text);
}

function isNoNumber(value: unknown): boolean {
  return value !== undefined && typeof value !== "number";
}
