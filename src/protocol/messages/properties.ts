// The delivery properties of a message, between the head of its entry and its headers, as drawn in the
// specification in protocol.ts.

import { readU16, readU32, readU64 } from "../bytes.ts";
import { BrokerError } from "../error.ts";
import { decodeStrictUtf8, decodeUtf8 } from "../utf8.ts";
import {
  type DeadLetter,
  findStoryMistake,
  type Redrives,
  STORY_BYTES_MAX,
} from "./dead_letter.ts";
import {
  ENTRY_HEAD_BYTES,
  MORE_FLAG,
  readEntryFlags,
  readEntryHeaderBytes,
  readEntrySize,
} from "./entry.ts";
import { badProperties, checkLabel, labelBytes, readLabel } from "./short_text.ts";
import { SPAN_MS_MAX } from "../limits.ts";
import {
  checkMore,
  findCoalesceIdAt,
  findLaneAt,
  type MoreProperties,
  readMore,
  readMoreBytes,
} from "./more_properties.ts";

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
  /** It is a dead letter and has a story, or it was one and says how often it was sent back. */
  story: 0x20,
  /** It has a key. */
  key: 0x40,
  /** It is a request: its sender waits for a reply. */
  request: 0x80,
} as const;

/** The flags that every client may send: the broker writes stories, and administrators import them. */
const CLIENT_FLAGS = MORE_FLAG | (0xff & ~PropertyFlag.story);

/** The latest time that a calendar knows, in milliseconds since 1970. */
export const TIME_MAX = 8.64e15;

const TIME_BYTES = 8;
const NUMBER_BYTES = 4;

/** The address of a reply. */
export interface ReplyAddress {
  /** The stream that the reply goes to; it belongs to the requester alone. */
  readonly stream: string;
  /** The requester's number of the request: 0 to 2^32 - 1. */
  readonly number: number;
}

/** The delivery properties of a message. */
export interface MessageProperties extends MoreProperties {
  /** It is not delivered before this time, in milliseconds since 1970. */
  readonly deliverAt?: number;
  /** It is not delivered from this time on, in milliseconds since 1970. */
  readonly expiresAt?: number;
  /** Messages of one key are processed one at a time. */
  readonly key?: string;
  /** The reply address, if the message is a request. */
  readonly request?: ReplyAddress;
  /** The id by which a repetition is recognised. */
  readonly dedupId?: string;
  /** The history of the message, if it is a dead letter. */
  readonly deadLetter?: DeadLetter;
  /** How often the message was sent back from the dead letters, if it was and is none now. */
  readonly redrives?: Redrives;
}

/** The offsets of an entry's properties, in their order; an absent one has no bytes. */
class PropertyPlaces {
  deliverAt = 0;
  expiresAt = 0;
  key = 0;
  request = 0;
  dedupId = 0;
  story = 0;
  more = 0;
  end = 0;
}

/** Shared by all calls: every message needs one, and an object for each would cost more. */
const places = new PropertyPlaces();

/** Finds the properties of the entry at `offset`; the result is valid until the next call. */
export function locateProperties(buffer: Uint8Array, offset: number): Readonly<PropertyPlaces> {
  const flags = readEntryFlags(buffer, offset);
  let at = offset + ENTRY_HEAD_BYTES;
  places.deliverAt = at;
  if (flags & PropertyFlag.deliverAt) at += TIME_BYTES;
  places.expiresAt = at;
  if (flags & PropertyFlag.expiresAt) at += TIME_BYTES;
  places.key = at;
  if (flags & PropertyFlag.key) at += labelBytes(buffer, at);
  places.request = at;
  if (flags & PropertyFlag.request) at += labelBytes(buffer, at) + NUMBER_BYTES;
  places.dedupId = at;
  if (flags & PropertyFlag.dedupId) at += labelBytes(buffer, at);
  places.story = at;
  if (flags & PropertyFlag.story) at += 2 + readU16(buffer, at);
  places.more = at;
  if (flags & MORE_FLAG) at += readMoreBytes(buffer, at);
  places.end = at;
  return places;
}

/** How the names of reply streams begin; what follows is secret. */
const REPLY_PREFIX_BYTES = "$reply.".length;

/** Overwrites the reply addresses of some entries: they are all that is needed to answer. */
export function hideReplyAddresses(entries: Uint8Array): void {
  for (let offset = 0; offset < entries.length; offset += readEntrySize(entries, offset)) {
    if ((readEntryFlags(entries, offset) & PropertyFlag.request) === 0) continue;
    const { request, dedupId: end } = locateProperties(entries, offset);
    const numberAt = end - NUMBER_BYTES;
    entries.fill("-".charCodeAt(0), request + 1 + REPLY_PREFIX_BYTES, numberAt).fill(
      0,
      numberAt,
      end,
    );
  }
}

/** Reads the properties of the entry at `offset`. */
export function readProperties(buffer: Uint8Array, offset: number): MessageProperties {
  const flags = readEntryFlags(buffer, offset);
  if (flags === 0) return {};
  const properties: { -readonly [Key in keyof MessageProperties]: MessageProperties[Key] } = {};
  const at = locateProperties(buffer, offset);
  if (flags & PropertyFlag.deliverAt) properties.deliverAt = readU64(buffer, at.deliverAt);
  if (flags & PropertyFlag.expiresAt) properties.expiresAt = readU64(buffer, at.expiresAt);
  if (flags & PropertyFlag.key) properties.key = readLabel(buffer, at.key);
  if (flags & PropertyFlag.request) {
    const number = readU32(buffer, at.dedupId - NUMBER_BYTES);
    properties.request = { stream: readLabel(buffer, at.request), number };
  }
  if (flags & PropertyFlag.dedupId) properties.dedupId = readLabel(buffer, at.dedupId);
  if (flags & PropertyFlag.story) {
    const story = JSON.parse(decodeUtf8(buffer.subarray(at.story + 2, at.more)));
    if (story.cause === undefined) properties.redrives = story.redrives;
    else properties.deadLetter = story;
  }
  return flags & MORE_FLAG ? { ...properties, ...readMore(buffer, at.more) } : properties;
}

