import type { MessageBatch, StoredRun } from "../../../protocol.ts";
import type { Place } from "../backlog/pager.ts";
import { StoredTimes } from "../backlog/stored_times.ts";
import type { Moved, Published, PublishedNotes, Stored, StoredAt, Transferred } from "../event.ts";
import {
  type EncodedRecord,
  encodeJson,
  readJson,
  RecordType,
  UnreadableRecordError,
} from "./record.ts";

/** The bytes of a published record's meta before its streams, and of each stream. */
interface PublishedSizes {
  readonly head: number;
  readonly stream: number;
}

const PUBLISHED_SIZES: PublishedSizes = { head: 32, stream: 24 };

/** Of one with notes, which tells how many streams come before them. */
const NOTED_SIZES: PublishedSizes = { head: 40, stream: 24 };

/** By type, those of earlier versions among them. */
const PUBLISHED: ReadonlyMap<number, PublishedSizes> = new Map([
  [RecordType.published, PUBLISHED_SIZES],
  [RecordType.noted, NOTED_SIZES],
  [RecordType.publishedV3, { head: 24, stream: 24 }],
  [RecordType.publishedV1, { head: 16, stream: 16 }],
]);

const TRANSFERRED_META_BYTES = 48;
const MOVED_META_BYTES = 16;

export function typeOfMessages(event: Stored | Moved): number {
  if (event.type === "published" && event.notes !== undefined) return RecordType.noted;
  return RecordType[event.type];
}

export function measureMeta(event: Stored | Moved): number {
  if (event.type === "transferred") return TRANSFERRED_META_BYTES;
  if (event.type === "moved") {
    const { storedAt } = event;
    return MOVED_META_BYTES + (storedAt === undefined ? 0 : StoredTimes.of(storedAt).writtenBytes);
  }
  const { storedIn, notes } = event;
  const { head, stream } = notes === undefined ? PUBLISHED_SIZES : NOTED_SIZES;
  return head + storedIn.length * stream + (notes === undefined ? 0 : encodeJson(notes).length);
}

export function writeMeta(view: DataView, offset: number, event: Stored | Moved): void {
  if (event.type === "published") writePublished(view, offset, event);
  else if (event.type === "transferred") writeTransferred(view, offset, event);
  else {
    view.setUint32(offset, event.number);
    view.setUint32(offset + 4, event.batch.count);
    view.setFloat64(offset + 8, event.firstId);
    if (event.storedAt === undefined) return;
    StoredTimes.of(event.storedAt).write(view, offset + MOVED_META_BYTES);
  }
}

function writePublished(view: DataView, start: number, event: Published): void {
  const { publisher, sequence, settled = 0, storedIn, storedAt, batch, notes } = event;
  let offset = start;
  view.setUint32(offset, publisher);
  view.setUint32(offset + 4, batch.count);
  view.setFloat64(offset + 8, sequence);
  view.setFloat64(offset + 16, storedAt);
  view.setFloat64(offset + 24, settled);
  offset += PUBLISHED_SIZES.head;
  if (notes !== undefined) {
    view.setUint32(offset, storedIn.length);
    view.setUint32(offset + 4, 0);
    offset = start + NOTED_SIZES.head;
  }
  for (const { number, firstId, expiresAt = 0 } of storedIn) {
    view.setUint32(offset, number);
    view.setUint32(offset + 4, 0);
    view.setFloat64(offset + 8, firstId);
    view.setFloat64(offset + 16, expiresAt);
    offset += PUBLISHED_SIZES.stream;
  }
  if (notes === undefined) return;
  const text = encodeJson(notes);
  new Uint8Array(view.buffer, view.byteOffset + offset, text.length).set(text);
}

function writeTransferred(view: DataView, offset: number, event: Transferred): void {
  const { from, fromId, to, firstId, storedAt, expiresAt = 0, batch } = event;
  view.setUint32(offset, from);
  view.setUint32(offset + 4, to);
  view.setUint32(offset + 8, batch.count);
  view.setUint32(offset + 12, 0);
  view.setFloat64(offset + 16, firstId);
  view.setFloat64(offset + 24, fromId);
  view.setFloat64(offset + 32, storedAt);
  view.setFloat64(offset + 40, expiresAt);
}

