import type { DiskFile, ReadableDisk } from "../../journal/disk/disk.ts";
import { JournalError } from "../../journal/disk/journal_error.ts";
import { CheckpointWatch } from "../../journal/recovery/checkpoint_watch.ts";
import { readClosedMark } from "../../journal/segments/closed_mark.ts";
import {
  damaged,
  type DirectoryContent,
  type FoundSegment,
  readDirectory,
  readHead,
} from "../../journal/segments/directory.ts";
import type { SegmentHead } from "../../journal/segments/format.ts";
import { scanSegment } from "../../journal/segments/scan.ts";
import { findTail } from "../../journal/segments/tail.ts";
import { Chain } from "../chain.ts";
import { Lease } from "../lease.ts";
import type { Log } from "../log.ts";
import { RECORD_BODY_BYTES_MAX, RECORD_TYPES, RECORD_VERSION } from "../record.ts";
import type { Timing } from "../timing.ts";
import { Window } from "../window.ts";

export interface ImportOptions {
  readonly log: Log;
  /** The directory of the journal; it is only read. */
  readonly disk: ReadableDisk;
  /** Who imports, for people. */
  readonly id: string;
  readonly version: string;
  readonly leaseMs: number;
  readonly timing: Timing;
  readonly random: () => number;
  /** Hears how much was appended. */
  readonly progress?: (bytes: number, of: number) => void;
}

export interface ImportedJournal {
  readonly segments: number;
  readonly bytes: number;
}

/** A segment, as far as it counts. */
interface ImportedSegment extends FoundSegment {
  readonly journalId: number;
}

/**
 * Makes the journal of a broker that was stopped in order, or a backup, the beginning of a cluster's empty
 * log, before the first broker of the cluster starts. Nobody takes over before everything is there.
 *
 * @throws {JournalError} If the journal cannot be used, is damaged or was not stopped in order, or if the log has something.
 */
export async function importJournal(options: ImportOptions): Promise<ImportedJournal> {
  const { log, disk, leaseMs, timing } = options;
  const segments = readSegments(disk);
  for (const segment of segments) checkSegment(disk, segment);
  const { first, last } = await log.bounds();
  if (last > 0 || first > 1) {
    throw new JournalError(
      "unusable",
      `Cannot import ${disk.path}: the cluster's log has had ${last} records; only a log that nobody has written ` +
        "to is allowed",
    );
  }
  const window = new Window({
    log,
    chain: new Chain(),
    pipeline: 4,
    timing,
    lease: new Lease(leaseMs, timing.now()),
    counted() {},
  });
  try {
    const bytes = await append(window, segments, options);
    return { segments: segments.length, bytes };
  } finally {
    window.close();
  }
}

async function append(
  window: Window,
  segments: readonly ImportedSegment[],
  { disk, id, version, leaseMs, random, progress }: ImportOptions,
): Promise<number> {
  const owner = Math.floor(random() * Number.MAX_SAFE_INTEGER);
  const [{ base: position, journalId }] = segments as [ImportedSegment];
  await window.takeOver(owner, journalId, {
    log: owner.toString(36),
    id,
    address: "",
    version,
    recordVersion: RECORD_VERSION,
    leaseMs,
    at: 0,
    position,
    isImport: true,
  });
  const total = segments.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const { name, base, size } of segments) {
    const file = disk.open(name);
    try {
      for (let start = 0; start < size; start += RECORD_BODY_BYTES_MAX) {
        const bytes = new Uint8Array(Math.min(RECORD_BODY_BYTES_MAX, size - start));
        if (file.read(bytes, start) < bytes.length) throw damaged(disk, `${name} is cut short`);
        const type = start === 0 ? RECORD_TYPES.segment : RECORD_TYPES.bytes;
        await window.append(type, base + start, bytes);
        progress?.(done += bytes.length, total);
      }
    } finally {
      file.close();
    }
  }
  await window.append(RECORD_TYPES.release, 0, new Uint8Array(0));
  return total;
}

/** Finds the segments, and how much of each counts. */
function readSegments(disk: ReadableDisk): ImportedSegment[] {
  const content = readDirectory(disk);
  const segments = content.segments.flatMap((found, index) => {
    const file = disk.open(found.name);
    try {
      const head = readHead(disk, found, file);
      const next = content.segments[index + 1];
      const size = next !== undefined
        ? next.base - found.base
        : content.isOfCluster
        ? findEnd(disk, found, { file, head })
        : found.size;
      if (size > found.size) throw damaged(disk, `the end of ${found.name} is missing`);
      return size === 0 ? [] : [{ ...found, size, journalId: head.journalId }];
    } finally {
      file.close();
    }
  });
  if (segments.length === 0) {
    const allowed = "the directory of a broker that was stopped, or a restored backup, is allowed";
    throw refuse(disk, "it has no segment that is whole", allowed);
  }
  const { journalId } = segments[0]!;
  const stranger = segments.find((segment) => segment.journalId !== journalId);
  if (stranger !== undefined) throw damaged(disk, `${stranger.name} is of another journal`);
  if (!content.isOfCluster) requireEnd(disk, content, segments.at(-1)!);
  return segments;
}

/**
 * Where the last segment of a broker of a cluster ends: behind its last whole group. It may have ended in the
 * middle of one, and says nowhere where it stopped. Nothing if its checkpoint is not whole.
 */
function findEnd(
  disk: ReadableDisk,
  { name, size }: FoundSegment,
  { file, head }: { readonly file: DiskFile; readonly head: SegmentHead },
): number {
  const { end, faults: [fault] } = findTail({ file, head, size });
  if (fault !== undefined) throw damaged(disk, `${name} at offset ${fault.offset}: ${fault.what}`);
  const watch = new CheckpointWatch();
  let isWhole = true;
  let recordCount = 0;
  scanSegment({ file, head, end }, {
    record: (record) => {
      recordCount++;
      if (watch.note(record) !== undefined) isWhole = false;
    },
    fault: () => isWhole = false,
  });
  return isWhole && recordCount > 0 && watch.finish() === undefined ? end : 0;
}

/** Refuses a journal that goes on behind what is there, or may do so. */
function requireEnd(
  disk: ReadableDisk,
  { hasEnd }: DirectoryContent,
  { base, size, journalId }: ImportedSegment,
): void {
  const position = hasEnd ? readClosedMark(disk, journalId) : undefined;
  if (position === base + size) return;
  throw refuse(
    disk,
    "its broker was not stopped in order",
    "start that broker once more and stop it, then import its directory",
  );
}

/** Checks a segment: others would stop at what they cannot read. */
function checkSegment(disk: ReadableDisk, { name, base, size, journalId }: ImportedSegment): void {
  const file = disk.open(name);
  const watch = new CheckpointWatch();
  const fail = ({ offset, what }: { readonly offset: number; readonly what: string }) => {
    throw damaged(disk, `${disk.path}/${name} at offset ${offset}: ${what}`);
  };
  try {
    scanSegment({ file, head: { base, journalId }, end: size }, {
      record: (record) => {
        const { offset, isIntact } = record;
        const fault = isIntact ? watch.note(record) : { offset, what: "messages are damaged" };
        if (fault !== undefined) fail(fault);
      },
      fault: fail,
    });
    const fault = watch.finish();
    if (fault !== undefined) fail(fault);
  } finally {
    file.close();
  }
}

function refuse({ path }: ReadableDisk, why: string, allowed: string): JournalError {
  return new JournalError("unusable", `Cannot import ${path}: ${why}; ${allowed}`);
}
