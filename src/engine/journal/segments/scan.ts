import { type EncodedRecord, RecordType } from "../../../broker/events/record.ts";
import type { DiskFile } from "../disk/disk.ts";
import {
  checksum,
  GROUP_HEAD_BYTES,
  GROUP_MAGIC,
  type GroupHead,
  headChecksum,
  readGroupHead,
  RECORD_HEAD_BYTES,
  SEGMENT_HEAD_BYTES,
  type SegmentHead,
  type Spot,
} from "./format.ts";
import type { ReadAhead, ReadPart } from "./read_ahead.ts";
import { ScanWindow } from "./scan_window.ts";

/** A record in the buffer of the scan; valid during the call only. */
export interface ScannedRecord extends EncodedRecord {
  readonly offset: number;
  readonly bodyOffset: number;
  readonly isIntact: boolean;
}

export interface ScannedGroup extends GroupHead {
  readonly offset: number;
  readonly end: number;
}

/** A part of a segment that is not as it was written. */
export interface Fault {
  readonly offset: number;
  /** The offset of the next intact part, or the end of the file. */
  readonly end: number;
  readonly what: string;
}

export interface ScanVisitor {
  /** A group begins; `false` skips it. */
  group?(group: ScannedGroup): boolean | void;
  /** A record of the group, in order; its head is intact. */
  record?(record: ScannedRecord): void;
  /** A fault. The scan continues at the next intact group or record. */
  fault(fault: Fault): void;
}

export interface ScanOptions {
  readonly file: DiskFile;
  readonly head: SegmentHead;
  /** Where to end; later bytes are not read. */
  readonly end: number;
  /** Where to begin; behind the head by default. */
  readonly start?: number | undefined;
}

/**
 * Reads a segment from its beginning: its groups, and the parts that are not as they were written.
 *
 * Only bytes with the right checksum for their place are believed. Whether a fault is a write that a crash
 * has torn, or damage, is not decided here: that takes the durable position that later groups prove, see
 * `tail.ts`.
 */
export function scanSegment(options: ScanOptions, visitor: ScanVisitor): void {
  new Scan(options, visitor).run();
}

export interface ScanAheadOptions extends ScanOptions {
  readonly ahead: ReadAhead;
  /** What is read when this segment has come to its end. */
  readonly next?: ReadPart | undefined;
  /** Called before each chunk, with its offset; the scan waits for it. */
  readonly pause: (offset: number) => Promise<void> | undefined;
}

/** Reads a segment as {@linkcode scanSegment} does, but in chunks that are read ahead on another thread. */
export async function scanAhead(options: ScanAheadOptions, visitor: ScanVisitor): Promise<void> {
  await new Scan(options, visitor).runAhead(options);
}

class Scan {
  readonly #head: SegmentHead;
  readonly #end: number;
  readonly #visitor: ScanVisitor;
  readonly #window: ScanWindow;
  #offset: number;

  constructor({ file, head, end, start = SEGMENT_HEAD_BYTES }: ScanOptions, visitor: ScanVisitor) {
    this.#head = head;
    this.#end = end;
    this.#visitor = visitor;
    this.#window = new ScanWindow(file, end);
    this.#offset = start;
  }

