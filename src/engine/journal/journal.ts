import { BrokerError } from "../../../protocol.ts";
import type { SyncLevel } from "../../broker/engine.ts";
import type { Appender, EventLog, LoggedState } from "../../broker/event_log.ts";
import { invariant } from "../../broker/invariant.ts";
import { LogBusyError, type Pager, type Segment } from "../../broker/backlog/pager.ts";
import { Backups } from "./backup/backups.ts";
import { readClosedMark, writeClosedMark } from "./segments/closed_mark.ts";
import { Committer } from "./committer.ts";
import { Compactor } from "./compactor.ts";
import {
  CLOSED_NAME,
  damaged,
  type DirectoryContent,
  findJournalId,
  readDirectory,
  refuseCluster,
  RESERVE_NAME,
} from "./segments/directory.ts";
import { DescriptorShortageError, type Disk, DiskFullError } from "./disk/disk.ts";
import { DiskSpace, RESERVE_BYTES } from "./segments/disk_space.ts";
import { checksum } from "./segments/format.ts";
import { OpenJournalCounters } from "./journal_counters.ts";
import { JournalError } from "./disk/journal_error.ts";
import { type NoteProgress, recover, type Report } from "./recovery/recovery.ts";
import { SegmentFile } from "./segments/segment_file.ts";
import type { JournalSource } from "./journal_source.ts";
import { chooseSegmentBytes, type OpenSegment, SegmentList } from "./segments/segment_list.ts";

/**
 * The interval of checks that a start would find the files that are written to, in milliseconds. Messages
 * confirmed since the last check are lost with replaced files.
 */
const LOSS_LOOK_MS = 1000;

export interface JournalOptions {
  /** The directory, which this broker alone uses. */
  readonly disk: Disk;
  readonly level: SyncLevel;
  /** How long confirmed bytes may stay unflushed with level `interval`, in milliseconds. */
  readonly intervalMs: number;
  /** The size at which a segment takes no more groups; by default at most 64 MiB. */
  readonly segmentBytes?: number;
  /** The largest reserve for acknowledgements, in bytes. */
  readonly reserveBytes?: number;
  /** Returns a monotonic time, in milliseconds. */
  readonly now: () => number;
  /** Returns the time for tending the disk, in milliseconds, if it is another one. */
  readonly diskNow?: () => number;
  readonly report: Report;
  readonly noteProgress?: NoteProgress | undefined;
  /** Called once when nothing can be made durable any more. */
  readonly fail: (error: unknown) => void;
  /** Makes the id of a new journal; random by default. */
  readonly newJournalId?: number;
  /** The engine's name; "journal" by default. */
  readonly name?: string;
  /** What a confirm promises, in a word; by default the level. */
  readonly durability?: string;
  /** How it is opened, if its directory alone does not say what is in it. */
  readonly source?: JournalSource;
}

/**
 * A log of events on a disk.
 *
 * ```text
 *              ┌ recovery ── reads ──┐
 *   engine ──▶ │ committer ─ writes ─┼─▶ segments ─▶ disk
 *              │ compactor ─ moves ──┤
 *              └ disk space ─ guards ┘
 * ```
 */
