/**
 * Records on their way to the disk, collected to be written in one piece.
 *
 * What can be said of many messages at once, that they were acknowledged or worked on, is gathered in
 * numbers first and becomes one record when the group is sealed.
 *
 * @module
 */

import type { MessageBatch } from "../../../../protocol.ts";
import type { StoreOutcome } from "../../../broker/event_log.ts";
import type { SnapshotPiece } from "../../../broker/state/snapshot.ts";
import type {
  Event,
  Fact,
  Failed,
  Moved,
  Published,
  Stored,
  Transferred,
} from "../../../broker/event.ts";
import { lastReasons, withReasons } from "../../../broker/share/failure.ts";
import {
  COMPLETE_META_BYTES,
  FACT_BYTES,
  FactKind,
  GROUP_HEAD_BYTES,
  MOVED_META_BYTES,
  PUBLISHED_SIZES,
  RECORD_HEAD_BYTES,
  RecordType,
  sealRecord,
  type Spot,
  TRANSFERRED_META_BYTES,
  writeGroupHead,
} from "./format.ts";

/** A group begins with so many bytes. */
const GROUP_BYTES_MIN = 64 * 1024;

/** A group takes no more records once it has so many bytes. */
export const GROUP_BYTES_FULL: number = 1024 * 1024;

/**
 * A buffer that must grow gets this size at once: what is not used of it costs nothing, and to grow
 * in steps means to copy what is there each time (measured: 16 % of a broker that stores as fast as it
 * can). One that has grown beyond it is not kept.
 */
const GROUP_BYTES_KEPT = 2 * GROUP_BYTES_FULL;

/** What is to be done about messages when it is known what became of them. */
export interface StoredRecord {
  /** What is stored; its batch lies in the group's buffer once it is written. */
  readonly event: Stored | Moved;
  /** Where its messages begin in the group. */
  readonly offset: number;
  /** Where the whole record begins in the group. */
  readonly recordOffset: number;
  /** Who hears of it. */
  readonly outcome: StoreOutcome | MoveOutcome;
}

/** Hears what became of messages that were to be moved. */
export interface MoveOutcome {
  /** They are durable at their new place. */
  moved(event: Moved): void;
  /** They stay where they are. */
  failed(): void;
}

const UNHEARD: StoreOutcome & MoveOutcome = { stored() {}, moved() {}, failed() {} };

/** A failure as it is written: what the message says itself or was written before is left out. */
function trimFailed(event: Failed): Failed {
  const { newReasons, failure } = event;
  if (newReasons === undefined) return { ...event, priority: undefined };
  const trimmed = withReasons(failure, lastReasons(failure, newReasons));
  return { ...event, priority: undefined, failure: trimmed };
}

/** Records that are written together. */
export class Group {
  #bytes = new Uint8Array(GROUP_BYTES_MIN);
  #view = new DataView(this.#bytes.buffer);
  #end = GROUP_HEAD_BYTES;
  #recordCount = 0;
  #isMark = false;
  /** Three numbers for each range of acknowledged messages: stream, first id, count. */
  #acknowledged: number[] = [];
  /** Four numbers for each range of messages that were worked on: stream, first id, count, attempts. */
  #attempted: number[] = [];
  /** Three numbers for each range of dropped messages. */
  #dropped: number[] = [];
  /** Messages in it, in order. */
  stored: StoredRecord[] = [];
  /** What waits for it to be written. */
  written: (() => void)[] = [];
  /** What waits for everything up to here to be durable. */
  awaiting: (() => void)[] = [];

  /** Whether there is nothing to write. */
  get isEmpty(): boolean {
    return this.#recordCount === 0 && this.#factCount === 0 && !this.#isMark;
  }

  /** Whether it has no records, and is written all the same: it proves what was flushed before it. */
  get isMark(): boolean {
    return this.#isMark && this.#recordCount === 0 && this.#factCount === 0;
  }

  /** Has it written although it may have no records. */
  addMark(): void {
    this.#isMark = true;
  }