function batchOf({ buffer, start, end }: EncodedRecord, count: number): MessageBatch {
  return { count, buffer, start, end };
}

/** Reads stored messages; the names of streams are not written. */
export function readPublished(record: EncodedRecord, place?: Place): Published {
  const { meta } = record;
  const type = record.type % RecordType.void;
  const sizes = PUBLISHED.get(type)!;
  const isTimed = type !== RecordType.publishedV1;
  const isNoted = type === RecordType.noted;
  const streamsEnd = isNoted ? sizes.head + meta.getUint32(32) * sizes.stream : meta.byteLength;
  if (streamsEnd > meta.byteLength) throw new UnreadableRecordError("its streams are cut short");
  const storedIn: StoredAt[] = [];
  for (let offset = sizes.head; offset < streamsEnd; offset += sizes.stream) {
    const firstId = meta.getFloat64(offset + 8);
    const expiresAt = isTimed ? meta.getFloat64(offset + 16) : 0;
    const number = meta.getUint32(offset);
    const at = { stream: "", number, firstId };
    storedIn.push(expiresAt > 0 ? { ...at, expiresAt } : at);
  }
  const settled = sizes.head > 24 ? meta.getFloat64(24) : 0;
  const event = {
    type: "published" as const,
    publisher: meta.getUint32(0),
    sequence: meta.getFloat64(8),
    storedIn,
    storedAt: isTimed ? meta.getFloat64(16) : 0,
    batch: batchOf(record, meta.getUint32(4)),
  };
  // Most have a place and no notes.
  if (place !== undefined && settled > 0 && !isNoted) return { ...event, settled, place };
  return {
    ...event,
    ...settled > 0 && { settled },
    ...isNoted && { notes: readJson(meta, streamsEnd) as PublishedNotes },
    ...place !== undefined && { place },
  };
}

export function readTransferred(record: EncodedRecord, place?: Place): Transferred {
  const { meta } = record;
  const expiresAt = meta.getFloat64(40);
  return {
    type: "transferred",
    from: meta.getUint32(0),
    to: meta.getUint32(4),
    firstId: meta.getFloat64(16),
    fromId: meta.getFloat64(24),
    storedAt: meta.getFloat64(32),
    ...expiresAt > 0 && { expiresAt },
    batch: batchOf(record, meta.getUint32(8)),
    ...place !== undefined && { place },
  };
}

export function readMoved(record: EncodedRecord, place?: Place): Moved {
  const { meta } = record;
  const count = meta.getUint32(4);
  const storedAt = readTimes(meta, count);
  return {
    type: "moved",
    number: meta.getUint32(0),
    firstId: meta.getFloat64(8),
    ...storedAt !== undefined && { storedAt },
    batch: batchOf(record, count),
    ...place !== undefined && { place },
  };
}

function readTimes(meta: DataView, count: number): StoredRun[] | undefined {
  if (meta.byteLength < MOVED_META_BYTES + 8) return undefined;
  const bytes = new DataView(
    meta.buffer,
    meta.byteOffset + MOVED_META_BYTES,
    meta.byteLength - MOVED_META_BYTES,
  );
  return StoredTimes.read(bytes).list(0, count);
}

export interface RecordMessages {
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
}

/** Lists the messages that are, or were, in a record, by its meta. */
export function listMessages(record: EncodedRecord): RecordMessages[] {
  const type = record.type % RecordType.void;
  if (type === RecordType.moved) {
    const { number, firstId, batch: { count } } = readMoved(record);
    return [{ number, firstId, count }];
  }
  if (type === RecordType.transferred) {
    const { to, firstId, batch: { count } } = readTransferred(record);
    return [{ number: to, firstId, count }];
  }
  if (!PUBLISHED.has(type)) return [];
  const { storedIn, batch: { count } } = readPublished(record);
  return storedIn.map(({ number, firstId }) => ({ number, firstId, count }));
}