export class Journal implements EventLog, Pager {
  readonly name: string;
  readonly durability: string;
  readonly pager: Pager = this;
  readonly #options: JournalOptions;
  readonly counters: OpenJournalCounters;
  readonly #space: DiskSpace;
  #segments: SegmentList | undefined;
  #committer: Committer | undefined;
  #compactor: Compactor | undefined;
  #backups: Backups | undefined;
  readonly #segmentBytes: number;
  #journalId = 0;
  #lookForLossAt = -Infinity;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.name = options.name ?? "journal";
    this.durability = options.durability ?? options.level;
    this.#segmentBytes = options.segmentBytes ?? chooseSegmentBytes(options.disk.measureFree());
    this.#space = new DiskSpace({
      disk: options.disk,
      reserveBytes: options.reserveBytes ?? RESERVE_BYTES,
      countMessages: () => this.#countMessages(),
      noteChange: (isFull) => this.#reportRoom(isFull),
    });
    this.counters = new OpenJournalCounters(this.#space, () => this.#segments);
  }

  /**
   * Reads the journal and continues it.
   *
   * @throws {JournalError} If it cannot be used, or if more than single streams are damaged.
   */
  async open(state: LoggedState): Promise<Appender> {
    try {
      return await this.#open(state);
    } catch (error) {
      this.#options.disk.close();
      throw error;
    }
  }

  get backups(): Backups {
    invariant(this.#backups !== undefined, "the journal is open");
    return this.#backups;
  }

  findObstacle(bytes: number): BrokerError | undefined {
    return this.#space.findObstacle(bytes);
  }

  tend(now: number): number {
    const committer = this.#committer;
    if (committer === undefined) return this.#backups?.tend(now, false) ?? Infinity;
    this.#lookForLoss(committer, now);
    if (committer.hasFailed) return Infinity;
    const segments = this.#segments!;
    if (segments.countFree() > 0) committer.flush();
    // On a full disk the last segment cannot wait until it has its size.
    else if (this.#space.isFull && segments.isLastWasted) committer.rotate();
    this.#compactor!.retry();
    const backupsAt = this.#backups!.tend(now, this.#space.isFull);
    const lookAt = Math.min(this.#lookForLossAt, backupsAt, this.#lookForRoom(committer, now));
    return Math.min(committer.tick(now), lookAt);
  }

  async close(): Promise<void> {
    const { disk } = this.#options;
    const committer = this.#committer;
    // Messages that are moved now would come behind the mark of the journal's end.
    this.#compactor?.stop();
    this.#backups?.end();
    if (committer !== undefined && !committer.hasFailed) {
      const position = await committer.close();
      await this.#segments!.finishRemoving();
      if (position !== undefined) await this.#noteEnd(position);
    }
    this.#segments?.close();
    disk.close();
  }

  /** Makes nothing durable any more, whatever the disk says. */
  giveUp(error: unknown): void {
    if (this.#committer !== undefined) this.#committer.giveUp(error);
    else this.#options.fail(error);
  }

  /** Begins a new segment soon, also if nothing is in the last one. */
  renew(): void {
    this.#committer?.renew();
  }

  // Reading back.

  read(segment: Segment, offset: number, into: Uint8Array): void {
    const { file } = asSegmentFile(segment);
    let length = 0;
    try {
      length = file.read(into, offset);
    } catch (cause) {
      if (!(cause instanceof DescriptorShortageError)) {
        throw this.explainDamage(segment, offset, cause);
      }
      const where = this.#nameFile(segment);
      throw new LogBusyError(
        `Cannot read messages in ${where}: too many files are open; try again`,
      );
    }
    if (length < into.length) throw this.explainDamage(segment, offset);
  }

  checksum(bytes: Uint8Array): number {
    return checksum(bytes, 0, this.#journalId);
  }

  explainDamage(segment: Segment, offset: number, cause?: unknown): BrokerError {
    const { path } = this.#options.disk;
    const why = cause instanceof Error ? cause.message : "they are not as they were written";
    return new BrokerError(
      "STREAM_DAMAGED",
      `Cannot read messages in ${this.#nameFile(segment)} at offset ${offset}: ${why}; ` +
        `"verify ${path}" tells more`,
      { cause },
    );
  }

  async #open(state: LoggedState): Promise<Committer> {
    const { disk, report, source } = this.#options;
    if (source !== undefined) return await this.#openFrom(source, state);
    const content = readDirectory(disk);
    if (content.isOfCluster) throw refuseCluster(disk);
    if (content.hasEnd && content.segments.length === 0) {
      throw damaged(disk, `${disk.path} has no segment, although a broker was stopped there`);
    }
    for (const name of content.foreign) {
      report("warning", "a file does not belong to the journal", { name });
    }
    for (const name of content.unfinished) disk.remove(name);
    const segments = this.#makeSegments(
      state,
      findJournalId(disk, content, this.#options.newJournalId),
    );
    const open = await this.#recover(state, segments, content);
    return this.#begin(state, segments, open);
  }

  async #openFrom(source: JournalSource, state: LoggedState): Promise<Committer> {
    try {
      const begin = (journalId: number) => {
        // Clients wait for what comes behind the source, and the reserve is large.
        this.#space.begin();
        return this.#makeSegments(state, journalId);
      };
      const open = await source.begin({ state, begin });
      return this.#begin(state, this.#segments!, open);
    } catch (error) {
      this.#backups?.end();
      this.#segments?.close();
      throw error;
    }
  }

  #makeSegments(state: LoggedState, journalId: number): SegmentList {
    const { disk, now, diskNow = now, report } = this.#options;
    this.#journalId = journalId;
    const segments = new SegmentList({
      disk,
      journalId,
      segmentBytes: this.#segmentBytes,
      counters: this.counters,
      takeSnapshot: () => state.takeSnapshot(),
      fail: (error) => this.giveUp(error),
    });
    this.#segments = segments;
    this.#backups = new Backups({
      disk,
      journalId,
      segments,
      prove: (done) => this.#prove(done),
      now: diskNow,
      report,
    });
    return segments;
  }

  /** Tells a position before which everything counts, or that nothing ever will any more. */
  #prove(done: (position: number | undefined) => void): void {
    const committer = this.#committer;
    if (committer === undefined) done(this.#options.source?.position);
    else if (committer.hasFailed) done(undefined);
    else committer.prove(done);
  }

  async #noteEnd(position: number): Promise<void> {
    const { source } = this.#options;
    if (source === undefined) await this.#writeClosedMark(position);
    else await source.end();
  }

  #nameFile(segment: Segment): string {
    return `${this.#options.disk.path}/${asSegmentFile(segment).name}`;
  }

  async #writeClosedMark(position: number): Promise<void> {
    const { disk, report } = this.#options;
    try {
      await writeClosedMark(disk, { position, journalId: this.#journalId });
    } catch (error) {
      // Without the mark everything is as safe as after a crash.
      report("warning", "cannot write the mark of an orderly stop", { error });
    }
  }

  /** Recovers from the segments; without room for a new one, the reserve is given up. */
  async #recover(
    state: LoggedState,
    segments: SegmentList,
    content: DirectoryContent,
  ): Promise<OpenSegment> {
    const { disk, now, report, noteProgress } = this.#options;
    const closedAt = content.hasEnd ? readClosedMark(disk, this.#journalId) : undefined;
    try {
      const own = { disk, state, segments, now, report, noteProgress };
      const open = await recover({
        ...own,
        found: content.segments,
        closedAt,
        makeRoom: () => {
          if (!content.hasReserve) return false;
          disk.remove(RESERVE_NAME);
          return true;
        },
      });
      if (content.hasEnd) disk.remove(CLOSED_NAME);
      this.#space.begin();
      return open;
    } catch (cause) {
      segments.close();
      const why = explainShortage(cause);
      if (why === undefined) throw cause;
      throw new JournalError("unusable", `Cannot use ${disk.path}: ${why}`, { cause });
    }
  }

  #begin(state: LoggedState, segments: SegmentList, open: OpenSegment): Committer {
    const { level, intervalMs, now, diskNow = now, fail } = this.#options;
    const journalId = this.#journalId;
    const { counters } = this;
    const committer = new Committer(open, {
      level,
      intervalMs,
      journalId,
      now: diskNow,
      counters,
      rotate: (bytes, isForced) => segments.rotate(bytes, isForced),
      beforeWrite: () => this.#beforeWrite(segments),
      useReserve: () => this.#space.useReserve(),
      fail,
    });
    this.#committer = committer;
    const segmentBytes = this.#segmentBytes;
    this.#compactor = new Compactor({ state, committer, segments, segmentBytes, counters });
    return committer;
  }

  /** Segments free before a write may be removed after its flush: then the events that freed them are durable. */
  #beforeWrite(segments: SegmentList): () => void {
    const count = segments.countFree();
    return () => {
      this.#compactor!.step();
      if (count > 0) segments.remove(count);
    };
  }

  /**
   * Checks that the directory, its lock and its segments are at their paths. If they were removed or
   * replaced, the open files have no name, and their content ends with this process. Nothing is confirmed
   * from then on.
   */
  #lookForLoss(committer: Committer, now: number): void {
    if (committer.hasFailed || now < this.#lookForLossAt) return;
    this.#lookForLossAt = now + LOSS_LOOK_MS;
    const { disk } = this.#options;
    const { all, last } = this.#segments!;
    try {
      const lost = disk.findLoss(() => all.map(({ name }) => name)) ??
        (last.file.isAt(last.name) ? undefined : `${this.#nameFile(last)} was replaced`);
      if (lost !== undefined) committer.giveUp(new Error(lost));
    } catch (error) {
      if (!(error instanceof DescriptorShortageError)) committer.giveUp(error);
    }
  }

  /** Checks the room on the disk; returns when to check again. */
  #lookForRoom(committer: Committer, now: number): number {
    try {
      return this.#space.tick(now);
    } catch (error) {
      committer.giveUp(error);
      return Infinity;
    }
  }

  #countMessages(): number {
    return this.#segments?.totals.liveCount ?? 0;
  }

  #reportRoom(isFull: boolean): void {
    const { disk, report } = this.#options;
    if (isFull) report("warning", "the disk is full: messages are refused", { path: disk.path });
    else report("info", "there is room on the disk again", { path: disk.path });
  }
}

/** The shortage that kept the journal from beginning, if that is the cause of an error. */
function explainShortage(cause: unknown): string | undefined {
  if (cause instanceof DiskFullError) return "there is no room on its disk, not even to begin";
  if (cause instanceof DescriptorShortageError) return "too many files are open to begin";
  return undefined;
}

function asSegmentFile(segment: Segment): SegmentFile {
  invariant(segment instanceof SegmentFile, "messages are in segments of this journal");
  return segment;
}
