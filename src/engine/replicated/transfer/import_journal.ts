import type { ReadableDisk } from "../../journal/disk/disk.ts";
import { JournalError } from "../../journal/disk/journal_error.ts";
import { CheckpointWatch } from "../../journal/recovery/checkpoint_watch.ts";
import { readClosedMark } from "../../journal/segments/closed_mark.ts";
import {
  damaged,
  type FoundSegment,
  readDirectory,
  readHead,
} from "../../journal/segments/directory.ts";
import { scanSegment } from "../../journal/segments/scan.ts";
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
  const [first] = content.segments;
  if (content.isOfCluster || first === undefined) {
    const what = first === undefined ? "it has no segment" : "it is of a broker of a cluster";
    throw refuse(disk, what, "the directory of a single broker's journal, or a backup, is allowed");
  }
  const segments = content.segments.map((found, index) => {
    const file = disk.open(found.name);
    try {
      const { journalId } = readHead(disk, found, file);
      const next = content.segments[index + 1];
      const size = next === undefined ? found.size : next.base - found.base;
      if (size > found.size) throw damaged(disk, `the end of ${found.name} is missing`);
      return { ...found, size, journalId };
    } finally {
      file.close();
    }
  });
  const { journalId } = segments[0]!;
  const stranger = segments.find((segment) => segment.journalId !== journalId);
  if (stranger !== undefined) throw damaged(disk, `${stranger.name} is of another journal`);
  const last = segments.at(-1)!;
  const position = content.hasEnd ? readClosedMark(disk, journalId) : undefined;
  if (position !== last.base + last.size) {
    throw refuse(
      disk,
      "its broker was not stopped in order",
      "start that broker once more and stop it, then import its directory",
    );
  }
  return segments;
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
