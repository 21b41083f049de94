import type { BrokerError, MessageBatch } from "../../../../protocol.ts";
import type { Segment } from "../../../broker/backlog/pager.ts";
import type { Event, Moved, Stored } from "../../../broker/event.ts";
import { trimEvent } from "../../../broker/events/event_codec.ts";
import { FACT_BYTES, FactList } from "../../../broker/events/fact_list.ts";
import { measureMeta, typeOfMessages, writeMeta } from "../../../broker/events/message_record.ts";
import { encodeJson, RecordType } from "../../../broker/events/record.ts";
import type { StoreOutcome } from "../../../broker/event_log.ts";
import type { SnapshotPiece } from "../../../broker/state/snapshot.ts";
import {
  GROUP_HEAD_BYTES,
  RECORD_HEAD_BYTES,
  sealRecord,
  type Spot,
  writeGroupHead,
} from "./format.ts";

/** The first size of a group's buffer, in bytes. */
const GROUP_BYTES_MIN = 64 * 1024;

/** The size at which a group takes no more records, in bytes. */
export const GROUP_BYTES_FULL: number = 1024 * 1024;

/**
 * A buffer that must grow gets this size at once: unused memory costs nothing, and growing in steps copies
 * the content each time (measured: 16 % of a broker that stores as fast as it can). A larger buffer is not
 * kept.
 */
const GROUP_BYTES_KEPT = 2 * GROUP_BYTES_FULL;

/** Batches of this size, with messages of that size on average, are not copied into the buffer. */
const APART_BYTES_MIN = 64 * 1024;
const APART_MESSAGE_BYTES_MIN = 16 * 1024;

/** A message event with the callbacks for its outcome. */
export interface StoredRecord {
  /** The event; its batch lies in the group's buffer once it is written, or apart. */
  readonly event: Stored | Moved;
  /** Where its messages are in the group. */
  readonly offset: number;
  /** Where the record, and its messages unless they lie apart, are in the group's buffer. */
  readonly recordOffset: number;
  readonly bodyOffset: number;
  /** Its messages, if they lie apart. */
  readonly apart: MessageBatch | undefined;
  readonly outcome: StoreOutcome | MoveOutcome;
}

export interface MoveOutcome {
  /** They are durable at their new place. */
  stored(event: Moved): void;
  failed(error: BrokerError): void;
}

const UNHEARD: StoreOutcome = { stored() {}, failed() {} };

/**
 * Records on their way to the disk, collected to be written together. Facts become one record when
 * the group is sealed. Large messages lie apart, so that they are copied no further:
 *
 * ```text
 *   buffer    │head│record│record, meta│            │record, meta│            │record│
 *   apart                              │messages    │            │messages    │
 *   pieces    │0                       │1           │2           │3           │4     │
 * ```
 */
export class Group {
  #bytes = new Uint8Array(GROUP_BYTES_MIN);
  #view = new DataView(this.#bytes.buffer);
  #end = GROUP_HEAD_BYTES;
  #recordCount = 0;
  #isMark = false;
  readonly #facts = new FactList();
  /** Records whose messages lie apart, in order, and the bytes of all these. */
  #apart: StoredRecord[] = [];
  #apartBytes = 0;
  stored: StoredRecord[] = [];
  written: (() => void)[] = [];
  /** Callbacks that wait until everything up to here is durable. */
  awaiting: (() => void)[] = [];

  get isEmpty(): boolean {
    return this.#recordCount === 0 && this.#facts.count === 0 && !this.#isMark;
  }

  /** Whether it is written without records, to prove the flush before it. */
  get isMark(): boolean {
    return this.#isMark && this.#recordCount === 0 && this.#facts.count === 0;
  }

  /** Has it written even without records. */
  addMark(): void {
    this.#isMark = true;
  }

  get isAwaited(): boolean {
    return this.stored.length > 0 || this.awaiting.length > 0;
  }

  get isFull(): boolean {
    return this.size >= GROUP_BYTES_FULL;
  }

  /** Its size when sealed, in bytes. */
  get size(): number {
    const facts = this.#facts.count * FACT_BYTES;
    return this.#end + this.#apartBytes + (facts === 0 ? 0 : RECORD_HEAD_BYTES + facts);
  }

