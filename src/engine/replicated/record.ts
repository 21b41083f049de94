/**
 * The records of a log that several brokers share. A record is one message of the log: a head, and
 * bytes. Numbers are big-endian; those of 8 bytes are IEEE doubles that hold whole numbers below 2^53.
 *
 * ```text
 * 0       4         8      12      16      24       32         40        48         56       60     64
 * ┌───────┬─────────┬──────┬───────┬───────┬────────┬──────────┬─────────┬──────────┬────────┬──────┬───────
 * │ magic │ version │ type │ epoch │ owner │ number │ position │ journal │ prev crc │ length │ crc  │ bytes …
 * └───────┴─────────┴──────┴───────┴───────┴────────┴──────────┴─────────┴──────────┴────────┴──────┴───────
 *
 * type      1 epoch      a broker takes over; its bytes are JSON: see EpochFields
 *           2 bytes      bytes of the journal at `position`
 *           3 heartbeat  the active broker lives; JSON { at }: the time of its rules
 *           4 trim       what is before a place is not wanted any more; JSON: see TrimFields
 *           5 release    the active broker lets go: another one takes over at once
 *           6 seal       reserved
 *           7 segment    as 2; they begin a segment of the journal
 *           8 filler     never counts: in the place of such a record, where a log is repaired
 * epoch     counts the takeovers: 1, 2, 3 …
 * owner     the turn of the process that took over: a random number
 * number    1, 2, 3 … within the epoch; 0 is the epoch record
 * position  where the bytes belong; of other records, where the next bytes will
 * prev crc  the crc of the record that counted before, 4 bytes behind 4 zeros: a chain over all
 * length    how many bytes there are
 * crc       CRC-32 of bytes 0 to 60 and of the bytes, seeded as in the journal: by journal and position
 * ```
 *
 * The crc covers the whole head: whose a record is, is as sure as what it says. Which records count:
 * see `chain.ts`. Of later versions only the first eight bytes stay where they are.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { checksum } from "../journal/segments/format.ts";

/**
 * The version of the records that this broker writes; it reads earlier ones, and follows no log with later
 * ones. It is raised with the journal's format, so that a broker that does not know what is in the bytes
 * stops at the first record, and says so. Version 2: segments of version 5.
 */
export const RECORD_VERSION = 2;

export const RECORD_HEAD_BYTES = 64;

/** The most bytes behind the head: NATS takes messages up to 1 MiB. */
export const RECORD_BODY_BYTES_MAX: number = 900 * 1024;

/** "SMQR" */
const RECORD_MAGIC = 0x534d5152;

const LENGTH_OFFSET = 56;
const CRC_OFFSET = 60;

/** The types of records, by what they are for. */
export const RECORD_TYPES = {
  epoch: 1,
  bytes: 2,
  heartbeat: 3,
  trim: 4,
  release: 5,
  seal: 6,
  segment: 7,
  filler: 8,
} as const;

export interface RecordHead {
  /** One of {@linkcode RECORD_TYPES}, or one that this version does not know. */
  readonly type: number;
  readonly epoch: number;
  readonly owner: number;
  readonly number: number;
  readonly position: number;
  readonly journalId: number;
  readonly previousCrc: number;
  readonly length: number;
  readonly crc: number;
}

/** What an epoch record says, beside its head. */
export interface EpochFields {
  /** The identity of the log, made with its first epoch record. */
  readonly log: string;
  /** The broker that takes over, and its address for clients. */
  readonly id: string;
  readonly address: string;
  /** The broker's version, and the version of records that it writes. */
  readonly version: string;
  readonly recordVersion: number;
  readonly leaseMs: number;
  /** The time of its rules. */
  readonly at: number;
  /** Where it goes on: what is behind it was not finished by the owner before, and does not count. */
  readonly position: number;
  /** A journal is put into the log: nobody takes over before that is complete, which a release record says. */
  readonly isImport?: boolean;
}

