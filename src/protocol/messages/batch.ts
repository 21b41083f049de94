import { BrokerError } from "../error.ts";
import {
  BodyKind,
  ENTRY_HEAD_BYTES,
  hasEntryPriority,
  isBareEntry,
  MORE_FLAG,
  PRIORITY_MAX,
  readEntryFlags,
  readEntryHeaderBytes,
  readEntryKind,
  readEntryPriority,
  readEntrySize,
} from "./entry.ts";
import { checkHeaders } from "./headers.ts";
import { MoreFlag } from "./more_properties.ts";
import { checkProperties, locateProperties } from "./properties.ts";

/** Messages as bytes: `count` entries in `buffer` from `start` to `end`, back to back. */
export interface MessageBatch {
  /** The number of entries. */
  readonly count: number;
  /** The buffer that holds them; it may be reused as soon as the call it is given to returns. */
  readonly buffer: Uint8Array;
  /** Where the first entry begins. */
  readonly start: number;
  /** Where the last entry ends. */
  readonly end: number;
  /** Whether the buffer belongs to the batch alone: then it is not reused, and whoever gets the batch may keep it. */
  readonly isOwn?: boolean;
}

/** Added to the flags of a batch if an entry has a priority other than the default. */
export const PRIORITY_FLAG = 0x100;

/** Added to the flags of a batch if an entry has a lane. */
export const LANE_FLAG = 0x800;

/** Added to the flags of a batch if an entry is coalesced. */
export const COALESCE_FLAG = 0x1000;

/**
 * The flags of all entries of a batch combined, with {@linkcode PRIORITY_FLAG}, {@linkcode LANE_FLAG} and
 * {@linkcode COALESCE_FLAG}.
 */
export function findFlags({ buffer, start, end }: MessageBatch): number {
  let flags = 0;
  for (let offset = start; offset < end; offset += readEntrySize(buffer, offset)) {
    const own = readEntryFlags(buffer, offset);
    flags |= own;
    if (own & MORE_FLAG) flags |= findMoreFlags(buffer, offset);
    if (hasEntryPriority(buffer, offset)) flags |= PRIORITY_FLAG;
  }
  return flags;
}

/** The flags for the further properties of an entry that has some. */
function findMoreFlags(buffer: Uint8Array, offset: number): number {
  const more = buffer[locateProperties(buffer, offset).more]!;
  return (more & MoreFlag.lane ? LANE_FLAG : 0) | (more & MoreFlag.coalesce ? COALESCE_FLAG : 0);
}

/** Finds where each entry of a batch begins. */
export function findEntries({ buffer, start, end }: MessageBatch): number[] {
  const offsets: number[] = [];
  for (let offset = start; offset < end; offset += readEntrySize(buffer, offset)) {
    offsets.push(offset);
  }
  return offsets;
}

/**
 * Checks a batch from a client: whole entries, `count` of them, each inside its limits.
 *
 * @param mayTellStory Whether messages may have the stories of dead letters; undefined where none has one.
 * @returns The result of {@linkcode findFlags}.
 * @throws {BrokerError} With code `BAD_FRAME` if the bytes are not a batch, `MESSAGE_TOO_LARGE` or
 * `HEADERS_TOO_LARGE` if a message is over a limit.
 */
export function checkBatch(
  batch: MessageBatch,
  bodyBytesMax: number,
  mayTellStory?: boolean,
): number {
  const { buffer, end, count } = batch;
  let offset = batch.start;
  let allFlags = 0;
  for (let index = 0; index < count; index++) {
    if (end - offset < ENTRY_HEAD_BYTES) {
      throw badBatch(`message ${index} of ${count} begins behind the end of the batch`);
    }
    const size = readEntrySize(buffer, offset);
    // Most messages have a body and nothing else.
    if (isBareEntry(buffer, offset) && size >= ENTRY_HEAD_BYTES && size <= end - offset) {
      if (size - ENTRY_HEAD_BYTES > bodyBytesMax) {
        throw tooLarge(size - ENTRY_HEAD_BYTES, bodyBytesMax);
      }
      if (hasEntryPriority(buffer, offset)) allFlags |= PRIORITY_FLAG;
    } else allFlags |= checkEntry(batch, offset, index, bodyBytesMax, mayTellStory);
    offset += size;
  }
  if (offset !== end) throw badBatch(`${end - offset} bytes are left behind message ${count}`);
  return allFlags;
}

/** Checks an entry that has more than a body and a priority, or is wrong; returns its flags, and what they imply. */
function checkEntry(
  { buffer, end, count }: MessageBatch,
  offset: number,
  index: number,
  bodyBytesMax: number,
  mayTellStory: boolean | undefined,
): number {
  const size = readEntrySize(buffer, offset);
  const headerBytes = readEntryHeaderBytes(buffer, offset);
  const bodyBytes = size - ENTRY_HEAD_BYTES - headerBytes;
  if (bodyBytes < 0 || size > end - offset) {
    throw badBatch(`message ${index} of ${count} says it has ${size} bytes`);
  }
  if (readEntryKind(buffer, offset) > BodyKind.json) {
    throw badBatch(`message ${index} of ${count} is of an unknown kind`);
  }
  if (readEntryPriority(buffer, offset) > PRIORITY_MAX) {
    throw badBatch(`message ${index} of ${count} has a priority above ${PRIORITY_MAX}`);
  }
  const flags = readEntryFlags(buffer, offset);
  const propertyBytes = flags === 0 ? 0 : checkProperties(buffer, offset, mayTellStory);
  const more = flags & MORE_FLAG ? findMoreFlags(buffer, offset) : 0;
  checkHeaders(buffer, offset + ENTRY_HEAD_BYTES + propertyBytes, headerBytes - propertyBytes);
  if (bodyBytes > bodyBytesMax) throw tooLarge(bodyBytes, bodyBytesMax);
  return flags | more | (hasEntryPriority(buffer, offset) ? PRIORITY_FLAG : 0);
}

function tooLarge(bodyBytes: number, bodyBytesMax: number): BrokerError {
  return new BrokerError(
    "MESSAGE_TOO_LARGE",
    `Cannot publish: body is ${bodyBytes} bytes, limit is ${bodyBytesMax}`,
  );
}

function badBatch(why: string): BrokerError {
  return new BrokerError("BAD_FRAME", `Cannot read a batch of messages: ${why}`);
}
