/**
 * What a message says of its own delivery: when it may be delivered at the earliest and at the
 * latest, after which others it is worked on, who waits for a reply, by which id it is recognised,
 * and, of a dead letter, its story. (Its priority is in the entry's head.)
 *
 * An entry's flags tell which properties it has; they stand in front of its headers, in this order:
 *
 * ```text
 *  flag          field
 *  01            time, u64: milliseconds since 1970 before which it is not delivered
 *  02 (with 01)  that time counts from the moment at which the broker gets it
 *  04            time, u64: milliseconds since 1970 from which on it is not delivered
 *  08 (with 04)  that time counts from the moment at which it may be delivered
 *  40            key: length u8, UTF-8
 *  80            request: the stream for the reply (length u8, UTF-8), the request's number, u32
 *  10            dedup id: length u8, UTF-8
 *  20            story: length u16, JSON; only the broker writes it
 * ```
 *
 * The broker puts times in the place of spans when it gets a batch. The flags 02 and 08 tell from then
 * on that it is a time of the broker's own, which nobody sets, and not one of the calendar.
 *
 * @module
 */

import type { MessageBatch } from "./batch.ts";
import {
  FLAGS_AT,
  HEADER_BYTES_AT,
  KIND_AT,
  NUMBER_BYTES,
  PROPERTIES_AT,
  readSize,
  readTime,
  TIME_BYTES,
  writeTime,
  writeU32,
} from "./entry_bytes.ts";
import { BrokerError } from "../error.ts";
import { LABEL_LENGTH_MAX } from "../limits.ts";
import { findTextMistake, isUtf8 } from "../utf8.ts";

/** Which properties an entry has. */
export const PropertyFlag = {
  /** It is not delivered before a time. */
  deliverAt: 0x01,
  /** That time is a span, from the moment at which the broker gets it. */
  isDelay: 0x02,
  /** It is not delivered from a time on. */
  expiresAt: 0x04,
  /** That time is a span, from the moment at which it may be delivered. */
  isTtl: 0x08,
  /** It has a dedup id. */
  dedupId: 0x10,
  /** It is a dead letter and has a story. */
  story: 0x20,
  /** It has a key. */
  key: 0x40,
  /** It is a request: somebody waits for a reply. */
  request: 0x80,
} as const;

/** The flags that a client may send. */
const CLIENT_FLAGS = 0xdf;

/** Beside the flags of all entries of a batch: some entry has another priority than the usual one. */
export const PRIORITY_FLAG = 0x100;

/** The highest priority; the lowest is 0. */
export const PRIORITY_MAX = 9;

/** The priority of messages that say nothing of it. */
export const PRIORITY_DEFAULT = 4;

/** The flags that say that a time is a span. */
const SPAN_FLAGS: number = PropertyFlag.isDelay | PropertyFlag.isTtl;

/** The longest delay, and the longest time to live, in milliseconds: a hundred years. */
export const SPAN_MS_MAX: number = 100 * 365 * 24 * 60 * 60 * 1000;

/** The latest time that a calendar knows, in milliseconds since 1970. */
const TIME_MAX = 8.64e15;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Why a message is in a dead-letter stream. */
export type DeadLetterCause = "rejected" | "maxDeliveries" | "expired";

/** What has happened to a message before it came into a dead-letter stream. */
export interface DeadLetter {
  /** The stream that it was in. */
  readonly stream: string;
  /** Its id there. */
  readonly id: number;
  /** How often it had been delivered. */
  readonly attempts: number;
  /** Why it is here: `rejected`, delivered `maxDeliveries` times, or `expired`. */
  readonly cause: DeadLetterCause;
  /** When a delivery failed for the first time, in milliseconds since 1970. */
  readonly firstAt: number;
  /** When it came here, in milliseconds since 1970. */
  readonly lastAt: number;
  /** What was said of its failures, the last ten of them, in their order. */
  readonly reasons: readonly string[];
  /** The name of the follower that had it last; none if no follower ever had it. */
  readonly follower?: string;
}

