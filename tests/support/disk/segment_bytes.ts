/**
 * The bytes of a segment, made by hand, and a file that has them.
 *
 * @module
 */

import type { Event, Published } from "../../../src/broker/event.ts";
import type { SnapshotPiece } from "../../../src/broker/state/snapshot.ts";
import type { CheckpointV3 } from "../../../src/engine/journal/recovery/checkpoint_v3.ts";
import type { DiskFile } from "../../../src/engine/journal/disk/disk.ts";
import { RecordType } from "../../../src/broker/events/record.ts";
import {
  checksum,
  encodeSegmentHead,
  FORMAT_VERSION,
  GROUP_HEAD_BYTES,
  RECORD_HEAD_BYTES,
  sealRecord,
  SEGMENT_HEAD_BYTES,
  type SegmentHead,
  writeGroupHead,
} from "../../../src/engine/journal/segments/format.ts";
import { Group } from "../../../src/engine/journal/segments/group.ts";
import {
  type Fault,
  type ScannedGroup,
  type ScannedRecord,
  scanSegment,
} from "../../../src/engine/journal/segments/scan.ts";
import { joinBytes } from "../../../src/protocol/bytes.ts";
import { batchOf, textsOf } from "../wire/batches.ts";

/** The head of the segments that are made here. */
export const HEAD: SegmentHead = { base: 5 * 2 ** 32 + 77, journalId: 0xfeed };

/** A file of given bytes that can be read, and changed by hand. */
export function fileOf(bytes: Uint8Array): DiskFile {
  const read = (buffer: Uint8Array, position: number) => {
    const piece = bytes.subarray(position, position + buffer.length);
    buffer.set(piece);
    return piece.length;
  };
  return {
    measure: () => bytes.length,
    read,
    readLater: (buffer, position) => Promise.resolve(read(buffer, position)),
    write() {
      throw new Error("nobody writes to it");
    },
    sync: () => Promise.resolve(),
    truncate() {},
    isAt: () => true,
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
  return { type: "published", publisher: 1, sequence: firstId, storedIn, storedAt: 1000, batch };
}

/** What version 1 has in front of the streams of a published record, and of each of them. */
const V1_BYTES = 16;

/** What version 1 of the format knows of messages that were stored. */
export type PublishedV1 = Pick<Published, "publisher" | "sequence" | "storedIn" | "batch">;

/** A segment that grows by whole groups. */
export class SegmentBytes {
  #bytes: Uint8Array;
  /** Where each group begins. */
  readonly offsets: number[] = [];
  readonly #head: SegmentHead;

  constructor(head: SegmentHead = HEAD, version: number = FORMAT_VERSION) {
    this.#head = head;
    this.#bytes = encodeSegmentHead(head);
    setVersion(this.#bytes, head, version);
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

  /** Adds a group that holds a checkpoint of one text, as versions 1 to 3 of the format have it. */
  addCheckpointV3(checkpoint: Partial<CheckpointV3> = {}): this {
    const group = new Group();
    group.addJson(RecordType.checkpoint, { streams: [], publishers: [], ...checkpoint });
    return this.#append(group, 0);
  }

  /** Adds a group with a record that has some text where there should be JSON. */
  addText(type: number, text: string): this {
    const group = new Group();
    group.addJson(type, "x".repeat(text.length - 2));
    const at = GROUP_HEAD_BYTES + RECORD_HEAD_BYTES;
    group.pieces[0]!.set(new TextEncoder().encode(text), at);
    return this.#append(group, 0);
  }

  /** Adds a group with pieces of a checkpoint. */
  addPieces(pieces: readonly SnapshotPiece[]): this {
    const group = new Group();
    for (const piece of pieces) group.addPiece(piece);
    return this.#append(group, 0);
  }

  /** Adds a checkpoint; each list of pieces is a group, the last one says that it is complete. */
  addCheckpoint(
    groups: readonly (readonly SnapshotPiece[])[] = [[]],
    count: number = groups.flat().length,
  ): this {
    groups.forEach((pieces, index) => {
      const group = new Group();
      for (const piece of pieces) group.addPiece(piece);
      if (index === groups.length - 1) group.addComplete(count);
      this.#append(group, 0);
    });
    return this;
  }

  /** Adds a group with one record of messages as version 1 of the format has it. */
  addPublishedV1({ publisher, sequence, storedIn, batch }: PublishedV1): this {
    const { base, journalId } = this.#head;
    const position = base + this.#bytes.length;
    const metaBytes = V1_BYTES + storedIn.length * V1_BYTES;
    const recordBytes = RECORD_HEAD_BYTES + metaBytes + batch.end - batch.start;
    const bytes = new Uint8Array(GROUP_HEAD_BYTES + recordBytes);
    const view = new DataView(bytes.buffer);
    view.setUint8(GROUP_HEAD_BYTES, RecordType.publishedV1);
    view.setUint32(GROUP_HEAD_BYTES + 4, metaBytes);
    view.setUint32(GROUP_HEAD_BYTES + 8, batch.end - batch.start);
    let offset = GROUP_HEAD_BYTES + RECORD_HEAD_BYTES;
    view.setUint32(offset, publisher);
    view.setUint32(offset + 4, batch.count);
    view.setFloat64(offset + 8, sequence);
    offset += V1_BYTES;
    for (const { number, firstId } of storedIn) {
      view.setUint32(offset, number);
      view.setFloat64(offset + 8, firstId);
      offset += V1_BYTES;
    }
    bytes.set(batch.buffer.subarray(batch.start, batch.end), offset);
    const spot = { position: position + GROUP_HEAD_BYTES, journalId };
    sealRecord(bytes, view, GROUP_HEAD_BYTES, spot);
    const head = { length: recordBytes, count: 1, durable: 0 };
    writeGroupHead(view, head, { position, journalId });
    return this.#add(bytes);
  }

  #append(group: Group, durable: number): this {
    const offset = this.#bytes.length;
    const { base, journalId } = this.#head;
    group.seal({ position: base + offset, journalId }, base + durable);
    return this.#add(joinBytes(group.pieces));
  }

  #add(group: Uint8Array): this {
    const offset = this.#bytes.length;
    const bytes = new Uint8Array(offset + group.length);
    bytes.set(this.#bytes);
    bytes.set(group, offset);
    this.#bytes = bytes;
    this.offsets.push(offset);
    return this;
  }
}

/** Gives a segment's head another version. */
function setVersion(bytes: Uint8Array, { base, journalId }: SegmentHead, version: number): void {
  const view = new DataView(bytes.buffer);
  view.setUint32(8, version);
  view.setUint32(36, checksum(bytes.subarray(0, 36), base, journalId));
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

/** Where in the meta of a record it is told how many messages it has. */
const COUNTS_AT: ReadonlyMap<number, number> = new Map([
  [RecordType.publishedV1, 4],
  [RecordType.published, 4],
  [RecordType.publishedV3, 4],
  [RecordType.moved, 4],
  [RecordType.transferred, 8],
]);

function describe(record: ScannedRecord): string {
  const { type, meta, buffer, start, end, isIntact } = record;
  if (!isIntact) return `${type}!`;
  const countAt = COUNTS_AT.get(type);
  if (countAt === undefined) return `${type}`;
  const texts = textsOf({ count: meta.getUint32(countAt), buffer, start, end });
  return `${type}:${texts.map((text) => text.length > 20 ? text.length : text).join()}`;
}