  run(): void {
    while (this.#offset < this.#end) this.#step(this.#readGroup(this.#offset));
  }

  async runAhead({ ahead, next, pause }: ScanAheadOptions): Promise<void> {
    while (this.#offset < this.#end) {
      let group = this.#findNear();
      if (group === undefined && !this.#isFaultNear()) {
        const pausing = pause(this.#offset);
        if (pausing !== undefined) await pausing;
        await this.#window.advance(this.#offset, ahead, next);
        group = this.#findNear();
      }
      if (group === undefined) {
        // What is larger than a chunk, or not as it was written, is read here and now.
        await ahead.settle();
        group = this.#readGroup(this.#offset);
      }
      this.#step(group);
    }
    this.#window.close(ahead);
  }

  /** The group at the present offset, if all of it is in memory. */
  #findNear(): ScannedGroup | undefined {
    if (!this.#window.covers(this.#offset, GROUP_HEAD_BYTES)) return undefined;
    const group = this.#readGroup(this.#offset);
    const isWhole = group !== undefined &&
      this.#window.covers(this.#offset, group.end - group.offset);
    return isWhole ? group : undefined;
  }

  /** Whether no intact group begins at the present offset, as far as is known without reading. */
  #isFaultNear(): boolean {
    return this.#window.covers(this.#offset, GROUP_HEAD_BYTES) &&
      this.#readGroup(this.#offset) === undefined;
  }

  #step(group: ScannedGroup | undefined): void {
    if (group === undefined) this.#skipFault("no intact group begins here");
    else if (group.end > this.#end) this.#skipFault("a group is cut short", group.offset + 1);
    else {
      this.#visitGroup(group);
      this.#offset = group.end;
    }
  }

  #readGroup(offset: number): ScannedGroup | undefined {
    const index = this.#window.reach(offset, GROUP_HEAD_BYTES);
    if (this.#window.countFrom(index) < GROUP_HEAD_BYTES) return undefined;
    const head = readGroupHead(this.#window.view, index, this.#spot(offset));
    if (head === undefined) return undefined;
    return { ...head, offset, end: offset + GROUP_HEAD_BYTES + head.length };
  }

  /** Reports a fault, and continues at the next intact group. */
  #skipFault(what: string, from: number = this.#offset + 1): void {
    const offset = this.#offset;
    this.#offset = this.#findGroup(from);
    this.#visitor.fault({ offset, end: this.#offset, what });
  }

  /** Searches for a group with an intact head, byte by byte. */
  #findGroup(from: number): number {
    for (let offset = from; offset + GROUP_HEAD_BYTES <= this.#end;) {
      // What is in memory is searched first: with many faults it would be read again for each.
      const index = this.#window.reach(offset, GROUP_HEAD_BYTES);
      const count = this.#window.countFrom(index);
      if (count < GROUP_HEAD_BYTES) break;
      const { view } = this.#window;
      for (let step = 0; step <= count - GROUP_HEAD_BYTES; step++) {
        if (view.getUint32(index + step) !== GROUP_MAGIC) continue;
        const group = readGroupHead(view, index + step, this.#spot(offset + step));
        if (group !== undefined) return offset + step;
      }
      offset += count - GROUP_HEAD_BYTES + 1;
    }
    return this.#end;
  }

  #visitGroup(group: ScannedGroup): void {
    if (this.#visitor.group?.(group) === false) return;
    const shift = this.#window.reach(group.offset, group.end - group.offset) - group.offset;
    for (let offset = group.offset + GROUP_HEAD_BYTES; offset < group.end;) {
      const end = this.#findRecordEnd(offset, group, shift);
      if (end === undefined) {
        const next = this.#findRecord(offset + 1, group, shift);
        this.#visitor.fault({ offset, end: next, what: "a record's head is damaged" });
        offset = next;
        continue;
      }
      this.#visitRecord(offset, end, shift);
      offset = end;
    }
  }

  /** The end of the record at an offset, if there is one with an intact head. */
  #findRecordEnd(offset: number, group: ScannedGroup, shift: number): number | undefined {
    const { view, bytes } = this.#window;
    const index = offset + shift;
    if (group.end - offset < RECORD_HEAD_BYTES) return undefined;
    const metaBytes = view.getUint32(index + 4);
    const bodyBytes = view.getUint32(index + 8);
    if (view.getUint8(index) === 0 || view.getUint8(index + 1) !== 0) return undefined;
    const left = group.end - offset - RECORD_HEAD_BYTES;
    if (metaBytes > left || bodyBytes > left - metaBytes) return undefined;
    const crc = headChecksum(
      bytes,
      index,
      index + RECORD_HEAD_BYTES + metaBytes,
      this.#spot(offset),
    );
    if (crc !== view.getUint32(index + 16)) return undefined;
    return offset + RECORD_HEAD_BYTES + metaBytes + bodyBytes;
  }

  /** Searches for a record with an intact head, byte by byte; the end of the group if there is none. */
  #findRecord(from: number, group: ScannedGroup, shift: number): number {
    for (let offset = from; offset < group.end; offset++) {
      if (this.#findRecordEnd(offset, group, shift) !== undefined) return offset;
    }
    return group.end;
  }

  #visitRecord(offset: number, end: number, shift: number): void {
    if (this.#visitor.record === undefined) return;
    const { view, bytes } = this.#window;
    const index = offset + shift;
    const metaAt = index + RECORD_HEAD_BYTES;
    const start = metaAt + view.getUint32(index + 4);
    const type = view.getUint8(index);
    const { position, journalId } = this.#spot(offset);
    const bodyEnd = end + shift;
    const isIntact = type >= RecordType.void ||
      checksum(bytes, position, journalId, start, bodyEnd) === view.getUint32(index + 12);
    this.#visitor.record({
      type,
      meta: new DataView(bytes.buffer, metaAt, start - metaAt),
      buffer: bytes,
      start,
      end: bodyEnd,
      offset,
      bodyOffset: start - shift,
      isIntact,
    });
  }

  #spot(offset: number): Spot {
    return { position: this.#head.base + offset, journalId: this.#head.journalId };
  }
}