/** Who waits for a reply. */
export interface ReplyAddress {
  /** The stream that the reply goes to; it is its requester's alone. */
  readonly stream: string;
  /** The number of the request, by which its requester knows it: 0 to 2^32 - 1. */
  readonly number: number;
}

/** What a message says of its own delivery. */
export interface MessageProperties {
  /** It is not delivered before this time, in milliseconds since 1970. */
  readonly deliverAt?: number;
  /** It is not delivered from this time on, in milliseconds since 1970. */
  readonly expiresAt?: number;
  /** Messages of one key are worked on one at a time. */
  readonly key?: string;
  /** Who waits for a reply, if anybody does. */
  readonly request?: ReplyAddress;
  /** The id by which a repetition is recognised. */
  readonly dedupId?: string;
  /** What has happened to it, if it is a dead letter. */
  readonly deadLetter?: DeadLetter;
}

/** Properties as a publisher says them: spans may stand in the place of times. */
export interface PropertyWishes {
  /** It is not delivered before this time, in milliseconds since 1970. */
  readonly deliverAt?: number | undefined;
  /** It is not delivered before so many milliseconds have passed. */
  readonly delayMs?: number | undefined;
  /** It is not delivered later than so many milliseconds after it could be. */
  readonly ttlMs?: number | undefined;
  /** Messages of one key are worked on one at a time. */
  readonly key?: string | undefined;
  /** What goes first, 0 to 9; it is written in the entry's head. */
  readonly priority?: number | undefined;
  /** Who waits for a reply. */
  readonly request?: ReplyAddress | undefined;
  /** The id by which a repetition is recognised. */
  readonly dedupId?: string | undefined;
}

/** Properties, ready to be written. */
export interface EncodedProperties {
  /** Which there are. */
  readonly flags: number;
  /** Their bytes. */
  readonly bytes: Uint8Array;
}

/** Reads the flags of the entry at `offset`. */
export function readEntryFlags(buffer: Uint8Array, offset: number): number {
  return buffer[offset + FLAGS_AT]!;
}

/**
 * Encodes what a publisher says of a message's delivery.
 *
 * @param wishes What it says; checked by {@linkcode findPropertyMistake}.
 * @returns The bytes, or `undefined` if it says nothing.
 */
export function encodeProperties(wishes: PropertyWishes): EncodedProperties | undefined {
  const { deliverAt, delayMs, ttlMs, key, request, dedupId } = wishes;
  let flags = 0;
  let end = 0;
  const time = deliverAt ?? delayMs;
  if (time !== undefined) {
    flags |= PropertyFlag.deliverAt | (deliverAt === undefined ? PropertyFlag.isDelay : 0);
    writeTime(scratch, end, time);
    end += TIME_BYTES;
  }
  if (ttlMs !== undefined) {
    flags |= PropertyFlag.expiresAt | PropertyFlag.isTtl;
    writeTime(scratch, end, ttlMs);
    end += TIME_BYTES;
  }
  if (key !== undefined) {
    flags |= PropertyFlag.key;
    end = writeLabel(end, key);
  }
  if (request !== undefined) {
    flags |= PropertyFlag.request;
    end = writeLabel(end, request.stream);
    writeU32(scratch, end, request.number);
    end += NUMBER_BYTES;
  }
  if (dedupId !== undefined) {
    flags |= PropertyFlag.dedupId;
    end = writeLabel(end, dedupId);
  }
  return flags === 0 ? undefined : { flags, bytes: scratch.slice(0, end) };
}

/** Room for two times, three labels and a number; they are copied out of it at once. */
const scratch = new Uint8Array(512);

/** Writes a text of a few bytes, with its length in front; returns where it ends. */
function writeLabel(at: number, text: string): number {
  const { written } = encoder.encodeInto(text, scratch.subarray(at + 1, at + 1 + LABEL_LENGTH_MAX));
  scratch[at] = written;
  return at + 1 + written;
}