  /** Whether somebody waits for it to be durable. */
  get isAwaited(): boolean {
    return this.stored.length > 0 || this.awaiting.length > 0;
  }

  /** Whether it should take no more. */
  get isFull(): boolean {
    return this.size >= GROUP_BYTES_FULL;
  }

  /** How many bytes it will have. */
  get size(): number {
    const facts = this.#factCount * FACT_BYTES;
    return this.#end + (facts === 0 ? 0 : RECORD_HEAD_BYTES + facts);
  }

  /** The bytes that {@linkcode Group.seal} has made ready. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Adds a record with some JSON. */
  addJson(type: number, value: unknown): void {
    const meta = new TextEncoder().encode(JSON.stringify(value));
    const offset = this.#addRecord(type, meta.length, 0);
    this.#bytes.set(meta, offset + RECORD_HEAD_BYTES);
  }

  /** Adds a piece of a checkpoint. */
  addPiece(piece: SnapshotPiece): void {
    this.addJson(RecordType.piece, piece);
  }

  /** Adds the end of a checkpoint of so many pieces. */
  addComplete(pieceCount: number): void {
    const offset = this.#addRecord(RecordType.complete, COMPLETE_META_BYTES, 0);
    this.#view.setUint32(offset + RECORD_HEAD_BYTES, pieceCount);
  }

  /** Adds messages that are stored. */
  addStored(event: Stored, outcome: StoreOutcome): void {
    if (event.type === "published") this.#addPublished(event, outcome);
    else this.#addTransferred(event, outcome);
  }

