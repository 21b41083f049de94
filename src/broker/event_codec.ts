import type { MessageBatch, StoredRun } from "../../protocol.ts";
import type { Place } from "./backlog/pager.ts";
import { StoredTimes } from "./backlog/stored_times.ts";
import type {
  Decided,
  Event,
  Fact,
  Failed,
  Moved,
  Published,
  Stored,
  StoredAt,
  Transferred,
} from "./event.ts";
import { lastReasons, withReasons } from "./share/failure.ts";

/**
 * What an event is as bytes: a type, a *meta*, and for messages a *body*, which is the batch as it came
 * over the wire. Who keeps records knows their sizes and where they are; nothing here does. All numbers
 * are big-endian; ids and times are IEEE doubles that hold whole numbers below 2^53.
 *
 * ```text
 *  type           meta                                                       body
 *  1 checkpoint   JSON: streams and publishers
 *                 of versions 1 to 3 of the journal; read, and not written any more
 *  2 event        JSON: streamCreated, streamUpdated, streamDeleted, publisherOpened,
 *                 publisherClosed, failed, expirySet or clockRead (since version 4)
 *  3 published    publisher u32 │ count u32 │ sequence │ n × (stream u32, 0, first id)  messages
 *                 of version 1; read, and not written any more
 *  4 moved        stream u32    │ count u32 │ first id │ when they were stored  messages
 *                 the last part is missing where an earlier version has moved them
 *  5 facts        n × (kind u8, 0, attempts u16, stream u32, first id, count u32)
 *  6 published    publisher u32 │ count u32 │ sequence │ stored at           messages
 *                 │ n × (stream u32, 0, first id, expires at)
 *                 of versions 2 and 3; read, and not written any more
 *  7 transferred  from u32 │ to u32 │ count u32 │ 0 │ first id there │ first id here   messages
 *                 │ stored at │ expires at
 *  8 piece        JSON: a piece of a snapshot, see state/snapshot.ts
 *  9 complete     pieces u32: the snapshot has so many, and is complete with this record
 *  10 published   publisher u32 │ count u32 │ sequence │ stored at │ settled │ messages
 *                 │ n × (stream u32, 0, first id, expires at)
 *  128 and more   void: what a repair has taken away. The rest of the number is the type that it had,
 *                 and the meta tells as before which ids were in it; the body is not checked
 *  kinds of facts: 1 acknowledged, 2 attempted, 3 dropped
 *  times: milliseconds since 1970; 0 if there is none. They are of a monotonic time that
 *  continues from broker to broker; clockRead tells how far the machine's clock was ahead of it. Since
 *  version 4 messages keep the flags that tell such times from those of the calendar
 * ```
 *
 * The layout of messages is drawn in `src/protocol/messages/batch.ts`.
 */
export const RecordType = {
  checkpoint: 1,
  event: 2,
  publishedV1: 3,
  moved: 4,
  facts: 5,
  publishedV3: 6,
  transferred: 7,
  piece: 8,
  complete: 9,
  published: 10,
  /** Added to the type of a record that was taken away. */
  void: 128,
} as const;

const FactKind = { acknowledged: 1, attempted: 2, dropped: 3 } as const;

/** The size of one fact. */
export const FACT_BYTES = 20;

/** The bytes of a published record's meta before its streams, and of each stream. */
interface PublishedSizes {
  readonly head: number;
  readonly stream: number;
}

const PUBLISHED_SIZES: PublishedSizes = { head: 32, stream: 24 };

/** By type, those of earlier versions among them. */
const PUBLISHED: ReadonlyMap<number, PublishedSizes> = new Map([
  [RecordType.published, PUBLISHED_SIZES],
  [RecordType.publishedV3, { head: 24, stream: 24 }],
  [RecordType.publishedV1, { head: 16, stream: 16 }],
]);

const TRANSFERRED_META_BYTES = 48;
const MOVED_META_BYTES = 16;

