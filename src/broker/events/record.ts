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
 *                 publisherClosed, failed, expirySet, clockRead (since version 4), postponed,
 *                 breakerChanged, laneHeld, kept, coalesced, laneSet, limitSet, scheduleSet,
 *                 scheduleDeleted, schedulesAdvanced (since version 5)
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
 *  11 noted       publisher u32 │ count u32 │ sequence │ stored at │ settled │ messages
 *                 │ n u32 │ 0 │ n × (stream u32, 0, first id, expires at) │ JSON: notes
 *                 as 10, and what is done together with it; since version 5
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
  noted: 11,
  /** Added to the type of a record that was taken away. */
  void: 128,
} as const;

/** An event, or some, as bytes. */
export interface EncodedRecord {
  readonly type: number;
  readonly meta: DataView;
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
}

const decoder = new TextDecoder();

/** Intact bytes that cannot be read. */
export class UnreadableRecordError extends Error {}

/** The meta of an event other than a fact, or of a piece of a snapshot. */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function decodeJson({ meta }: EncodedRecord): unknown {
  return readJson(meta, 0);
}

/** Reads the JSON from a place of a meta to its end. */
export function readJson(meta: DataView, offset: number): unknown {
  const { buffer, byteOffset, byteLength } = meta;
  return readJsonBytes(new Uint8Array(buffer, byteOffset + offset, byteLength - offset));
}

/** Reads JSON. Throws {@linkcode UnreadableRecordError} if it is none. */
export function readJsonBytes(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : `${cause}`;
    throw new UnreadableRecordError(why, { cause });
  }
}