/**
 * Tells what is wrong with what a publisher says of a message's delivery.
 *
 * @param wishes What it says.
 * @returns The complaint, or `undefined` if it is allowed.
 */
export function findPropertyMistake(wishes: PropertyWishes): string | undefined {
  const { deliverAt, delayMs, ttlMs, key, priority, dedupId } = wishes;
  if (deliverAt !== undefined && delayMs !== undefined) {
    return "delayMs and deliverAt exclude each other";
  }
  if (deliverAt !== undefined && !(isSpan(deliverAt) && deliverAt <= TIME_MAX)) {
    return `deliverAt is a whole number from 0 to ${TIME_MAX}, in milliseconds since 1970, found ${deliverAt}`;
  }
  if (delayMs !== undefined && !(isSpan(delayMs) && delayMs <= SPAN_MS_MAX)) {
    return `delayMs is a whole number from 0 to ${SPAN_MS_MAX}, found ${delayMs}`;
  }
  if (ttlMs !== undefined && !(isSpan(ttlMs) && ttlMs >= 1 && ttlMs <= SPAN_MS_MAX)) {
    return `ttlMs is a whole number from 1 to ${SPAN_MS_MAX}, found ${ttlMs}`;
  }
  if (priority !== undefined && !(isSpan(priority) && priority <= PRIORITY_MAX)) {
    return `priority is a whole number from 0 to ${PRIORITY_MAX}, found ${priority}`;
  }
  return findLabelFault("key", key) ?? findLabelFault("dedupId", dedupId);
}

function findLabelFault(what: string, text: unknown): string | undefined {
  if (text === undefined) return undefined;
  if (typeof text !== "string") return `${what} is a string`;
  const fault = findTextMistake(text);
  if (fault !== undefined) return `${what} ${fault}`;
  // A UTF-16 unit is one byte of UTF-8 at least, and three at most.
  if (text.length >= 1 && text.length * 3 <= LABEL_LENGTH_MAX) return undefined;
  const bytes = encoder.encode(text).length;
  if (bytes >= 1 && bytes <= LABEL_LENGTH_MAX) return undefined;
  return `${what} has 1 to ${LABEL_LENGTH_MAX} bytes, found ${bytes}`;
}

/** Reads the properties of the entry at `offset`. */
export function readProperties(buffer: Uint8Array, offset: number): MessageProperties {
  const flags = readEntryFlags(buffer, offset);
  if (flags === 0) return {};
  const properties: { -readonly [Key in keyof MessageProperties]: MessageProperties[Key] } = {};
  let at = offset + PROPERTIES_AT;
  if (flags & PropertyFlag.deliverAt) {
    properties.deliverAt = readTime(buffer, at);
    at += TIME_BYTES;
  }
  if (flags & PropertyFlag.expiresAt) {
    properties.expiresAt = readTime(buffer, at);
    at += TIME_BYTES;
  }
  if (flags & PropertyFlag.key) {
    properties.key = readLabel(buffer, at);
    at += 1 + buffer[at]!;
  }
  if (flags & PropertyFlag.request) {
    const end = at + 1 + buffer[at]!;
    properties.request = { stream: readLabel(buffer, at), number: readSize(buffer, end) };
    at = end + NUMBER_BYTES;
  }
  if (flags & PropertyFlag.dedupId) {
    properties.dedupId = readLabel(buffer, at);
    at += 1 + buffer[at]!;
  }
  if (flags & PropertyFlag.story) {
    const end = at + 2 + ((buffer[at]! << 8) | buffer[at + 1]!);
    properties.deadLetter = JSON.parse(decoder.decode(buffer.subarray(at + 2, end)));
  }
  return properties;
}

