import { RecordType } from "../../../broker/events/record.ts";
import type { DiskFile } from "../disk/disk.ts";
import { GROUP_HEAD_BYTES, SEGMENT_HEAD_BYTES, type SegmentHead } from "./format.ts";
import { type Fault, scanSegment } from "./scan.ts";

/** Zeros up to the end of a page may be of a torn write: it may end with some. */
const PAGE_BYTES = 4096;

/** So many bytes are looked at together. */
const CHUNK_BYTES = 256 * 1024;

export interface Tail {
  /** The offset up to which everything was certainly flushed. */
  readonly proven: number;
  /** The offset up to which everything counts: the end of the last group before any torn write. */
  readonly end: number;
  /** The offset behind which there are only pages of zeros, which were written ahead. */
  readonly used: number;
  /** The faults before the proven offset. */
  readonly faults: readonly Fault[];
}

/**
 * The end of a journal: the part of its last segment that counts after a crash.
 *
 * An unflushed write may have reached the disk in parts, in any order, or not at all. So a fault behind
 * the last proven position is a torn write, and the journal ends before it: later bytes were not confirmed
 * and are never used. Bytes before that position were whole when they were flushed: a fault there is
 * damage.
 *
 * Any intact group proves a position: it says up to where everything was flushed when it was written.
 */
export function findTail(
  { file, head, size, closedAt }: {
    readonly file: DiskFile;
    readonly head: SegmentHead;
    readonly size: number;
    /** The journal's end at the last orderly stop, if there was one. */
    readonly closedAt?: number | undefined;
  },
): Tail {
  // The head is flushed before the segment gets its name; so are the groups behind it, the checkpoint:
  // if not even the first one's head is there and intact, something was lost that had been.
  let proven = Math.max(
    SEGMENT_HEAD_BYTES + GROUP_HEAD_BYTES,
    (closedAt ?? 0) - head.base,
  );
  let isFirst = true;
  let isInCheckpoint = false;
  let isRepaired = false;
  const groups: { offset: number; end: number; isIntact: boolean }[] = [];
  const faults: Fault[] = [];
  scanSegment({ file, head, end: size }, {
    group(group) {
      const { offset, end, durable } = group;
      proven = Math.max(proven, Math.min(durable - head.base, offset));
      if (isFirst && offset === SEGMENT_HEAD_BYTES) proven = Math.max(proven, end);
      isFirst = false;
      if (isInCheckpoint) proven = Math.max(proven, end);
      groups.push({ offset, end, isIntact: true });
    },
    record({ type, isIntact }) {
      if (!isIntact) groups.at(-1)!.isIntact = false;
      // Of what a repair has taken away it is not known whether it was the last piece.
      isRepaired ||= type >= RecordType.void;
      isInCheckpoint = type === RecordType.piece && !isRepaired;
    },
    fault(fault) {
      isFirst = false;
      if (isInCheckpoint) proven = Math.max(proven, fault.end);
      faults.push(fault);
      const group = groups.at(-1);
      if (group !== undefined && fault.offset > group.offset && fault.offset < group.end) {
        group.isIntact = false;
      }
    },
  });
  // The missing end was there once; its size is not known.
  if (isInCheckpoint) proven = Math.max(proven, size + 1);
  if (size < proven) faults.push({ offset: size, end: proven, what: "the end is missing" });
  // A group with a fault is faulty as a whole.
  const starts = groups.filter(({ isIntact }) => !isIntact).map(({ offset }) => offset);
  const torn = [...starts, ...faults.map(({ offset }) => offset)].filter((at) => at >= proven);
  const end = Math.min(size, ...torn);
  return {
    proven: Math.min(proven, size),
    end,
    used: findUsed(file, end, size),
    faults: faults.filter(({ offset }) => offset < proven),
  };
}

/** The end of the last page with anything but zeros, but not before `end`. */
function findUsed(file: DiskFile, end: number, size: number): number {
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, size - end));
  for (let to = size; to > end;) {
    const from = Math.max(end, to - chunk.length);
    const count = file.read(chunk.subarray(0, to - from), from);
    const last = chunk.subarray(0, count).findLastIndex((byte) => byte !== 0);
    if (last >= 0) return Math.min(size, Math.ceil((from + last + 1) / PAGE_BYTES) * PAGE_BYTES);
    to = from;
  }
  return end;
}
