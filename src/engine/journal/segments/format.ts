/**
 * The journal's format on the disk: segments of groups of records.
 *
 * The journal is one line of bytes, cut into *segments*. A byte keeps its *position* in that line for
 * ever; a segment's file is named after the position that it begins at, in 16 hexadecimal digits. All
 * numbers are big-endian; positions and ids are IEEE doubles that hold whole numbers below 2^53.
 *
 * ```text
 *  segment    ┌──────────────┬───────┬───────┬─────
 *             │ head, 40     │ group │ group │ …       the first groups hold the checkpoint
 *             └──────────────┴───────┴───────┴─────
 *  0        8         12      16        24           32        36      40
 *  ┌────────┬─────────┬───────┬─────────┬────────────┬─────────┬───────┐
 *  │ magic  │ version │ 0     │ position│ journal id │ 0       │ crc   │   crc of bytes 0 to 36
 *  └────────┴─────────┴───────┴─────────┴────────────┴─────────┴───────┘
 *
 *  group      what was written together; flushed together, or not at all
 *  0       4        8         12      16         24      28      32
 *  ┌───────┬────────┬─────────┬───────┬──────────┬───────┬───────┬────────┬────────┬───
 *  │ magic │ length │ records │ 0     │ durable  │ 0     │ crc   │ record │ record │ …
 *  └───────┴────────┴─────────┴───────┴──────────┴───────┴───────┴────────┴────────┴───
 *  length: the bytes of its records; crc: of bytes 0 to 28
 *  durable: everything before this position had been flushed when the group was written
 *
 *  record
 *  0      1     4       8        12         16        20        20+m          20+m+b
 *  ┌──────┬─────┬───────┬────────┬──────────┬─────────┬─────────┬─────────────┐
 *  │ type │ 0   │ meta  │ body   │ body crc │ crc     │ m bytes │ b bytes     │
 *  │ u8   │     │ m, u32│ b, u32 │          │         │ meta    │ body        │
 *  └──────┴─────┴───────┴────────┴──────────┴─────────┴─────────┴─────────────┘
 *  crc: of bytes 0 to 16 and of the meta; so a damaged body can still be told whose it is
 *
 *  types, metas and bodies: see src/broker/events/record.ts
 * ```
 *
 * A checkpoint is at the beginning of a segment. It is cut into pieces, so that its size is not limited,
 * and appears as a whole with its segment.
 *
 * Every crc is CRC-32 as in zlib, seeded with the journal's id and the position of the checked bytes: an
 * intact record in the wrong place is refused. The seed replaces the usual initial value, so that no run
 * of zeros is a record.
 *
 * @module
 */

import { sumUp } from "./crc.ts";

/**
 * The version of this format; a broker refuses a journal of a later one. Version 2 has times and
 * properties of messages, version 3 their priorities and keys, version 4 checkpoints in pieces,
 * and of a failure only the reasons that are new, version 5 lanes, limits, schedules and breakers, and
 * notes of what is done together with storing a batch.
 */
export const FORMAT_VERSION = 5;

/** The first bytes of a segment: "SMQJRNL" and an end of line. */
const SEGMENT_MAGIC: Uint8Array = new TextEncoder().encode("SMQJRNL\n");

/** The size of a segment's head. */
export const SEGMENT_HEAD_BYTES = 40;

/** Where the journal's id is in it. */
export const JOURNAL_ID_OFFSET = 24;

/** The first four bytes of a group: "SMQG". */
export const GROUP_MAGIC = 0x534d5147;

/** The size of a group's head. */
export const GROUP_HEAD_BYTES = 32;

/** The size of a record's head. */
export const RECORD_HEAD_BYTES = 20;

/**
 * A checksum of bytes at a position of a journal.
 *
 * @param position Their position, or that of the record or group that they belong to.
 * @param start Where they begin, and where they end.
 */
export function checksum(
  bytes: Uint8Array,
  position: number,
  journalId: number,
  start: number = 0,
  end: number = bytes.length,
): number {
  const high = Math.floor(position / 2 ** 32);
  // Two odd constants, so that neighbouring positions and ids are far apart.
  const seed = Math.imul(position, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b) ^ journalId;
  return sumUp(bytes, start, end, seed >>> 0);
}