/** How many bytes in front of its headers the properties of the entry at `offset` take up. */
export function readPropertyBytes(buffer: Uint8Array, offset: number): number {
  const flags = readEntryFlags(buffer, offset);
  if (flags === 0) return 0;
  let at = offset + PROPERTIES_AT;
  if (flags & PropertyFlag.deliverAt) at += TIME_BYTES;
  if (flags & PropertyFlag.expiresAt) at += TIME_BYTES;
  if (flags & PropertyFlag.key) at += 1 + buffer[at]!;
  if (flags & PropertyFlag.request) at += 1 + buffer[at]! + NUMBER_BYTES;
  if (flags & PropertyFlag.dedupId) at += 1 + buffer[at]!;
  if (flags & PropertyFlag.story) at += 2 + ((buffer[at]! << 8) | buffer[at + 1]!);
  return at - offset - PROPERTIES_AT;
}

/**
 * Checks the properties of an entry that a client has sent.
 *
 * @returns How many bytes they take up.
 * @throws {BrokerError} With code `BAD_FRAME` if they are not what the flags say.
 */
export function checkProperties(buffer: Uint8Array, offset: number): number {
  const flags = readEntryFlags(buffer, offset);
  const headerBytes = (buffer[offset + HEADER_BYTES_AT]! << 8) |
    buffer[offset + HEADER_BYTES_AT + 1]!;
  const isKnown = (flags & ~CLIENT_FLAGS) === 0 &&
    isWith(flags, PropertyFlag.isDelay, PropertyFlag.deliverAt) &&
    isWith(flags, PropertyFlag.isTtl, PropertyFlag.expiresAt);
  if (!isKnown) throw badProperties(`flags are ${flags}`);
  // A clock that is wrong must not make messages that come and go at other times than was meant.
  if (flags & PropertyFlag.expiresAt && !(flags & PropertyFlag.isTtl)) {
    throw badProperties("an expiry is said as a span");
  }
  const bytes = readPropertyBytes(buffer, offset);
  if (bytes > headerBytes) throw badProperties("they are cut short");
  let at = offset + PROPERTIES_AT;
  for (const flag of [PropertyFlag.deliverAt, PropertyFlag.expiresAt]) {
    if (!(flags & flag)) continue;
    const time = readTime(buffer, at);
    if (time > TIME_MAX) throw badProperties(`a time is ${time}, the latest is ${TIME_MAX}`);
    at += TIME_BYTES;
  }
  if (flags & SPAN_FLAGS) checkSpans(buffer, offset, flags);
  if (flags & PropertyFlag.key) at = checkLabel(buffer, at, "a key");
  if (flags & PropertyFlag.request) at = checkLabel(buffer, at, "a stream's name") + NUMBER_BYTES;
  if (flags & PropertyFlag.dedupId) checkLabel(buffer, at, "a dedup id");
  return bytes;
}

/** Checks a text of a few bytes; returns where it ends. */
function checkLabel(buffer: Uint8Array, at: number, what: string): number {
  const length = buffer[at]!;
  const end = at + 1 + length;
  const isAllowed = length >= 1 && length <= LABEL_LENGTH_MAX;
  if (isAllowed && isUtf8(buffer, at + 1, end)) return end;
  if (isAllowed) throw badProperties(`${what} is not UTF-8`);
  throw badProperties(`${what} has 1 to ${LABEL_LENGTH_MAX} bytes, found ${length}`);
}

/** Checks that spans are not too long. */
function checkSpans(buffer: Uint8Array, offset: number, flags: number): void {
  let at = offset + PROPERTIES_AT;
  if (flags & PropertyFlag.isDelay) checkSpan(readTime(buffer, at));
  if (flags & PropertyFlag.deliverAt) at += TIME_BYTES;
  if (flags & PropertyFlag.isTtl) checkSpan(readTime(buffer, at));
}

function checkSpan(spanMs: number): void {
  if (spanMs > SPAN_MS_MAX) throw badProperties(`a span is ${spanMs} ms, limit is ${SPAN_MS_MAX}`);
}

