import type { Event } from "../../../broker/event.ts";
import { readEvents } from "../../../broker/events/event_codec.ts";
import type { LoggedState } from "../../../broker/event_log.ts";
import { damaged, type FoundSegment, readHead } from "../segments/directory.ts";
import { type Disk, DiskFullError, writeAll } from "../disk/disk.ts";
import { SEGMENT_HEAD_BYTES, type SegmentHead } from "../segments/format.ts";
import { Group } from "../segments/group.ts";
import { Progress } from "./progress.ts";
import { ReadAhead, type ReadPart } from "../segments/read_ahead.ts";
import { findUnreadable, replayRest, replaySegment } from "./replay.ts";
import { type Fault, scanSegment } from "../segments/scan.ts";
import type { SegmentFile } from "../segments/segment_file.ts";
import type { OpenSegment, SegmentList } from "../segments/segment_list.ts";
import { findTail, type Tail } from "../segments/tail.ts";

/** The most torn ends that are kept: a broker that is killed again and again must not fill its disk. */
const TORN_COUNT_MAX = 16;

export type Report = (
  level: "info" | "warning",
  message: string,
  fields?: Record<string, unknown>,
) => void;

/** Hears, every second, which part of a journal is read, from 0 to 1; then, of which part the messages are ready. */
export type NoteProgress = (part: number, what?: "ready") => void;

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly state: LoggedState;
  readonly segments: SegmentList;
  readonly found: readonly FoundSegment[];
  /** The journal's end at the last orderly stop, if there was one. */
  readonly closedAt: number | undefined;
  /** Returns a monotonic time, in milliseconds. */
  readonly now: () => number;
  readonly report: Report;
  readonly noteProgress?: NoteProgress | undefined;
  /** Makes room on the disk, if it can. */
  readonly makeRoom: () => boolean;
}

/**
 * Rebuilds streams from the journal, and begins the next segment behind its valid end.
 *
 * Segments of earlier brokers are never written to, and bytes that are not proven to be flushed are written
 * anew: after a failed flush the system may show bytes that the disk does not have. The new segment appears
 * when it is complete, so that a crash in between changes nothing.
 */
export async function recover(options: RecoveryOptions): Promise<OpenSegment> {
  const { state, segments, found } = options;
  const heads = openAll(options);
  const tail = await readAll(options, heads);
  const last = segments.all.at(-1);
  if (last === undefined || tail === undefined) return await begin(options, 0, () => {});
  const size = found.at(-1)!.size;
  last.size = tail.proven;
  // A segment with nothing behind its checkpoint, not even something torn, gives up its place.
  const isBare = tail.used <= last.headBytes && last.liveCount === 0;
  const open = await begin(options, isBare ? last.base : last.end, (segment) => {
    const faults = copyTail(last, segment, { head: heads.at(-1)!, tail });
    checkFaults(options.disk, last, faults);
  });
  replayRest(state, open.segment, heads.at(-1)!);
  if (!isBare) cutTail(options, last, { tail, size });
  return open;
}

/** Begins the new segment; without room, tries again after making some. */
async function begin(
  { segments, makeRoom }: RecoveryOptions,
  base: number,
  fill: (segment: SegmentFile) => void,
): Promise<OpenSegment> {
  try {
    return await segments.begin(base, fill);
  } catch (error) {
    if (!(error instanceof DiskFullError) || !makeRoom()) throw error;
    return await segments.begin(base, fill);
  }
}

/** Opens all segments, and checks that they belong together. */
function openAll({ disk, segments, found }: RecoveryOptions): SegmentHead[] {
  const heads: SegmentHead[] = [];
  found.forEach((entry, index) => {
    const segment = segments.add(entry);
    const head = readHead(disk, entry, segment.file);
    heads.push(head);
    const where = `${disk.path}/${entry.name}`;
    if (head.journalId !== heads[0]!.journalId) {
      throw damaged(disk, `${where} at offset 0: it is of another journal than ${found[0]!.name}`);
    }
    const next = found[index + 1];
    if (next === undefined) return;
    if (segment.end < next.base) {
      throw damaged(
        disk,
        `${where} at offset ${entry.size}: the end is missing before ${next.name}`,
      );
    }
    // A later broker has written the bytes behind this anew.
    segment.size = next.base - entry.base;
  });
  return heads;
}

