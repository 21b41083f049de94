/**
 * The layout of messages: the same bytes on the wire, in the store and in delivery, so that a broker
 * copies ranges of bytes and never encodes a message again.
 *
 * A batch is a number of entries, one behind the other, without padding:
 *
 * ```text
 *  0      4      5       6       8                      8+h              size
 *  ┌──────┬──────┬───────┬───────┬────────────┬─────────┬────────────────┐
 *  │ size │ kind │ flags │ h     │ properties │ headers │ body           │
 *  │ u32  │ u8   │ u8    │ u16   │ h bytes together     │ bytes          │
 *  └──────┴──────┴───────┴───────┴────────────┴─────────┴────────────────┘
 *  kind: in the lower four bits 0 bytes, 1 text (UTF-8), 2 JSON (UTF-8);
 *        in the upper four the priority, 0 to 9, and 1; or 0 for the usual one
 *  flags: which properties there are, drawn in properties.ts; mostly 0: none
 *
 *  header bytes, repeated: ┌────────┬──────┬─────────┬───────┐
 *                          │ n (u8) │ name │ v (u16) │ value │   n ≥ 1; UTF-8
 *                          └────────┴──────┴─────────┴───────┘
 * ```
 *
 * @module
 */

import { BrokerError } from "../error.ts";
import { HEADER_BYTES_MAX } from "../limits.ts";
import {
  checkProperties,
  PRIORITY_FLAG,
  PRIORITY_MAX,
  PRIORITY_UNIT,
  readEntryPriority,
} from "./properties.ts";
import { findTextMistake, isUtf8 } from "../utf8.ts";

/** What a body was before it became bytes. */
export const BodyKind = {
  /** A `Uint8Array`. */
  bytes: 0,
  /** A string. */
  text: 1,
  /** Any other JSON value. */
  json: 2,
} as const;

/** One of the numbers of {@linkcode BodyKind}. */
export type BodyKind = typeof BodyKind[keyof typeof BodyKind];

/** The bytes of an entry in front of its headers. */
export const ENTRY_HEAD_BYTES = 8;

/** Messages as bytes: `count` entries in `buffer` from `start` to `end`. */
export interface MessageBatch {
  /** How many entries there are. */
  readonly count: number;
  /** The buffer that holds them; it may be reused as soon as the call it is given to returns. */
  readonly buffer: Uint8Array;
  /** Where the first entry begins. */
  readonly start: number;
  /** Where the last entry ends. */
  readonly end: number;
}

/** Reads the size of the entry at `offset`; four bytes must be there. */
export function readEntrySize(buffer: Uint8Array, offset: number): number {
  return ((buffer[offset]! << 24) | (buffer[offset + 1]! << 16) | (buffer[offset + 2]! << 8) |
    buffer[offset + 3]!) >>> 0;
}

/** Reads the kind of the entry at `offset`. */
export function readEntryKind(buffer: Uint8Array, offset: number): number {
  return buffer[offset + 4]! & 0x0f;
}

/** Reads how many bytes the properties and headers of the entry at `offset` have together. */
export function readEntryHeaderBytes(buffer: Uint8Array, offset: number): number {
  return (buffer[offset + 6]! << 8) | buffer[offset + 7]!;
}

/** Writes the eight bytes in front of an entry's headers. */
export function writeEntryHead(
  buffer: Uint8Array,
  offset: number,
  head: {
    size: number;
    kind: BodyKind;
    headerBytes: number;
    flags?: number;
    priority?: number | undefined;
  },
): void {
  const { size, kind, headerBytes, flags = 0, priority } = head;
  buffer[offset] = size >>> 24;
  buffer[offset + 1] = size >>> 16;
  buffer[offset + 2] = size >>> 8;
  buffer[offset + 3] = size;
  buffer[offset + 4] = priority === undefined ? kind : kind | ((priority + 1) * PRIORITY_UNIT);
  buffer[offset + 5] = flags;
  buffer[offset + 6] = headerBytes >>> 8;
  buffer[offset + 7] = headerBytes;
}

/**
 * Checks that a batch is what it says: whole entries, `count` of them, each inside its limits.
 *
 * @param batch The batch, as it came from a client.
 * @param bodyBytesMax The limit of one body.
 * @returns Which properties its messages have: the flags of all of them together, and whether some
 * have another priority than the usual one.
 * @throws {BrokerError} With code `BAD_FRAME` if the bytes are not a batch, `MESSAGE_TOO_LARGE` or
 * `HEADERS_TOO_LARGE` if a message is over a limit.
 */
export function checkBatch(batch: MessageBatch, bodyBytesMax: number): number {
  const { buffer, end, count } = batch;
  let offset = batch.start;
  let allFlags = 0;
  for (let index = 0; index < count; index++) {
    if (end - offset < ENTRY_HEAD_BYTES) {
      throw badBatch(`message ${index} of ${count} begins behind the end of the batch`);
    }
    const size = readEntrySize(buffer, offset);
    const headerBytes = readEntryHeaderBytes(buffer, offset);
    if (size < ENTRY_HEAD_BYTES + headerBytes || size > end - offset) {
      throw badBatch(`message ${index} of ${count} says it has ${size} bytes`);
    }
    const kind = buffer[offset + 4]!;
    if (kind > BodyKind.json) {
      if (readEntryKind(buffer, offset) > BodyKind.json) {
        throw badBatch(`message ${index} of ${count} is of an unknown kind`);
      }
      if (readEntryPriority(buffer, offset) > PRIORITY_MAX) {
        throw badBatch(`message ${index} of ${count} has a priority above ${PRIORITY_MAX}`);
      }
      allFlags |= PRIORITY_FLAG;
    }
    const flags = buffer[offset + 5]!;
    allFlags |= flags;
    if (headerBytes > 0 || flags !== 0) {
      const propertyBytes = flags === 0 ? 0 : checkProperties(buffer, offset);
      checkHeaders(buffer, offset + ENTRY_HEAD_BYTES + propertyBytes, headerBytes - propertyBytes);
    }
    const bodyBytes = size - ENTRY_HEAD_BYTES - headerBytes;
    if (bodyBytes > bodyBytesMax) {
      throw new BrokerError(
        "MESSAGE_TOO_LARGE",
        `Cannot publish: body is ${bodyBytes} bytes, limit is ${bodyBytesMax}`,
      );
    }
    offset += size;
  }
  if (offset !== end) throw badBatch(`${end - offset} bytes are left behind message ${count}`);
  return allFlags;
}