  /** Adds messages that are stored in one stream or in several. */
  #addPublished(event: Published, outcome: StoreOutcome): void {
    const { publisher, sequence, settled = 0, storedIn, storedAt, batch } = event;
    const metaBytes = PUBLISHED_SIZES.head + storedIn.length * PUBLISHED_SIZES.stream;
    const record = this.#addRecord(RecordType.published, metaBytes, batch.end - batch.start);
    const view = this.#view;
    let offset = record + RECORD_HEAD_BYTES;
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
    this.#addBatch(batch, offset);
    this.stored.push({ event, offset, recordOffset: record, outcome });
  }

  /** Adds messages that go from one stream to another. */
  #addTransferred(event: Transferred, outcome: StoreOutcome): void {
    const { from, fromId, to, firstId, storedAt, expiresAt = 0, batch } = event;
    const bodyBytes = batch.end - batch.start;
    const record = this.#addRecord(RecordType.transferred, TRANSFERRED_META_BYTES, bodyBytes);
    const offset = record + RECORD_HEAD_BYTES;
    const view = this.#view;
    view.setUint32(offset, from);
    view.setUint32(offset + 4, to);
    view.setUint32(offset + 8, batch.count);
    view.setUint32(offset + 12, 0);
    view.setFloat64(offset + 16, firstId);
    view.setFloat64(offset + 24, fromId);
    view.setFloat64(offset + 32, storedAt);
    view.setFloat64(offset + 40, expiresAt);
    this.#addBatch(batch, offset + TRANSFERRED_META_BYTES);
    const at = offset + TRANSFERRED_META_BYTES;
    this.stored.push({ event, offset: at, recordOffset: record, outcome });
  }

  /** Adds messages that are stored already, to be stored here instead. */
  addMoved(event: Moved, outcome: MoveOutcome): void {
    const { number, firstId, batch } = event;
    const record = this.#addRecord(RecordType.moved, MOVED_META_BYTES, batch.end - batch.start);
    const offset = record + RECORD_HEAD_BYTES;
    this.#view.setUint32(offset, number);
    this.#view.setUint32(offset + 4, batch.count);
    this.#view.setFloat64(offset + 8, firstId);
    this.#addBatch(batch, offset + MOVED_META_BYTES);
    const stored = { event, offset: offset + MOVED_META_BYTES, recordOffset: record, outcome };
    this.stored.push(stored);
  }

  /** Adds any event; nobody hears what becomes of it. */
  addEvent(event: Event): void {
    switch (event.type) {
      case "published":
      case "transferred":
        return this.addStored(event, UNHEARD);
      case "moved":
        return this.addMoved(event, UNHEARD);
      case "acknowledged":
      case "attempted":
      case "dropped":
        return this.addFact(event);
      case "failed":
        return this.addJson(RecordType.event, trimFailed(event));
      default:
        return this.addJson(RecordType.event, event);
    }
  }

  /** Adds a fact about messages. */
  addFact(fact: Fact): void {
    const { number, firstId, count } = fact;
    if (fact.type === "attempted") {
      this.#attempted.push(number, firstId, count, fact.attempts);
      return;
    }
    const list = fact.type === "dropped" ? this.#dropped : this.#acknowledged;
    const last = list.length - 3;
    // One by one or in pieces: what goes on where the last one ends is one range.
    if (last >= 0 && list[last] === number && list[last + 1]! + list[last + 2]! === firstId) {
      list[last + 2]! += count;
    } else {
      list.push(number, firstId, count);
    }
  }

  /** Finishes the bytes: it will be written at this position. */
  seal(spot: Spot, durable: number): void {
    this.#addFacts();
    const { journalId } = spot;
    for (let offset = GROUP_HEAD_BYTES; offset < this.#end;) {
      const position = spot.position + offset;
      offset = sealRecord(this.#bytes, this.#view, offset, { position, journalId });
    }
    const length = this.#end - GROUP_HEAD_BYTES;
    writeGroupHead(this.#view, { length, count: this.#recordCount, durable }, spot);
  }

  /** Takes all messages out, and gives what is to be done about them: there is no room for them. */
  dropMessages(): StoredRecord[] {
    const dropped = this.stored;
    this.stored = [];
    let to = GROUP_HEAD_BYTES;
    let from = GROUP_HEAD_BYTES;
    for (const { recordOffset } of dropped) {
      this.#bytes.copyWithin(to, from, recordOffset);
      to += recordOffset - from;
      from = recordOffset + RECORD_HEAD_BYTES + this.#view.getUint32(recordOffset + 4) +
        this.#view.getUint32(recordOffset + 8);
    }
    this.#bytes.copyWithin(to, from, this.#end);
    this.#end = to + this.#end - from;
    this.#recordCount -= dropped.length;
    return dropped;
  }

  /** Makes it empty, to be used again. */
  clear(): void {
    if (this.#bytes.length > GROUP_BYTES_KEPT) this.#setBytes(new Uint8Array(GROUP_BYTES_MIN));
    this.#end = GROUP_HEAD_BYTES;
    this.#recordCount = 0;
    this.#isMark = false;
    this.#acknowledged = [];
    this.#attempted = [];
    this.#dropped = [];
    this.stored = [];
    this.written = [];
    this.awaiting = [];
  }

  get #factCount(): number {
    const ranges = this.#acknowledged.length + this.#dropped.length;
    return ranges / 3 + this.#attempted.length / 4;
  }

  /** Makes one record of all facts. */
  #addFacts(): void {
    if (this.#factCount === 0) return;
    const record = this.#addRecord(RecordType.facts, this.#factCount * FACT_BYTES, 0);
    let offset = record + RECORD_HEAD_BYTES;
    const add = (kind: number, attempts: number, from: readonly number[], index: number) => {
      const view = this.#view;
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
    this.#acknowledged = [];
    this.#attempted = [];
    this.#dropped = [];
  }

  #addBatch({ buffer, start, end }: MessageBatch, offset: number): void {
    this.#bytes.set(buffer.subarray(start, end), offset);
  }

  /** Makes room for a record and writes the beginning of its head; returns where it begins. */
  #addRecord(type: number, metaBytes: number, bodyBytes: number): number {
    const offset = this.#end;
    this.#end += RECORD_HEAD_BYTES + metaBytes + bodyBytes;
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