/** An event, or some, as bytes. */
export interface EncodedRecord {
  readonly type: number;
  readonly meta: DataView;
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Intact bytes that cannot be read. */
export class UnreadableRecordError extends Error {}

export function typeOfMessages(event: Stored | Moved): number {
  return RecordType[event.type];
}

export function measureMeta(event: Stored | Moved): number {
  if (event.type === "transferred") return TRANSFERRED_META_BYTES;
  if (event.type === "moved") {
    const { storedAt } = event;
    return MOVED_META_BYTES + (storedAt === undefined ? 0 : StoredTimes.of(storedAt).writtenBytes);
  }
  return PUBLISHED_SIZES.head + event.storedIn.length * PUBLISHED_SIZES.stream;
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
  const { publisher, sequence, settled = 0, storedIn, storedAt, batch } = event;
  let offset = start;
  view.setUint32(offset, publisher);
  view.setUint32(offset + 4, batch.count);
  view.setFloat64(offset + 8, sequence);
  view.setFloat64(offset + 16, storedAt);
  view.setFloat64(offset + 24, settled);
  offset += PUBLISHED_SIZES.head;
  for (const { number, firstId, expiresAt = 0 } of storedIn) {
    view.setUint32(offset, number);
    view.setUint32(offset + 4, 0);
    view.setFloat64(offset + 8, firstId);
    view.setFloat64(offset + 16, expiresAt);
    offset += PUBLISHED_SIZES.stream;
  }
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

/** The meta of an event other than a fact, or of a piece of a snapshot. */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** An event as it is written, without fields that its messages carry or that were written before. */
export function trimEvent(event: Exclude<Decided, Fact>): Exclude<Decided, Fact> {
  return event.type === "failed" ? trimFailed(event) : event;
}

function trimFailed(event: Failed): Failed {
  const { newReasons, failure } = event;
  if (newReasons === undefined) return { ...event, priority: undefined };
  const trimmed = withReasons(failure, lastReasons(failure, newReasons));
  return { ...event, priority: undefined, failure: trimmed };
}

/**
 * Facts on their way into one record. Ranges are gathered in numbers, so that a fact costs no object.
 */
export class FactList {
  /** Three numbers for each range of acknowledged messages: stream, first id, count. */
  #acknowledged: number[] = [];
  /** Four numbers for each range of messages that were worked on: stream, first id, count, attempts. */
  #attempted: number[] = [];
  /** Three numbers for each range of dropped messages. */
  #dropped: number[] = [];

  get count(): number {
    const ranges = this.#acknowledged.length + this.#dropped.length;
    return ranges / 3 + this.#attempted.length / 4;
  }

  add(fact: Fact): void {
    const { number, firstId, count } = fact;
    if (fact.type === "attempted") {
      this.#attempted.push(number, firstId, count, fact.attempts);
      return;
    }
    const list = fact.type === "dropped" ? this.#dropped : this.#acknowledged;
    const last = list.length - 3;
    // Neighbouring ranges become one.
    if (last >= 0 && list[last] === number && list[last + 1]! + list[last + 2]! === firstId) {
      list[last + 2]! += count;
    } else {
      list.push(number, firstId, count);
    }
  }

  /** Writes the meta, {@linkcode FACT_BYTES} for each fact. */
  write(view: DataView, start: number): void {
    let offset = start;
    const add = (kind: number, attempts: number, from: readonly number[], index: number) => {
      view.setUint8(offset, kind);
      view.setUint8(offset + 1, 0);
      view.setUint16(offset + 2, Math.min(attempts, 0xffff));
      view.setUint32(offset + 4, from[index]!);
      view.setFloat64(offset + 8, from[index + 1]!);
      view.setUint32(offset + 16, from[index + 2]!);
      offset += FACT_BYTES;
    };
    const [acknowledged, attempted, dropped] = [
      this.#acknowledged,
      this.#attempted,
      this.#dropped,
    ];
    for (let index = 0; index < acknowledged.length; index += 3) {
      add(FactKind.acknowledged, 0, acknowledged, index);
    }
    for (let index = 0; index < attempted.length; index += 4) {
      add(FactKind.attempted, attempted[index + 3]!, attempted, index);
    }
    for (let index = 0; index < dropped.length; index += 3) {
      add(FactKind.dropped, 0, dropped, index);
    }
  }

  clear(): void {
    this.#acknowledged = [];
    this.#attempted = [];
    this.#dropped = [];
  }
}

/** Reads the events of a record; messages lie in its buffer. */
export function readEvents(
  record: EncodedRecord,
  tell: (event: Event) => void,
  place?: Place,
): void {
  switch (record.type) {
    case RecordType.event:
      return tell(decodeJson(record) as Event);
    case RecordType.published:
    case RecordType.publishedV3:
    case RecordType.publishedV1:
      return tell(readPublished(record, place));
    case RecordType.transferred:
      return tell(readTransferred(record, place));
    case RecordType.moved:
      return tell(readMoved(record, place));
    case RecordType.facts:
      return readFacts(record, tell);
  }
}

export function decodeJson({ meta }: EncodedRecord): unknown {
  const bytes = new Uint8Array(meta.buffer, meta.byteOffset, meta.byteLength);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : `${cause}`;
    throw new UnreadableRecordError(why, { cause });
  }
}

function batchOf({ buffer, start, end }: EncodedRecord, count: number): MessageBatch {
  return { count, buffer, start, end };
}

/** Reads stored messages; the names of streams are not written. */
function readPublished(record: EncodedRecord, place?: Place): Published {
  const { meta } = record;
  const type = record.type % RecordType.void;
  const sizes = PUBLISHED.get(type)!;
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

function readTransferred(record: EncodedRecord, place?: Place): Transferred {
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

function readMoved(record: EncodedRecord, place?: Place): Moved {
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

function readFacts({ meta }: EncodedRecord, tell: (fact: Fact) => void): void {
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
