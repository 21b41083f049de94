import type { LoggedState } from "../../../broker/event_log.ts";
import type { Disk, DiskFile } from "../../journal/disk/disk.ts";
import { writeAll } from "../../journal/disk/disk.ts";
import { CheckpointWatch } from "../../journal/recovery/checkpoint_watch.ts";
import { replayPart } from "../../journal/recovery/replay.ts";
import {
  decodeSegmentHead,
  GROUP_HEAD_BYTES,
  readGroupHead,
  SEGMENT_HEAD_BYTES,
  type SegmentHead,
} from "../../journal/segments/format.ts";
import { nameSegment, type SegmentFile } from "../../journal/segments/segment_file.ts";
import type { SegmentList } from "../../journal/segments/segment_list.ts";
import { type ChainPoint, LogDamageError, type TakenRecord } from "../chain.ts";
import type { EpochFields, RecordHead, TrimFields } from "../record.ts";
import type { RecordIndex } from "./record_index.ts";

/** What is read from own files is applied in pieces of this size. */
const STORED_BYTES = 1024 * 1024;

export interface ReplicaOptions {
  /** The own directory. */
  readonly disk: Disk;
  readonly index: Pick<RecordIndex, "prepare" | "note" | "writeHeld" | "nameDropped">;
  readonly state: LoggedState;
  /** Hears the time of the active broker's rules. */
  readonly noteTime: (at: number) => void;
  /** Makes the list of segments, once the journal's id is known. */
  readonly begin: (journalId: number) => SegmentList;
}

/** The segment that records are appended to. */
interface OpenReplica {
  readonly segment: SegmentFile;
  /** Open while it is written to. */
  readonly file: DiskFile;
  readonly head: SegmentHead;
  readonly watch: CheckpointWatch;
  /** Up to which offset its groups are applied. */
  applied: number;
}

/**
 * The records of the log, in own segments and in the state. What counts is a prefix of complete groups: the
 * next owner goes on behind it, and what its predecessor did not finish is given up.
 */
export class Replica {
  readonly #options: ReplicaOptions;
  #segments: SegmentList | undefined;
  #open: OpenReplica | undefined;
  /** Where the journal goes on, if no segment is open. */
  #position = 0;
  /** What is below is not wanted any more. */
  #trimmed = 0;
  #isImporting = false;
  /** What has been done of the record that is being taken. */
  #begun = { sequence: 0, isWritten: false, isNoted: false };

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** The segments; there are none before the first record. */
  get segments(): SegmentList | undefined {
    return this.#segments;
  }

  /** Whether the log has an import that is not complete. */
  get isImporting(): boolean {
    return this.#isImporting;
  }

  /** The position before which everything is complete. */
  get position(): number {
    const { segment, applied } = this.#open ?? {};
    if (segment === undefined) return this.#position;
    return segment.headBytes === 0 ? segment.base : segment.base + applied!;
  }

  /**
   * Takes the next record. If there was no room, or no free descriptor, it may be called again with the same
   * one: what has been done of it is not done twice.
   *
   * @param before The point of the chain before it.
   */
  take(sequence: number, taken: TakenRecord, bytes: Uint8Array, before: ChainPoint): void {
    const { index } = this.#options;
    if (this.#begun.sequence !== sequence) {
      this.#begun = { sequence, isWritten: false, isNoted: false };
    }
    const begun = this.#begun;
    if (!begun.isWritten) {
      index.prepare(taken, before);
      this.#write(sequence, taken);
      begun.isWritten = true;
    }
    if (begun.isNoted) index.writeHeld();
    else {
      // Also if it has no room yet.
      begun.isNoted = true;
      index.note(sequence, taken, bytes);
    }
    this.#finish(sequence, taken, true);
  }

  /**
   * Takes a record that the own files have.
   *
   * @param isDropped Whether its bytes are of a segment that was given up later.
   */
  takeStored(sequence: number, taken: TakenRecord, isDropped: boolean): void {
    const { kind, head, body } = taken;
    if (isDropped) return;
    if (kind === "segment") this.#openSegment(sequence, head!, body, false);
    else if (kind === "bytes") this.#requireOpen(sequence).segment.size += body.length;
    this.#finish(sequence, taken, false);
  }

  /** Cuts off what a crash has left behind the last record that can be used. */
  cut(): void {
    this.#open?.file.truncate(this.#open.segment.size);
  }

  /** Applies all that is complete. */
  apply(sequence: number): void {
    const open = this.#open;
    if (open === undefined) return;
    const { segment, head, watch, applied } = open;
    const end = this.#findComplete(sequence, open);
    if (end === applied) return;
    const { disk, state } = this.#options;
    const [fault] = replayPart(state, { disk, head, segment, watch, start: applied, end });
    if (fault !== undefined || segment.isDamaged) {
      const what = fault?.what ?? "messages are damaged";
      throw new LogDamageError(sequence, `the journal in it is not as it was written: ${what}`);
    }
    open.applied = end;
  }

  /** Makes the list of segments for a new log. */
  begin(journalId: number): SegmentList {
    return this.#segments ??= this.#options.begin(journalId);
  }