function isWith(flags: number, flag: number, needed: number): boolean {
  return (flags & flag) === 0 || (flags & needed) !== 0;
}

function badProperties(why: string): BrokerError {
  return new BrokerError("BAD_FRAME", `Cannot read a message's properties: ${why}`);
}

/** The flags of all entries of a batch together, with {@linkcode PRIORITY_FLAG}. */
export function findFlags(batch: MessageBatch): number {
  const { buffer, end } = batch;
  let flags = 0;
  for (let offset = batch.start; offset < end; offset += readSize(buffer, offset)) {
    flags |= buffer[offset + FLAGS_AT]!;
    if (buffer[offset + KIND_AT]! >= PRIORITY_UNIT) flags |= PRIORITY_FLAG;
  }
  return flags;
}

/** A kind has the lower four bits of its byte; in the others is the priority and 1, or 0. */
export const PRIORITY_UNIT = 0x10;

/** Reads the priority of the entry at `offset`. */
export function readEntryPriority(buffer: Uint8Array, offset: number): number {
  const upper = buffer[offset + KIND_AT]! >>> 4;
  return upper === 0 ? PRIORITY_DEFAULT : upper - 1;
}

/** Finds the key of the entry at `offset`: where its length is; 0 if it has none. */
export function findEntryKey(buffer: Uint8Array, offset: number): number {
  const flags = buffer[offset + FLAGS_AT]!;
  if ((flags & PropertyFlag.key) === 0) return 0;
  let at = offset + PROPERTIES_AT;
  if (flags & PropertyFlag.deliverAt) at += TIME_BYTES;
  if (flags & PropertyFlag.expiresAt) at += TIME_BYTES;
  return at;
}

/**
 * Copies the entry at `offset` with another story, or none. Its times are left out: among the dead
 * letters it stays until somebody looks after it, and who sends it back wants it to be worked on. By
 * then nobody waits for a reply either.
 */
export function copyWithStory(
  buffer: Uint8Array,
  offset: number,
  story: DeadLetter | undefined,
): Uint8Array {
  const size = readSize(buffer, offset);
  const { key, dedupId } = readProperties(buffer, offset);
  const parts: Uint8Array[] = [];
  let flags = 0;
  if (key !== undefined) {
    const text = encoder.encode(key);
    flags |= PropertyFlag.key;
    parts.push(Uint8Array.of(text.length), text);
  }
  if (dedupId !== undefined) {
    const text = encoder.encode(dedupId);
    flags |= PropertyFlag.dedupId;
    parts.push(Uint8Array.of(text.length), text);
  }
  if (story !== undefined) {
    const text = encoder.encode(JSON.stringify(story));
    flags |= PropertyFlag.story;
    parts.push(Uint8Array.of(text.length >>> 8, text.length), text);
  }
  const properties = joinBytes(parts);
  const before = readPropertyBytes(buffer, offset);
  const headerBytes = (buffer[offset + HEADER_BYTES_AT]! << 8) +
    buffer[offset + HEADER_BYTES_AT + 1]! - before + properties.length;
  const copy = new Uint8Array(size - before + properties.length);
  copy.set(buffer.subarray(offset, offset + PROPERTIES_AT));
  copy.set(properties, PROPERTIES_AT);
  copy.set(
    buffer.subarray(offset + PROPERTIES_AT + before, offset + size),
    PROPERTIES_AT + properties.length,
  );
  const view = new DataView(copy.buffer);
  view.setUint32(0, copy.length);
  view.setUint8(FLAGS_AT, flags);
  view.setUint16(HEADER_BYTES_AT, headerBytes);
  return copy;
}

function isSpan(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Puts pieces of bytes behind each other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function readLabel(buffer: Uint8Array, at: number): string {
  return decoder.decode(buffer.subarray(at + 1, at + 1 + buffer[at]!));
}