/** What a trim record says. */
export interface TrimFields {
  /** Segments of the journal before this position are not wanted any more, nor are records before the sequence. */
  readonly position: number;
  readonly sequence: number;
  /**
   * The identity of the log. The epoch record that has it may be gone after the trim; this record is not, since
   * it comes behind all that it names.
   */
  readonly log: string;
}

/** Why bytes are no record that can be used. */
export type RecordFault =
  /** Nobody of the cluster wrote them. */
  | "no record"
  | "cut short"
  | "a record of a later version"
  | "a record whose length does not fit"
  | "a damaged head";

/**
 * Completes a record in place: writes its head before its bytes.
 *
 * @param bytes Room for the head, and the bytes behind it.
 */
export function writeRecord(
  bytes: Uint8Array,
  fields: Omit<RecordHead, "length" | "crc">,
): RecordHead {
  const length = bytes.length - RECORD_HEAD_BYTES;
  if (length < 0 || length > RECORD_BODY_BYTES_MAX) {
    throw new RangeError(
      `Cannot write a record of ${length} bytes: its head has ${RECORD_HEAD_BYTES} bytes of their own; ` +
        `0 to ${RECORD_BODY_BYTES_MAX} bytes behind it are allowed`,
    );
  }
  const view = viewOf(bytes);
  view.setUint32(0, RECORD_MAGIC);
  view.setUint32(4, RECORD_VERSION);
  view.setUint32(8, fields.type);
  view.setUint32(12, fields.epoch);
  view.setFloat64(16, fields.owner);
  view.setFloat64(24, fields.number);
  view.setFloat64(32, fields.position);
  view.setFloat64(40, fields.journalId);
  view.setUint32(48, 0);
  view.setUint32(52, fields.previousCrc);
  view.setUint32(LENGTH_OFFSET, length);
  const crc = recordChecksum(bytes, fields);
  view.setUint32(CRC_OFFSET, crc);
  return { ...fields, length, crc };
}

/**
 * Reads a record's head; returns the fault if it cannot be used. What it says is sure only when
 * {@linkcode isIntact} says so.
 */
export function readRecordHead(bytes: Uint8Array): RecordHead | RecordFault {
  const view = viewOf(bytes);
  if (bytes.length < 8) return "no record";
  if (view.getUint32(0) !== RECORD_MAGIC) return "no record";
  if (view.getUint32(4) > RECORD_VERSION) return "a record of a later version";
  if (bytes.length < RECORD_HEAD_BYTES) return "cut short";
  const length = view.getUint32(LENGTH_OFFSET);
  if (length !== bytes.length - RECORD_HEAD_BYTES || length > RECORD_BODY_BYTES_MAX) {
    return "a record whose length does not fit";
  }
  const head: RecordHead = {
    type: view.getUint32(8),
    epoch: view.getUint32(12),
    owner: view.getFloat64(16),
    number: view.getFloat64(24),
    position: view.getFloat64(32),
    journalId: view.getFloat64(40),
    previousCrc: view.getUint32(52),
    length,
    crc: view.getUint32(CRC_OFFSET),
  };
  const isPlain = view.getUint32(4) > 0 && view.getUint32(48) === 0 &&
    isCount(head.owner) && isCount(head.number) && isCount(head.position) &&
    isCount(head.journalId);
  return isPlain ? head : "a damaged head";
}

/** Whether a record is as it was written. */
export function isIntact(bytes: Uint8Array, head: RecordHead): boolean {
  return recordChecksum(bytes, head) === head.crc;
}

function recordChecksum(
  bytes: Uint8Array,
  { position, journalId }: Pick<RecordHead, "position" | "journalId">,
): number {
  const head = checksum(bytes.subarray(0, CRC_OFFSET), position, journalId);
  return bytes.length === RECORD_HEAD_BYTES ? head : crc32(bytes.subarray(RECORD_HEAD_BYTES), head);
}

/** A number that these records hold: whole, and not below 0; -0 is none. */
function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