/** Reads everything that is proven; returns the end of the last segment. */
async function readAll(
  options: RecoveryOptions,
  heads: readonly SegmentHead[],
): Promise<Tail | undefined> {
  const { disk, state, segments, closedAt } = options;
  const progress = new Progress(options);
  const ahead = new ReadAhead();
  const lastIndex = segments.all.length - 1;
  let tail: Tail | undefined;
  try {
    for (const [index, segment] of segments.all.entries()) {
      const head = heads[index]!;
      if (index === lastIndex) {
        tail = findTail({ file: segment.file, head, size: segment.size, closedAt });
        checkFaults(disk, segment, tail.faults);
        segment.size = tail.proven;
      }
      // The last one is read when its end is known.
      const next = index + 1 < lastIndex ? partOf(segments.all[index + 1]!) : undefined;
      const pause = (offset: number) => progress.note(index, offset);
      const own = { disk, head, segment, ahead, next, pause };
      checkFaults(disk, segment, await replaySegment(state, own));
    }
  } finally {
    await ahead.settle();
  }
  await progress.end();
  return tail;
}

/** What is read of a segment. */
function partOf({ file, size }: SegmentFile): ReadPart {
  return { file, start: SEGMENT_HEAD_BYTES, end: size };
}

function checkFaults(
  disk: Disk,
  segment: SegmentFile,
  faults: readonly { readonly offset: number; readonly what: string }[],
): void {
  const [first] = faults;
  if (first === undefined) return;
  throw damaged(disk, `${disk.path}/${segment.name} at offset ${first.offset}: ${first.what}`);
}

/**
 * Writes valid but unproven records of a segment to another one, a group at a time; returns faults.
 */
function copyTail(
  from: SegmentFile,
  to: SegmentFile,
  { head, tail: { proven, end } }: { readonly head: SegmentHead; readonly tail: Tail },
): Fault[] {
  const faults: Fault[] = [];
  const group = new Group();
  const write = () => {
    if (group.isEmpty) return;
    group.seal({ position: to.end, journalId: head.journalId }, to.base);
    to.append(...group.pieces);
    group.clear();
  };
  let kind = "";
  const add = (event: Event) => {
    // Each kind of event in groups of its own, so that their order is kept.
    if (group.isFull || kind !== kindOf(event)) write();
    kind = kindOf(event);
    group.addEvent(event);
  };
  scanSegment({ file: from.file, head, start: proven, end }, {
    record(record) {
      const fault = findUnreadable(record, () => readEvents(record, add));
      if (fault !== undefined) faults.push(fault);
    },
    fault() {},
  });
  write();
  return faults;
}

/** The kind of an event in a group: facts are gathered there, and come behind all others. */
function kindOf(event: Event): "messages" | "fact" | "other" {
  switch (event.type) {
    case "published":
    case "transferred":
    case "moved":
      return "messages";
    case "acknowledged":
    case "attempted":
    case "dropped":
      return "fact";
    default:
      return "other";
  }
}

/** Keeps a torn end aside, and cuts off the bytes that were written anew. */
function cutTail(
  { disk, report, state }: RecoveryOptions,
  segment: SegmentFile,
  { tail, size }: { readonly tail: Tail; readonly size: number },
): void {
  if (size <= tail.proven) return;
  const torn = tail.used - tail.end;
  try {
    if (torn > 0) {
      removeOldTorn(disk);
      const name = `${segment.name}.torn-${Math.floor(state.now)}`;
      const aside = disk.create(name);
      const bytes = new Uint8Array(torn);
      segment.file.read(bytes, tail.end);
      writeAll(aside, bytes, 0);
      aside.close();
      report("warning", "the end of a write was torn by a crash; it was not confirmed", {
        file: `${disk.path}/${segment.name}`,
        offset: tail.end,
        bytes: torn,
        aside: name,
      });
    }
    segment.file.truncate(tail.proven);
  } catch (error) {
    // It is no longer read: the next segment begins before it.
    report("warning", "the torn end of a segment could not be put aside", { error });
  }
}

/** Removes the oldest torn ends, to make room for one more. */
function removeOldTorn(disk: Disk): void {
  const torn = disk.list().flatMap(({ name }) => {
    const [, time] = /\.torn-(\d+)$/.exec(name) ?? [];
    return time === undefined ? [] : [{ name, time: Number(time) }];
  });
  torn.sort((one, other) => one.time - other.time);
  const excess = Math.max(0, torn.length - TORN_COUNT_MAX + 1);
  for (const { name } of torn.slice(0, excess)) disk.remove(name);
}