  /** Gives up what is not complete. */
  giveUpRest(): void {
    const { position } = this;
    const open = this.#open;
    if (open !== undefined) {
      const { segment, applied } = open;
      if (segment.headBytes === 0) this.#dropSegment(segment);
      else segment.size = applied;
      open.file.close();
    }
    this.#open = undefined;
    this.#position = position;
  }

  /** Ends following: the segments go on without it. */
  close(): void {
    this.#position = this.position;
    this.#open?.file.close();
    this.#open = undefined;
  }

  /** Writes its bytes; it may be called again if there was no room. */
  #write(sequence: number, { kind, head, body }: TakenRecord): void {
    if (kind === "segment") this.#openSegment(sequence, head!, body, true);
    if (kind !== "bytes") return;
    const { segment, file } = this.#requireOpen(sequence);
    const offset = head!.position - segment.base;
    writeAll(file, body, offset);
    segment.size = offset + body.length;
  }

  #finish(sequence: number, { kind, head, body }: TakenRecord, isNew: boolean): void {
    const { segment, applied } = this.#open ?? {};
    const waits = !isNew && kind === "bytes" && segment!.size - applied! < STORED_BYTES;
    if (!waits) this.apply(sequence);
    if (kind === "epoch") this.#change(sequence, head!, readJson<EpochFields>(body));
    if (kind === "release") this.#isImporting = false;
    if (kind === "heartbeat") this.#noteTime(body);
    if (kind === "trim") {
      this.#trimmed = Math.max(this.#trimmed, readJson<TrimFields>(body).position ?? 0);
      this.#removeFree();
    }
  }

  #requireOpen(sequence: number): OpenReplica {
    if (this.#open !== undefined) return this.#open;
    throw new LogDamageError(sequence, "it has bytes, where a segment is expected");
  }

  #openSegment(
    sequence: number,
    { position, journalId }: RecordHead,
    body: Uint8Array,
    isNew: boolean,
  ) {
    this.apply(sequence);
    // The first record of a log that was trimmed is believed.
    if (this.#segments === undefined) this.#position = position;
    if (this.position !== position) {
      throw new LogDamageError(
        sequence,
        `a segment begins at position ${position}, where ${this.position} is expected`,
      );
    }
    const head = decodeSegmentHead(body.subarray(0, SEGMENT_HEAD_BYTES));
    if (typeof head === "string" || head.base !== position || head.journalId !== journalId) {
      throw new LogDamageError(sequence, "it does not begin as the segment that it says it is");
    }
    const { disk } = this.#options;
    const name = nameSegment(position);
    if (isNew && disk.list().some((entry) => entry.name === name)) disk.remove(name);
    const file = isNew ? disk.create(name) : disk.open(name);
    try {
      if (isNew) writeAll(file, body, 0);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#open?.file.close();
    const segment = this.begin(journalId).add({ name, base: position, size: body.length });
    const watch = new CheckpointWatch();
    this.#open = { segment, file, head, watch, applied: SEGMENT_HEAD_BYTES };
    this.#removeFree();
  }

  /** The end of the last complete group. */
  #findComplete(sequence: number, { segment: { base, size }, file, head, applied }: OpenReplica) {
    const bytes = new Uint8Array(GROUP_HEAD_BYTES);
    const view = new DataView(bytes.buffer);
    const { journalId } = head;
    let offset = applied;
    while (size - offset >= GROUP_HEAD_BYTES) {
      file.read(bytes, offset);
      const group = readGroupHead(view, 0, { position: base + offset, journalId });
      if (group === undefined) {
        throw new LogDamageError(sequence, `no group begins at position ${base + offset}`);
      }
      const end = offset + GROUP_HEAD_BYTES + group.length;
      if (end > size) break;
      offset = end;
    }
    return offset;
  }

  /** Another owner goes on: gives up what the one before did not finish. */
  #change(sequence: number, { position }: RecordHead, fields: Partial<EpochFields>): void {
    this.#isImporting = fields.isImport ?? false;
    // The first record is believed.
    if (this.#open === undefined && this.#segments === undefined) this.#position = position;
    if (position !== this.position) {
      throw new LogDamageError(
        sequence,
        `it goes on at position ${position}, and what is complete ends at ${this.position}`,
      );
    }
    this.giveUpRest();
  }

  /** Gives up a segment without its whole checkpoint; its bytes stay, for who has lost them. */
  #dropSegment({ name, base }: SegmentFile): void {
    const { disk, index } = this.#options;
    const dropped = index.nameDropped(base);
    if (disk.list().some((entry) => entry.name === name)) disk.rename(name, dropped);
    // Last: the rest may be tried again.
    this.#segments!.dropLast();
  }

  #removeFree(): void {
    const segments = this.#segments;
    if (segments === undefined) return;
    const free = segments.countFree();
    let count = 0;
    while (count < free && segments.all[count]!.base < this.#trimmed) count++;
    if (count > 0) segments.remove(count);
  }

  #noteTime(body: Uint8Array): void {
    const { at } = readJson<{ at: number }>(body);
    if (at !== undefined) this.#options.noteTime(at);
  }
}

/** Reads the fields of a record that is not damaged. */
export function readJson<T>(body: Uint8Array): Partial<T> {
  return JSON.parse(new TextDecoder().decode(body)) as Partial<T>;
}