/** Checks that header bytes are whole name and value pairs inside the limit. */
function checkHeaders(buffer: Uint8Array, start: number, headerBytes: number): void {
  if (headerBytes > HEADER_BYTES_MAX) {
    throw new BrokerError(
      "HEADERS_TOO_LARGE",
      `Cannot publish: headers are ${headerBytes} bytes, limit is ${HEADER_BYTES_MAX}`,
    );
  }
  const end = start + headerBytes;
  let offset = start;
  while (offset < end) {
    const nameBytes = buffer[offset]!;
    const valueAt = offset + 1 + nameBytes;
    if (nameBytes === 0 || valueAt + 2 > end) throw badBatch("a header is cut short");
    const next = valueAt + 2 + ((buffer[valueAt]! << 8) | buffer[valueAt + 1]!);
    if (next > end) throw badBatch("a header is cut short");
    if (!isUtf8(buffer, offset + 1, valueAt)) throw badBatch("a header's name is not UTF-8");
    if (!isUtf8(buffer, valueAt + 2, next)) throw badBatch("a header's value is not UTF-8");
    offset = next;
  }
}

/** The error for bytes that are not a batch. */
function badBatch(why: string): BrokerError {
  return new BrokerError("BAD_FRAME", `Cannot read a batch of messages: ${why}`);
}

const encoder = new TextEncoder();
/** Text is what was encoded: a byte order mark in front belongs to it. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Encodes headers.
 *
 * @param headers Names and values.
 * @param action What cannot be done if they are not allowed, for messages.
 * @returns Their bytes, in the layout of the module's drawing.
 * @throws {TypeError} If it is not a plain object of strings.
 * @throws {RangeError} If a name is empty or too long, or all together are over
 * {@linkcode HEADER_BYTES_MAX}.
 */
export function encodeHeaders(
  headers: Readonly<Record<string, string>>,
  action: string = "Cannot publish",
): Uint8Array {
  const isPlain = typeof headers === "object" && headers !== null &&
    [Object.prototype, null].includes(Object.getPrototypeOf(headers));
  if (!isPlain) throw new TypeError(`${action}: headers are a plain object of strings`);
  const pairs = Object.entries(headers).map(([name, value]) => encodeHeader(name, value, action));
  const length = pairs.reduce((sum, { length }) => sum + length, 0);
  if (length > HEADER_BYTES_MAX) {
    throw new RangeError(
      `${action}: headers are ${length} bytes, limit is ${HEADER_BYTES_MAX}`,
    );
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const pair of pairs) {
    bytes.set(pair, offset);
    offset += pair.length;
  }
  return bytes;
}

/** Encodes one header. Values that are too long for their length field are over the limit anyway. */
function encodeHeader(name: string, value: unknown, action: string): Uint8Array {
  if (typeof value !== "string") {
    throw new TypeError(`${action}: the value of header "${name}" is not a string`);
  }
  const fault = findTextMistake(name) ?? findTextMistake(value);
  if (fault !== undefined) {
    const what = name.isWellFormed() ? `the value of header "${name}"` : "the name of a header";
    throw new RangeError(`${action}: ${what} ${fault}`);
  }
  const nameBytes = encoder.encode(name);
  const valueBytes = encoder.encode(value);
  if (nameBytes.length === 0 || nameBytes.length > 255) {
    throw new RangeError(
      `${action}: the name of a header has 1 to 255 bytes, found ${nameBytes.length}`,
    );
  }
  const bytes = new Uint8Array(3 + nameBytes.length + valueBytes.length);
  bytes[0] = nameBytes.length;
  bytes.set(nameBytes, 1);
  bytes[1 + nameBytes.length] = valueBytes.length >>> 8;
  bytes[2 + nameBytes.length] = valueBytes.length;
  bytes.set(valueBytes, 3 + nameBytes.length);
  return bytes;
}

/**
 * Decodes headers that {@linkcode checkBatch} has let pass.
 *
 * @param bytes The header bytes of one entry.
 * @returns Names and values.
 */
export function decodeHeaders(bytes: Uint8Array): Record<string, string> {
  const pairs: [string, string][] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const valueAt = offset + 1 + bytes[offset]!;
    const end = valueAt + 2 + ((bytes[valueAt]! << 8) | bytes[valueAt + 1]!);
    const name = decoder.decode(bytes.subarray(offset + 1, valueAt));
    pairs.push([name, decoder.decode(bytes.subarray(valueAt + 2, end))]);
    offset = end;
  }
  // Own properties, whatever their name: "__proto__" is a header like any other.
  return Object.fromEntries(pairs);
}
