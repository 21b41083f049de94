/**
 * Records back to events.
 *
 * @module
 */

import type { MessageBatch } from "../../../protocol.ts";
import type {
  Acknowledged,
  Attempted,
  Event,
  Moved,
  Published,
  StoredAt,
} from "../../broker/event.ts";
import type { Place } from "../../broker/pager.ts";
import type { Snapshot } from "../../broker/snapshot.ts";
import {
  FACT_BYTES,
  FactKind,
  PUBLISHED_META_BYTES,
  PUBLISHED_STREAM_BYTES,
  RecordType,
} from "./format.ts";
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
  const storedIn: StoredAt[] = [];
  for (
    let offset = PUBLISHED_META_BYTES;
    offset < meta.byteLength;
    offset += PUBLISHED_STREAM_BYTES
  ) {
    const firstId = meta.getFloat64(offset + 8);
    storedIn.push({ stream: "", number: meta.getUint32(offset), firstId });
  }
  return {
    type: "published",
    publisher: meta.getUint32(0),
    sequence: meta.getFloat64(8),
    storedIn,
    batch: batchOf(record, meta.getUint32(4)),
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
  tell: (fact: Acknowledged | Attempted) => void,
): void {
  for (let offset = 0; offset + FACT_BYTES <= meta.byteLength; offset += FACT_BYTES) {
    const number = meta.getUint32(offset + 4);
    const firstId = meta.getFloat64(offset + 8);
    const count = meta.getUint32(offset + 16);
    if (meta.getUint8(offset) === FactKind.acknowledged) {
      tell({ type: "acknowledged", number, firstId, count });
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
  if (type !== RecordType.published) return [];
  const { storedIn, batch: { count } } = readPublished(record);
  return storedIn.map(({ number, firstId }) => ({ number, firstId, count }));
}