  /** The bytes that {@linkcode Group.seal} has made ready, to be written one behind the other. */
  get pieces(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (const { bodyOffset, apart } of this.#apart) {
      pieces.push(this.#bytes.subarray(from, bodyOffset), bytesOf(apart!));
      from = bodyOffset;
    }
    if (from < this.#end) pieces.push(this.#bytes.subarray(from, this.#end));
    return pieces;
  }

  addJson(type: number, value: unknown): void {
    const meta = encodeJson(value);
    const offset = this.#addRecord(type, meta.length, 0);
    this.#bytes.set(meta, offset + RECORD_HEAD_BYTES);
  }

  addPiece(piece: SnapshotPiece): void {
    this.addJson(RecordType.piece, piece);
  }

  /** Adds the end of a checkpoint of so many pieces. */
  addComplete(pieceCount: number): void {
    const offset = this.#addRecord(RecordType.complete, 4, 0);
    this.#view.setUint32(offset + RECORD_HEAD_BYTES, pieceCount);
  }

  /** Adds messages that are stored, or moved here. */
  addMessages(event: Stored | Moved, outcome: StoreOutcome | MoveOutcome): void {
    const { buffer, start, end } = event.batch;
    const metaBytes = measureMeta(event);
    const apart = setApart(event.batch);
    const recordOffset = this.#addRecord(typeOfMessages(event), metaBytes, end - start, apart);
    writeMeta(this.#view, recordOffset + RECORD_HEAD_BYTES, event);
    const bodyOffset = recordOffset + RECORD_HEAD_BYTES + metaBytes;
    const offset = this.#apartBytes + bodyOffset;
    const record = { event, offset, recordOffset, bodyOffset, apart, outcome };
    this.stored.push(record);
    if (apart === undefined) this.#bytes.set(buffer.subarray(start, end), bodyOffset);
    else {
      this.#apart.push(record);
      this.#apartBytes += end - start;
    }
  }

  /** Adds any event, without a callback. */
  addEvent(event: Event): void {
    switch (event.type) {
      case "published":
      case "transferred":
      case "moved":
        return this.addMessages(event, UNHEARD);
      case "acknowledged":
      case "attempted":
      case "dropped":
        return this.#facts.add(event);
      case "postponed":
        // It takes back an attempt, which is a fact: that must come before.
        this.#addFacts();
        return this.addJson(RecordType.event, trimEvent(event));
      default:
        return this.addJson(RecordType.event, trimEvent(event));
    }
  }

  /** Finishes the bytes for a position in the journal. */
  seal(spot: Spot, durable: number): void {
    this.#addFacts();
    const { journalId } = spot;
    let apartCount = 0;
    let apartBytes = 0;
    for (let offset = GROUP_HEAD_BYTES; offset < this.#end;) {
      const position = spot.position + offset + apartBytes;
      const next = this.#apart[apartCount];
      const body = next?.recordOffset === offset ? bytesOf(next.apart!) : undefined;
      offset = sealRecord(this.#bytes, this.#view, offset, { position, journalId }, body);
      if (body === undefined) continue;
      apartCount++;
      apartBytes += body.length;
    }
    const length = this.#end + apartBytes - GROUP_HEAD_BYTES;
    writeGroupHead(this.#view, { length, count: this.#recordCount, durable }, spot);
  }

  /** Reports that it is durable, and the place of its messages in a segment. */
  tellDurable(segment: Segment, groupOffset: number): void {
    const buffer = this.#bytes.subarray(0, this.#end);
    for (const { event, offset, bodyOffset, apart, outcome } of this.stored) {
      const { count, start, end } = event.batch;
      const bodyEnd = bodyOffset + end - start;
      const batch = apart ?? { count, buffer, start: bodyOffset, end: bodyEnd };
      const place = { segment, offset: groupOffset + offset };
      (outcome as StoreOutcome).stored({ ...event as Stored, batch, place });
    }
    for (const done of this.awaiting) done();
  }

  /** Takes out all messages, for which there is no room; returns their callbacks. */
  dropMessages(): StoredRecord[] {
    const dropped = this.stored;
    this.stored = [];
    let to = GROUP_HEAD_BYTES;
    let from = GROUP_HEAD_BYTES;
    for (const { recordOffset, bodyOffset, apart } of dropped) {
      this.#bytes.copyWithin(to, from, recordOffset);
      to += recordOffset - from;
      from = bodyOffset + (apart === undefined ? this.#view.getUint32(recordOffset + 8) : 0);
    }
    this.#bytes.copyWithin(to, from, this.#end);
    this.#end = to + this.#end - from;
    this.#recordCount -= dropped.length;
    this.#apart = [];
    this.#apartBytes = 0;
    return dropped;
  }

  clear(): void {
    if (this.#bytes.length > GROUP_BYTES_KEPT) this.#setBytes(new Uint8Array(GROUP_BYTES_MIN));
    this.#end = GROUP_HEAD_BYTES;
    this.#recordCount = 0;
    this.#isMark = false;
    this.#facts.clear();
    this.#apart = [];
    this.#apartBytes = 0;
    this.stored = [];
    this.written = [];
    this.awaiting = [];
  }

  #addFacts(): void {
    const { count } = this.#facts;
    if (count === 0) return;
    const offset = this.#addRecord(RecordType.facts, count * FACT_BYTES, 0);
    this.#facts.write(this.#view, offset + RECORD_HEAD_BYTES);
    this.#facts.clear();
  }

  /**
   * Makes room for a record and writes the beginning of its head; returns its offset.
   *
   * @param apart The body, if it is not to be in the buffer.
   */
  #addRecord(type: number, metaBytes: number, bodyBytes: number, apart?: MessageBatch): number {
    const offset = this.#end;
    this.#end += RECORD_HEAD_BYTES + metaBytes + (apart === undefined ? bodyBytes : 0);
    if (this.#end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#end, GROUP_BYTES_KEPT));
      grown.set(this.#bytes.subarray(0, offset));
      this.#setBytes(grown);
    }
    this.#view.setUint32(offset, type << 24);
    this.#view.setUint32(offset + 4, metaBytes);
    this.#view.setUint32(offset + 8, bodyBytes);
    this.#recordCount++;
    return offset;
  }

  #setBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Gives a large batch bytes of its own, which stay as they are; undefined for others. */
function setApart(batch: MessageBatch): MessageBatch | undefined {
  const { count, buffer, start, end, isOwn } = batch;
  const size = end - start;
  if (size < APART_BYTES_MIN || size < count * APART_MESSAGE_BYTES_MIN) return undefined;
  if (isOwn) return batch;
  return { count, buffer: buffer.slice(start, end), start: 0, end: size, isOwn: true };
}

function bytesOf({ buffer, start, end }: MessageBatch): Uint8Array {
  return buffer.subarray(start, end);
}