/** The size of the properties of the entry at `offset`, in bytes. */
export function readPropertyBytes(buffer: Uint8Array, offset: number): number {
  if (readEntryFlags(buffer, offset) === 0) return 0;
  return locateProperties(buffer, offset).end - offset - ENTRY_HEAD_BYTES;
}

/** Finds the key of the entry at `offset`; returns where its length is, or 0 if there is no key. */
export function findEntryKey(buffer: Uint8Array, offset: number): number {
  const flags = readEntryFlags(buffer, offset);
  if ((flags & PropertyFlag.key) === 0) return 0;
  // Only times are in front of it. It is looked for at each delivery, by both sides.
  let at = offset + ENTRY_HEAD_BYTES;
  if (flags & PropertyFlag.deliverAt) at += TIME_BYTES;
  if (flags & PropertyFlag.expiresAt) at += TIME_BYTES;
  return at;
}

/** Finds the dedup id of the entry at `offset`; returns where its length is, or 0 if it has none. */
export function findEntryDedupId(buffer: Uint8Array, offset: number): number {
  if ((readEntryFlags(buffer, offset) & PropertyFlag.dedupId) === 0) return 0;
  return locateProperties(buffer, offset).dedupId;
}

/** Finds the lane of the entry at `offset`; returns where its length is, or 0 if there is no lane. */
export function findEntryLane(buffer: Uint8Array, offset: number): number {
  if ((readEntryFlags(buffer, offset) & MORE_FLAG) === 0) return 0;
  return findLaneAt(buffer, locateProperties(buffer, offset).more);
}

/** Finds the coalesce id of the entry at `offset`; returns where its length is, or 0 if it has none. */
export function findEntryCoalesceId(buffer: Uint8Array, offset: number): number {
  if ((readEntryFlags(buffer, offset) & MORE_FLAG) === 0) return 0;
  return findCoalesceIdAt(buffer, locateProperties(buffer, offset).more);
}

/**
 * Checks the properties of an entry that a client has sent.
 *
 * @param mayTellStory Whether it may have the story of a dead letter; undefined where nothing has one.
 * @returns Their size in bytes.
 * @throws {BrokerError} With code `BAD_FRAME` if they do not match the flags, `FORBIDDEN` for a story that
 * the client may not tell.
 */
export function checkProperties(
  buffer: Uint8Array,
  offset: number,
  mayTellStory?: boolean,
): number {
  const flags = readEntryFlags(buffer, offset);
  const known = mayTellStory === undefined ? CLIENT_FLAGS : CLIENT_FLAGS | PropertyFlag.story;
  const isKnown = (flags & ~known) === 0 &&
    isWith(flags, PropertyFlag.isDelay, PropertyFlag.deliverAt) &&
    isWith(flags, PropertyFlag.isTtl, PropertyFlag.expiresAt);
  if (!isKnown) throw badProperties(`flags are ${flags}`);
  // A client's clock may be wrong, and must not make messages come and go at unintended times.
  if (!isWith(flags, PropertyFlag.expiresAt, PropertyFlag.isTtl)) {
    throw badProperties("an expiry is said as a span");
  }
  const at = locateProperties(buffer, offset);
  const bytes = at.end - offset - ENTRY_HEAD_BYTES;
  if (bytes > readEntryHeaderBytes(buffer, offset)) throw badProperties("they are cut short");
  if (flags & PropertyFlag.deliverAt) {
    checkTime(readU64(buffer, at.deliverAt), (flags & PropertyFlag.isDelay) !== 0);
  }
  if (flags & PropertyFlag.expiresAt) checkTime(readU64(buffer, at.expiresAt), true);
  if (flags & PropertyFlag.key) checkLabel(buffer, at.key, "a key");
  if (flags & PropertyFlag.request) checkLabel(buffer, at.request, "a stream's name");
  if (flags & PropertyFlag.dedupId) checkLabel(buffer, at.dedupId, "a dedup id");
  if (flags & PropertyFlag.story) checkStory(buffer.subarray(at.story + 2, at.more), mayTellStory);
  if (flags & MORE_FLAG) checkMore(buffer, at.more);
  return bytes;
}

/** Where a story says that a message came from, `redrive` sends it: only who may do everything tells one. */
function checkStory(bytes: Uint8Array, mayTellStory: boolean | undefined): void {
  if (!mayTellStory) {
    throw new BrokerError(
      "FORBIDDEN",
      "Cannot publish a dead letter with its story: only administrators import them",
    );
  }
  if (bytes.length > STORY_BYTES_MAX) {
    throw badProperties(`a story has ${bytes.length} bytes, limit is ${STORY_BYTES_MAX}`);
  }
  let story: unknown;
  try {
    story = JSON.parse(decodeStrictUtf8(bytes));
  } catch {
    throw badProperties("a story is no JSON");
  }
  const mistake = findStoryMistake(story);
  if (mistake !== undefined) throw badProperties(mistake);
}

function checkTime(time: number, isSpan: boolean): void {
  if (time > TIME_MAX) throw badProperties(`a time is ${time}, the latest is ${TIME_MAX}`);
  if (!isSpan || time <= SPAN_MS_MAX) return;
  throw badProperties(`a span is ${time} ms, limit is ${SPAN_MS_MAX}`);
}

function isWith(flags: number, flag: number, needed: number): boolean {
  return (flags & flag) === 0 || (flags & needed) !== 0;
}
