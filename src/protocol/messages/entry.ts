// The head of an entry, as drawn in the specification in protocol.ts: size, kind, priority, flags and the
// length of the parts before the body.

import { writeU16, writeU32 } from "../bytes.ts";

/** The bytes of an entry in front of its properties. */
export const ENTRY_HEAD_BYTES = 8;

/** The offset of the byte with kind and priority. */
export const KIND_AT = 4;
const FLAGS_AT = 5;
const HEADER_BYTES_AT = 6;

/** The kind of a body before it became bytes. */
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

/** The highest priority; the lowest is 0. */
export const PRIORITY_MAX = 9;

/** The priority of messages that do not state one. */
export const PRIORITY_DEFAULT = 4;

/**
 * The kind takes the lower three bits of its byte. The next bit says that there are properties beyond
 * those of the flags; the upper four hold the priority plus 1, or 0.
 */
const PRIORITY_UNIT = 0x10;
const KIND_MASK = 0x07;
const MORE_BIT = 0x08;

/** From here on the byte of kind and priority has a priority that is too high. */
const BARE_END = (PRIORITY_MAX + 2) * PRIORITY_UNIT;

/** The flag of an entry with further properties. It is not in the byte of the flags. */
export const MORE_FLAG = 0x400;

// The next three do not call readU32 and readU16: checkBatch would take half as long again.

/** Reads the size of the entry at `offset`; four bytes must be there. */
export function readEntrySize(buffer: Uint8Array, offset: number): number {
  return ((buffer[offset]! << 24) | (buffer[offset + 1]! << 16) | (buffer[offset + 2]! << 8) |
    buffer[offset + 3]!) >>> 0;
}

/** Reads the size of the properties and headers of an entry together. */
export function readEntryHeaderBytes(buffer: Uint8Array, offset: number): number {
  return (buffer[offset + HEADER_BYTES_AT]! << 8) | buffer[offset + HEADER_BYTES_AT + 1]!;
}

/** Whether an entry has only a body of a known kind, and perhaps a priority: eight bytes must be there. */
export function isBareEntry(buffer: Uint8Array, offset: number): boolean {
  const kind = buffer[offset + KIND_AT]!;
  return (kind & (KIND_MASK | MORE_BIT)) <= BodyKind.json && kind < BARE_END &&
    (buffer[offset + FLAGS_AT]! | buffer[offset + HEADER_BYTES_AT]! |
        buffer[offset + HEADER_BYTES_AT + 1]!) === 0;
}

export function readEntryKind(buffer: Uint8Array, offset: number): number {
  return buffer[offset + KIND_AT]! & KIND_MASK;
}

/** Whether an entry states its priority. */
export function hasEntryPriority(buffer: Uint8Array, offset: number): boolean {
  return buffer[offset + KIND_AT]! >= PRIORITY_UNIT;
}

export function readEntryPriority(buffer: Uint8Array, offset: number): number {
  const upper = buffer[offset + KIND_AT]! >>> 4;
  return upper === 0 ? PRIORITY_DEFAULT : upper - 1;
}

/** Reads which properties an entry has, {@linkcode MORE_FLAG} among them. */
export function readEntryFlags(buffer: Uint8Array, offset: number): number {
  const more = buffer[offset + KIND_AT]! & MORE_BIT;
  return buffer[offset + FLAGS_AT]! | (more === 0 ? 0 : MORE_FLAG);
}

export function writeEntryFlags(buffer: Uint8Array, offset: number, flags: number): void {
  buffer[offset + FLAGS_AT] = flags;
  const kind = buffer[offset + KIND_AT]!;
  buffer[offset + KIND_AT] = flags & MORE_FLAG ? kind | MORE_BIT : kind & ~MORE_BIT;
}

export function writeEntryHeaderBytes(buffer: Uint8Array, offset: number, bytes: number): void {
  writeU16(buffer, offset + HEADER_BYTES_AT, bytes);
}

/** Writes the eight bytes in front of an entry's properties. */
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
  writeU32(buffer, offset, size);
  buffer[offset + KIND_AT] = priority === undefined
    ? kind
    : kind | ((priority + 1) * PRIORITY_UNIT);
  writeEntryFlags(buffer, offset, flags);
  writeEntryHeaderBytes(buffer, offset, headerBytes);
}
