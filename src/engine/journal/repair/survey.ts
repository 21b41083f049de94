import { readEvents } from "../../../broker/events/event_codec.ts";
import { listMessages, type RecordMessages } from "../../../broker/events/message_record.ts";
import { RecordType } from "../../../broker/events/record.ts";
import { readClosedMark } from "../segments/closed_mark.ts";
import { CheckpointWatch } from "../recovery/checkpoint_watch.ts";
import {
  type DirectoryContent,
  type FoundSegment,
  readDirectory,
  refuseLaterVersion,
} from "../segments/directory.ts";
import type { DiskFile, ReadableDisk } from "../disk/disk.ts";
import {
  decodeSegmentHead,
  GROUP_HEAD_BYTES,
  JOURNAL_ID_OFFSET,
  readGroupHead,
  SEGMENT_HEAD_BYTES,
  type SegmentHead,
} from "../segments/format.ts";
import { readPieces } from "../recovery/checkpoint_v3.ts";
import { findUnreadable } from "../recovery/replay.ts";
import { type Fault, type ScannedRecord, scanSegment } from "../segments/scan.ts";
import { findTail } from "../segments/tail.ts";

export interface Finding {
  readonly segment: FoundSegment;
  readonly offset: number;
  readonly end: number;
  /** The offset of its group, or its own if it is in none. */
  readonly groupOffset: number;
  readonly what: string;
  /**
   * The repair: a `head` is written again, of a `record` only the messages are given up, a `region` is
   * given up as a whole.
   */
  readonly kind: "head" | "record" | "region";
  /** The messages that are lost with it, if known. */
  readonly messages: readonly RecordMessages[];
}

export interface SegmentSurvey {
  readonly segment: FoundSegment;
  readonly end: number;
  readonly groupCount: number;
  readonly recordCount: number;
  readonly messageCount: number;
}

export interface Survey {
  readonly content: DirectoryContent;
  /** The journal's id, if known. */
  readonly journalId: number | undefined;
  readonly segments: readonly SegmentSurvey[];
  readonly findings: readonly Finding[];
  /** The bytes of an unfinished write at the end. */
  readonly tornBytes: number;
  readonly streams: ReadonlyMap<number, string>;
}

/**
 * Surveys a journal: its segments and all faults. Changes nothing.
 */
export function surveyJournal(disk: ReadableDisk): Survey {
  return new Surveyor(disk).run();
}

class Surveyor {
  readonly #disk: ReadableDisk;
  readonly #content: DirectoryContent;
  readonly #findings: Finding[] = [];
  readonly #segments: SegmentSurvey[] = [];
  readonly #streams = new Map<number, string>();
  #journalId: number | undefined;
  #tornBytes = 0;

  constructor(disk: ReadableDisk) {
    this.#disk = disk;
    this.#content = readDirectory(disk);
  }

  run(): Survey {
    const { segments } = this.#content;
    this.#journalId = this.#findJournalId();
    segments.forEach((segment, index) => {
      const file = this.#disk.open(segment.name);
      try {
        this.#look(segment, file, segments[index + 1]);
      } finally {
        file.close();
      }
    });
    return {
      content: this.#content,
      journalId: this.#journalId,
      segments: this.#segments,
      findings: this.#findings,
      tornBytes: this.#tornBytes,
      streams: this.#streams,
    };
  }

