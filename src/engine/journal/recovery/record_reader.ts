/**
 * Records back to events.
 *
 * @module
 */

import type { MessageBatch } from "../../../../protocol.ts";
import type {
  Event,
  Fact,
  Moved,
  Published,
  StoredAt,
  Transferred,
} from "../../../broker/event.ts";
import type { Place } from "../../../broker/backlog/pager.ts";
import type { SnapshotPiece } from "../../../broker/state/snapshot.ts";
import {
  FACT_BYTES,
  FactKind,
  PUBLISHED_SIZES,
  PUBLISHED_SIZES_V1,
  PUBLISHED_SIZES_V3,
  type PublishedSizes,
  RecordType,
} from "../segments/format.ts";
import { type CheckpointV3, cutCheckpoint } from "./checkpoint_v3.ts";
import type { Fault, ScannedRecord } from "../segments/scan.ts";

/** A record is as it was written, and cannot be read all the same. */
export class UnreadableRecordError extends Error {}

/** Reads what a record with JSON says. */
function readJson(meta: DataView): unknown {
  const bytes = new Uint8Array(meta.buffer, meta.byteOffset, meta.byteLength);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : `${cause}`;
    throw new UnreadableRecordError(why, { cause });
  }
}

/**
 * Reads a record, and tells what is wrong if it cannot be read.
 *
 * @param record The record.
 * @param read Reads it.
 */
export function findUnreadable(
  { type, offset, bodyOffset, start, end }: ScannedRecord,
  read: () => void,
): Fault | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof UnreadableRecordError)) throw error;
    const isOfCheckpoint = type === RecordType.checkpoint || type === RecordType.piece;
    const what = `${isOfCheckpoint ? "a checkpoint" : "an event"} cannot be read`;
    return { offset, end: bodyOffset + end - start, what: `${what} (${error.message})` };
  }
}

/** Reads a piece of a checkpoint, or all pieces of one that versions before have written as a whole. */
export function readPieces(record: ScannedRecord): Iterable<SnapshotPiece> {
  if (record.type === RecordType.checkpoint) {
    return cutCheckpoint(readJson(record.meta) as CheckpointV3);
  }
  return [readJson(record.meta) as SnapshotPiece];
}

/** Reads how many pieces a checkpoint has. */
export function readPieceCount({ meta }: ScannedRecord): number {
  return meta.getUint32(0);
}

/** Reads an event that is told in JSON. */
export function readEvent(record: ScannedRecord): Event {
  return readJson(record.meta) as Event;
}

/** The messages of a record, where they lie in the buffer of the scan. */
function batchOf({ buffer, start, end }: ScannedRecord, count: number): MessageBatch {
  return { count, buffer, start, end };
}

/** Which sizes the meta of published records has, by type. */
const PUBLISHED: ReadonlyMap<number, PublishedSizes> = new Map([
  [RecordType.published, PUBLISHED_SIZES],
  [RecordType.publishedV3, PUBLISHED_SIZES_V3],
  [RecordType.publishedV1, PUBLISHED_SIZES_V1],
]);

/** Reads messages that were stored; the names of streams are not in the journal. */
export function readPublished(record: ScannedRecord, place?: Place): Published {
  const { meta } = record;
  const type = record.type % RecordType.void;
  const sizes = PUBLISHED.get(type) ?? PUBLISHED_SIZES;
  const isTimed = type !== RecordType.publishedV1;
  const storedIn: StoredAt[] = [];
  for (let offset = sizes.head; offset < meta.byteLength; offset += sizes.stream) {
    const firstId = meta.getFloat64(offset + 8);
    const expiresAt = isTimed ? meta.getFloat64(offset + 16) : 0;
    const number = meta.getUint32(offset);
    storedIn.push({ stream: "", number, firstId, ...expiresAt > 0 && { expiresAt } });
  }
  const settled = type === RecordType.published ? meta.getFloat64(24) : 0;
  return {
    type: "published",
    publisher: meta.getUint32(0),
    sequence: meta.getFloat64(8),
    ...settled > 0 && { settled },
    storedIn,
    storedAt: isTimed ? meta.getFloat64(16) : 0,
    batch: batchOf(record, meta.getUint32(4)),
    ...place !== undefined && { place },
  };
}

/** Reads messages that went from one stream to another. */
export function readTransferred(record: ScannedRecord, place?: Place): Transferred {
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

/** Reads messages that were moved. */
export function readMoved(record: ScannedRecord, place?: Place): Moved {
  const { meta } = record;
  return {
    type: "moved",
    number: meta.getUint32(0),
    firstId: meta.getFloat64(8),
    batch: batchOf(record, meta.getUint32(4)),
    ...place !== undefined && { place },
  };
}

/** Reads facts about messages, one after the other. */
export function readFacts(
  { meta }: ScannedRecord,
  tell: (fact: Fact) => void,
): void {
  for (let offset = 0; offset + FACT_BYTES <= meta.byteLength; offset += FACT_BYTES) {
    const number = meta.getUint32(offset + 4);
    const firstId = meta.getFloat64(offset + 8);
    const count = meta.getUint32(offset + 16);
    const kind = meta.getUint8(offset);
    if (kind === FactKind.acknowledged) {
      tell({ type: "acknowledged", number, firstId, count });
    } else if (kind === FactKind.dropped) {
      tell({ type: "dropped", number, firstId, count });
    } else {
      tell({ type: "attempted", number, firstId, count, attempts: meta.getUint16(offset + 2) });
    }
  }
}

/** Messages of one stream that a record is about. */
export interface RecordMessages {
  /** The number of the stream. */
  readonly number: number;
  /** The first id. */
  readonly firstId: number;
  /** How many. */
  readonly count: number;
}

/** Tells which messages are, or were, in a record, as far as its meta knows. */
export function listMessages(record: ScannedRecord): RecordMessages[] {
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
