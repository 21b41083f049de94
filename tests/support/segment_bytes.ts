/**
 * The bytes of a segment, made by hand, and a file that has them.
 *
 * @module
 */

import type { Event } from "../../src/broker/event.ts";
import type { DiskFile } from "../../src/engine/journal/disk.ts";
import {
  encodeSegmentHead,
  RecordType,
  SEGMENT_HEAD_BYTES,
  type SegmentHead,
} from "../../src/engine/journal/format.ts";
import { Group } from "../../src/engine/journal/group.ts";
import {
  type Fault,
  type ScannedGroup,
  type ScannedRecord,
  scanSegment,
} from "../../src/engine/journal/scan.ts";
import { batchOf, textsOf } from "./batches.ts";

/** The head of the segments that are made here. */
export const HEAD: SegmentHead = { base: 5 * 2 ** 32 + 77, journalId: 0xfeed };

/** A file of given bytes that can be read, and changed by hand. */
export function fileOf(bytes: Uint8Array): DiskFile {
  return {
    measure: () => bytes.length,
    read(buffer, position) {
      const piece = bytes.subarray(position, position + buffer.length);
      buffer.set(piece);
      return piece.length;
    },
    write() {
      throw new Error("nobody writes to it");
    },
    sync: () => Promise.resolve(),
    truncate() {},
    close() {},
  };
}

/** Messages that were stored in one stream. */
export function published(
  number: number,
  firstId: number,
  ...bodies: readonly (string | number)[]
): Event {
  const batch = batchOf(...bodies);
  const storedIn = [{ stream: "", number, firstId }];
  return { type: "published", publisher: 1, sequence: firstId, storedIn, batch };
}

/** A segment that grows by whole groups. */
export class SegmentBytes {
  #bytes: Uint8Array;
  /** Where each group begins. */
  readonly offsets: number[] = [];
  readonly #head: SegmentHead;

  constructor(head: SegmentHead = HEAD) {
    this.#head = head;
    this.#bytes = encodeSegmentHead(head);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Adds a group; everything up to `durable`, an offset, was flushed before. */
  add(events: readonly Event[], durable = 0): this {
    const group = new Group();
    for (const event of events) group.addEvent(event);
    return this.#append(group, durable);
  }

  /** Adds a group that holds a checkpoint. */
  addCheckpoint(): this {
    const group = new Group();
    group.addJson(RecordType.checkpoint, { streams: [], publishers: [] });
    return this.#append(group, 0);
  }

  #append(group: Group, durable: number): this {
    const offset = this.#bytes.length;
    const { base, journalId } = this.#head;
    group.seal({ position: base + offset, journalId }, base + durable);
    const bytes = new Uint8Array(offset + group.bytes.length);
    bytes.set(this.#bytes);
    bytes.set(group.bytes, offset);
    this.#bytes = bytes;
    this.offsets.push(offset);
    return this;
  }
}

/** What a scan tells, in words. */
export interface Scanned {
  readonly groups: readonly ScannedGroup[];
  /** Records as `type:texts`, with `!` if they are damaged. */
  readonly records: readonly string[];
  readonly faults: readonly Fault[];
}

/** Scans bytes. */
export function scan(
  bytes: Uint8Array,
  { head = HEAD, start = SEGMENT_HEAD_BYTES, end = bytes.length }: {
    head?: SegmentHead;
    start?: number;
    end?: number;
  } = {},
): Scanned {
  const groups: ScannedGroup[] = [];
  const records: string[] = [];
  const faults: Fault[] = [];
  scanSegment({ file: fileOf(bytes), head, start, end }, {
    group: (group) => void groups.push(group),
    record: (record) => void records.push(describe(record)),
    fault: (fault) => void faults.push(fault),
  });
  return { groups, records, faults };
}

function describe(record: ScannedRecord): string {
  const { type, meta, buffer, start, end, isIntact } = record;
  if (!isIntact) return `${type}!`;
  const isMessages = type === RecordType.published || type === RecordType.moved;
  if (!isMessages) return `${type}`;
  const texts = textsOf({ count: meta.getUint32(4), buffer, start, end });
  return `${type}:${texts.map((text) => text.length > 20 ? text.length : text).join()}`;
}