  /** The id that most intact heads have; if none is intact, one that a group fits. */
  #findJournalId(): number | undefined {
    const counts = new Map<number, number>();
    let deduced: number | undefined;
    for (const { name, base } of this.#content.segments) {
      const file = this.#disk.open(name);
      const head = readHeadOf(file);
      if (typeof head === "string") deduced ??= deduceJournalId(file, base);
      file.close();
      if (typeof head === "object") {
        counts.set(head.journalId, (counts.get(head.journalId) ?? 0) + 1);
      }
    }
    const [most] = [...counts].sort(([, one], [, other]) => other - one);
    return most?.[0] ?? deduced;
  }

  #look(segment: FoundSegment, file: DiskFile, next: FoundSegment | undefined): void {
    const found = readHeadOf(file);
    if (found === "a later version") {
      const bytes = new Uint8Array(SEGMENT_HEAD_BYTES);
      file.read(bytes, 0);
      throw refuseLaterVersion(`${this.#disk.path}/${segment.name}`, bytes);
    }
    const head = { base: segment.base, journalId: this.#journalId ?? 0 };
    const isRight = typeof found === "object" && found.base === head.base &&
      found.journalId === head.journalId;
    if (!isRight) this.#addHead(segment, found);
    const isLast = next === undefined;
    const end = isLast ? this.#findEnd(segment, file, head) : next.base - segment.base;
    this.#scan(segment, { file, head, end: Math.min(end, segment.size) });
    if (end > segment.size) this.#addMissing(segment, end);
  }

  /** Notes a missing end; a record cut short in front of it belongs to it. */
  #addMissing(segment: FoundSegment, end: number): void {
    const last = this.#findings.at(-1);
    const isCutShort = last?.segment === segment && last.kind === "region" &&
      last.end === segment.size;
    const offset = isCutShort ? last.offset : segment.size;
    if (isCutShort) this.#findings.pop();
    this.#add(segment, { offset, end, what: "the end is missing", kind: "region" });
  }

  #addHead(segment: FoundSegment, found: SegmentHead | string): void {
    const what = typeof found === "object"
      ? `its head is that of another segment (position ${found.base}, journal ${found.journalId})`
      : `its head is ${found}`;
    const end = Math.min(SEGMENT_HEAD_BYTES, segment.size);
    this.#add(segment, { offset: 0, end, what, kind: "head" });
  }

  /** The offset up to which the last segment counts; the scan also finds faults before it. */
  #findEnd(segment: FoundSegment, file: DiskFile, head: SegmentHead): number {
    const { hasEnd } = this.#content;
    const closedAt = hasEnd ? readClosedMark(this.#disk, head.journalId) : undefined;
    const tail = findTail({ file, head, size: segment.size, closedAt });
    this.#tornBytes = tail.used - tail.end;
    const isShort = tail.faults.some(({ offset }) => offset >= segment.size);
    if (!isShort) return tail.end;
    const end = (closedAt ?? head.base) - head.base;
    return Math.max(end, segment.size, SEGMENT_HEAD_BYTES + GROUP_HEAD_BYTES);
  }

  #scan(
    segment: FoundSegment,
    options: { readonly file: DiskFile; readonly head: SegmentHead; readonly end: number },
  ): void {
    let [groupCount, recordCount, messageCount] = [0, 0, 0];
    let group = { offset: 0, end: 0 };
    const watch = new CheckpointWatch();
    // Without some of its checkpoint a segment is of no use: it is cut off as a whole.
    const cutAt = (offset: number) => watch.isOpen ? SEGMENT_HEAD_BYTES : offset;
    const note = (fault: Fault | undefined, groupOffset: number) => {
      if (fault !== undefined) this.#add(segment, { ...fault, kind: "record", groupOffset });
    };
    scanSegment(options, {
      group: (found) => {
        group = found;
        groupCount++;
      },
      record: (record) => {
        recordCount++;
        if (record.type < RecordType.void) messageCount += countMessages(record);
        note(watch.note(record), SEGMENT_HEAD_BYTES);
        note(findUnreadable(record, () => this.#noteStreams(record)), cutAt(group.offset));
        if (!record.isIntact) this.#addRecord(segment, record, group.offset);
      },
      fault: ({ offset, end, what }) => {
        const isInGroup = offset > group.offset && offset < group.end;
        const groupOffset = cutAt(isInGroup ? group.offset : offset);
        this.#add(segment, { offset, end, what, kind: "region", groupOffset });
      },
    });
    note(watch.finish(), SEGMENT_HEAD_BYTES);
    this.#segments.push({ segment, end: options.end, groupCount, recordCount, messageCount });
  }

  #addRecord(segment: FoundSegment, record: ScannedRecord, groupOffset: number): void {
    this.#add(segment, {
      offset: record.offset,
      end: record.bodyOffset + record.end - record.start,
      what: "messages are not as they were written",
      kind: "record",
      groupOffset,
      messages: listMessages(record),
    });
  }

  #add(
    segment: FoundSegment,
    { groupOffset, messages = [], ...finding }:
      & Pick<Finding, "offset" | "end" | "what" | "kind">
      & Partial<Finding>,
  ): void {
    const at = groupOffset ?? finding.offset;
    this.#findings.push({ ...finding, segment, groupOffset: at, messages });
  }

  #noteStreams(record: ScannedRecord): void {
    if (record.type === RecordType.checkpoint || record.type === RecordType.piece) {
      for (const piece of readPieces(record)) {
        if (piece.piece === "stream") this.#streams.set(piece.number, piece.name);
      }
    } else if (record.type === RecordType.event) {
      readEvents(record, (event) => {
        if (event.type === "streamCreated") this.#streams.set(event.number, event.name);
      });
    }
  }
}

/**
 * The journal's id by a damaged head: as it is there, or with one bit changed, if the checksum of the
 * group behind the head is right with it.
 */
function deduceJournalId(file: DiskFile, base: number): number | undefined {
  const bytes = new Uint8Array(SEGMENT_HEAD_BYTES + GROUP_HEAD_BYTES);
  if (file.read(bytes, 0) < bytes.length) return undefined;
  const view = new DataView(bytes.buffer);
  const idBytes = bytes.slice(JOURNAL_ID_OFFSET, JOURNAL_ID_OFFSET + 8);
  const id = new DataView(idBytes.buffer);
  const fits = () => {
    const spot = { position: base + SEGMENT_HEAD_BYTES, journalId: id.getFloat64(0) };
    const isId = Number.isInteger(spot.journalId) && spot.journalId === spot.journalId >>> 0;
    return isId && readGroupHead(view, SEGMENT_HEAD_BYTES, spot) !== undefined;
  };
  if (fits()) return id.getFloat64(0);
  for (let bit = 0; bit < 64; bit++) {
    const [at, mask] = [bit >>> 3, 1 << (bit & 7)];
    idBytes[at]! ^= mask;
    if (fits()) return id.getFloat64(0);
    idBytes[at]! ^= mask;
  }
  return undefined;
}

function readHeadOf(file: DiskFile): SegmentHead | string {
  const bytes = new Uint8Array(SEGMENT_HEAD_BYTES);
  return decodeSegmentHead(bytes.subarray(0, file.read(bytes, 0)));
}

function countMessages(record: ScannedRecord): number {
  return listMessages(record).reduce((sum, { count }) => sum + count, 0);
}