export interface SegmentHead {
  readonly base: number;
  readonly journalId: number;
}

export function encodeSegmentHead({ base, journalId }: SegmentHead): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(SEGMENT_MAGIC);
  view.setUint32(8, FORMAT_VERSION);
  view.setFloat64(16, base);
  view.setFloat64(JOURNAL_ID_OFFSET, journalId);
  view.setUint32(36, checksum(bytes.subarray(0, 36), base, journalId));
  return bytes;
}

/** A fault of a segment's head, in words for a person. */
export type HeadFault = "cut short" | "no segment of a journal" | "a later version" | "damaged";

/** Reads a segment's head; returns the fault if it cannot be used. */
export function decodeSegmentHead(bytes: Uint8Array): SegmentHead | HeadFault {
  if (bytes.length < SEGMENT_HEAD_BYTES) return "cut short";
  if (SEGMENT_MAGIC.some((byte, index) => bytes[index] !== byte)) return "no segment of a journal";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const base = view.getFloat64(16);
  const journalId = view.getFloat64(JOURNAL_ID_OFFSET);
  const crc = checksum(bytes.subarray(0, 36), base, journalId);
  const isIntact = crc === view.getUint32(36);
  // A later version may have another head: only its first twelve bytes stay where they are.
  if (view.getUint32(8) > FORMAT_VERSION) return "a later version";
  return isIntact ? { base, journalId } : "damaged";
}

export interface GroupHead {
  /** The bytes of its records. */
  readonly length: number;
  readonly count: number;
  /** Everything before this position had been flushed when it was written. */
  readonly durable: number;
}

export interface Spot {
  readonly position: number;
  readonly journalId: number;
}

/** Writes a group's head to the beginning of a view of at least its size. */
export function writeGroupHead(view: DataView, head: GroupHead, spot: Spot): void {
  view.setUint32(0, GROUP_MAGIC);
  view.setUint32(4, head.length);
  view.setUint32(8, head.count);
  view.setUint32(12, 0);
  view.setFloat64(16, head.durable);
  view.setUint32(24, 0);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, 28);
  view.setUint32(28, checksum(bytes, spot.position, spot.journalId));
}

/** Reads a group's head, if there is an intact one. */
export function readGroupHead(view: DataView, offset: number, spot: Spot): GroupHead | undefined {
  if (view.byteLength - offset < GROUP_HEAD_BYTES) return undefined;
  if (view.getUint32(offset) !== GROUP_MAGIC) return undefined;
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, 28);
  if (checksum(bytes, spot.position, spot.journalId) !== view.getUint32(offset + 28)) {
    return undefined;
  }
  return {
    length: view.getUint32(offset + 4),
    count: view.getUint32(offset + 8),
    durable: view.getFloat64(offset + 16),
  };
}

/**
 * Writes the two checksums of an otherwise complete record; returns where the next one begins.
 *
 * @param apart The body, if it is not behind the meta.
 */
export function sealRecord(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  spot: Spot,
  apart?: Uint8Array,
): number {
  const { position, journalId } = spot;
  const metaEnd = offset + RECORD_HEAD_BYTES + view.getUint32(offset + 4);
  const end = apart === undefined ? metaEnd + view.getUint32(offset + 8) : metaEnd;
  const crc = apart === undefined
    ? checksum(bytes, position, journalId, metaEnd, end)
    : checksum(apart, position, journalId);
  view.setUint32(offset + 12, crc);
  view.setUint32(offset + 16, headChecksum(bytes, offset, metaEnd, spot));
  return end;
}

export function headChecksum(
  bytes: Uint8Array,
  offset: number,
  metaEnd: number,
  { position, journalId }: Spot,
): number {
  const head = checksum(bytes, position, journalId, offset, offset + 16);
  return sumUp(bytes, offset + RECORD_HEAD_BYTES, metaEnd, head);
}
