import { BrokerError } from "../../../../protocol.ts";
import { readEvents } from "../../../broker/events/event_codec.ts";
import { FailedReader } from "../../../broker/events/failed_reader.ts";
import { listMessages } from "../../../broker/events/message_record.ts";
import { readJsonBytes, RecordType, UnreadableRecordError } from "../../../broker/events/record.ts";
import type { LoggedState } from "../../../broker/event_log.ts";
import { invariant } from "../../../broker/invariant.ts";
import { readPieceHead } from "../../../broker/events/piece_head.ts";
import type { SnapshotPiece } from "../../../broker/state/snapshot.ts";
import { readPieces } from "./checkpoint_v3.ts";
import { CheckpointWatch } from "./checkpoint_watch.ts";
import type { Disk } from "../disk/disk.ts";
import type { SegmentHead } from "../segments/format.ts";
import {
  type Fault,
  scanAhead,
  type ScanAheadOptions,
  type ScannedRecord,
  scanSegment,
  type ScanVisitor,
} from "../segments/scan.ts";
import type { SegmentFile } from "../segments/segment_file.ts";

/** The known types of records; a void record may have had any type. */
const KNOWN_TYPES: ReadonlySet<number> = new Set([0, ...Object.values(RecordType)]);

export interface ReplayOptions {
  readonly disk: Disk;
  readonly head: SegmentHead;
  readonly segment: SegmentFile;
}

/** A part of a segment, and the watch over its checkpoint. */
export interface ReplayPartOptions extends ReplayOptions {
  readonly watch: CheckpointWatch;
  /** Where it begins; behind the head by default. */
  readonly start?: number;
  readonly end: number;
}

/** A segment that is read ahead. */
export interface ReplayAheadOptions
  extends ReplayOptions, Pick<ScanAheadOptions, "ahead" | "next" | "pause"> {}

/** Applies a segment's events; resolves to faults that belong to no stream. */
export async function replaySegment(
  state: LoggedState,
  options: ReplayAheadOptions,
): Promise<Fault[]> {
  const { segment: { file, size: end } } = options;
  const watch = new CheckpointWatch();
  const faults: Fault[] = [];
  await scanAhead({ ...options, file, end }, visitRecords(state, { ...options, watch }, faults));
  const fault = watch.finish();
  return fault === undefined ? faults : [...faults, fault];
}

/** Applies the events of some groups of a segment; returns faults that belong to no stream. */
export function replayPart(state: LoggedState, options: ReplayPartOptions): Fault[] {
  const { head, segment: { file }, start, end } = options;
  const faults: Fault[] = [];
  scanSegment({ file, head, start, end }, visitRecords(state, options, faults));
  return faults;
}

/** Makes a visitor that applies the events of records, and adds faults that belong to no stream. */
function visitRecords(
  state: LoggedState,
  { disk, segment, watch }: ReplayOptions & Pick<ReplayPartOptions, "watch">,
  faults: Fault[],
): ScanVisitor {
  const addFault = (fault: Fault | undefined) => fault && void faults.push(fault);
  const failed = new FailedReader();
  return {
    record(record) {
      if (!record.isIntact) return noteDamage(state, record, { disk, segment });
      if (!KNOWN_TYPES.has(record.type % RecordType.void)) {
        const { offset, bodyOffset: end } = record;
        return void faults.push({ offset, end, what: `a record of unknown type ${record.type}` });
      }
      addFault(watch.note(record));
      addFault(findUnreadable(record, () => replayRecord(state, record, segment, failed)));
    },
    fault: (fault) => void faults.push(fault),
  };
}

/** Applies the events behind a segment's checkpoint, which was just written. */
export function replayRest(state: LoggedState, segment: SegmentFile, head: SegmentHead): void {
  const { base, file, headBytes: start, size: end } = segment;
  scanSegment({ file, head: { ...head, base }, start, end }, {
    record(record) {
      invariant(record.isIntact, "what was just written is as it was written");
      replayRecord(state, record, segment);
    },
    fault: ({ what }) => invariant(false, what),
  });
}

function replayRecord(
  state: LoggedState,
  record: ScannedRecord,
  segment: SegmentFile,
  failed?: FailedReader,
): void {
  const { type, bodyOffset } = record;
  if (type === RecordType.piece) replayPiece(state, record);
  if (type === RecordType.checkpoint) {
    for (const piece of readPieces(record)) state.restorePiece(piece);
  }
  if (type === RecordType.complete || type === RecordType.checkpoint) {
    segment.headBytes ||= bodyOffset;
  }
  if (type >= RecordType.void) {
    for (const { number, firstId, count } of listMessages(record)) {
      state.skipIds(number, firstId + count);
    }
  }
  readEvents(record, (event) => state.apply(event), { segment, offset: bodyOffset }, failed);
}

/** Reads a piece of a snapshot as far as it is not known yet. */
function replayPiece(state: LoggedState, { meta }: ScannedRecord): void {
  const bytes = new Uint8Array(meta.buffer, meta.byteOffset, meta.byteLength);
  const head = readPieceHead(bytes, readPiece);
  if (head === undefined || !state.passPiece(head)) state.restorePiece(readPiece(bytes));
}

function readPiece(bytes: Uint8Array): SnapshotPiece {
  return readJsonBytes(bytes) as SnapshotPiece;
}

/** Reads a record; returns the fault if it cannot be read. */
export function findUnreadable(
  { type, offset, bodyOffset, start, end }: ScannedRecord,
  read: () => void,
): Fault | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof UnreadableRecordError)) throw error;
    const isOfCheckpoint = type === RecordType.checkpoint || type === RecordType.piece;
    const what = `${isOfCheckpoint ? "a checkpoint" : "an event"} cannot be read`;
    return { offset, end: bodyOffset + end - start, what: `${what} (${error.message})` };
  }
}

/** Notes that messages of a record are damaged: their streams are not served. */
function noteDamage(
  state: LoggedState,
  record: ScannedRecord,
  { disk, segment }: { readonly disk: Disk; readonly segment: SegmentFile },
): void {
  segment.isDamaged = true;
  for (const { number, firstId, count } of listMessages(record)) {
    const ids = count === 1
      ? `message ${firstId}`
      : `messages ${firstId} to ${firstId + count - 1}`;
    state.skipIds(number, firstId + count);
    state.noteDamage(number, (name) =>
      explainDamage(disk, {
        stream: name,
        what: `${ids} in ${disk.path}/${segment.name} at offset ${record.offset}`,
      }));
  }
}

/** The error for all calls on a stream of which something cannot be read. */
function explainDamage(
  { path }: Disk,
  { stream, what }: { readonly stream: string; readonly what: string },
): BrokerError {
  return new BrokerError(
    "STREAM_DAMAGED",
    `Cannot serve stream "${stream}": ${what} cannot be read; "verify ${path}" tells more, ` +
      `"repair ${path} --skip-damaged" gives up what cannot be read`,
  );
}
