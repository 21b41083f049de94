/**
 * Records back to events.
 *
 * @module
 */

import type { MessageBatch } from "../../../protocol.ts";
import type { Event, Fact, Moved, Published, StoredAt, Transferred } from "../../broker/event.ts";
import type { Place } from "../../broker/pager.ts";
import type { Snapshot } from "../../broker/snapshot.ts";
import { FACT_BYTES, FactKind, PUBLISHED_SIZES, PUBLISHED_SIZES_V1, RecordType } from "./format.ts";
import type { ScannedRecord } from "./scan.ts";

/** Reads what a record with JSON says. */
function readJson(meta: DataView): unknown {
  const bytes = new Uint8Array(meta.buffer, meta.byteOffset, meta.byteLength);
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Reads a checkpoint. */
export function readCheckpoint(record: ScannedRecord): Snapshot {
  return readJson(record.meta) as Snapshot;
}

/** Reads an event that is told in JSON. */
export function readEvent(record: ScannedRecord): Event {
  return readJson(record.meta) as Event;
}

/** The messages of a record, where they lie in the buffer of the scan. */
function batchOf({ buffer, start, end }: ScannedRecord, count: number): MessageBatch {
  return { count, buffer, start, end };
}

/** Reads messages that were stored; the names of streams are not in the journal. */
export function readPublished(record: ScannedRecord, place?: Place): Published {
  const { meta } = record;
  const isOld = record.type % RecordType.void === RecordType.publishedV1;
  const sizes = isOld ? PUBLISHED_SIZES_V1 : PUBLISHED_SIZES;
  const storedIn: StoredAt[] = [];
  for (let offset = sizes.head; offset < meta.byteLength; offset += sizes.stream) {
    const firstId = meta.getFloat64(offset + 8);
    const expiresAt = isOld ? 0 : meta.getFloat64(offset + 16);
    const number = meta.getUint32(offset);
    storedIn.push({ stream: "", number, firstId, ...expiresAt > 0 && { expiresAt } });
  }
  return {
    type: "published",
    publisher: meta.getUint32(0),
    sequence: meta.getFloat64(8),
    storedIn,
    storedAt: isOld ? 0 : meta.getFloat64(16),
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
  if (type !== RecordType.published && type !== RecordType.publishedV1) return [];
  const { storedIn, batch: { count } } = readPublished(record);
  return storedIn.map(({ number, firstId }) => ({ number, firstId, count }));
}
