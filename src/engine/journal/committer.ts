import { setImmediate } from "node:timers";
import { BrokerError } from "../../../protocol.ts";
import type { Decided, Moved, Stored } from "../../broker/event.ts";
import type { SyncLevel } from "../../broker/engine.ts";
import type { Appender, StoreOutcome } from "../../broker/event_log.ts";
import { invariant } from "../../broker/invariant.ts";
import type { WriteCounters } from "./journal_counters.ts";
import { DescriptorShortageError, DiskFullError } from "./disk/disk.ts";
import type { Group, MoveOutcome } from "./segments/group.ts";
import { GroupQueue } from "./segments/group_queue.ts";
import { Proof } from "./segments/proof.ts";
import type { SegmentFile } from "./segments/segment_file.ts";
import type { OpenSegment } from "./segments/segment_list.ts";

/** The delay of a flush that no client waits for, in milliseconds. */
const LAZY_FLUSH_MS = 1000;

/** The pause before a write without room, or without a file, is tried again, in milliseconds. */
const RETRY_MS = 250;

export interface CommitterOptions {
  readonly level: SyncLevel;
  /** How long confirmed bytes may stay unflushed with level `interval`, in milliseconds. */
  readonly intervalMs: number;
  readonly journalId: number;
  /** Tells the time, in milliseconds. */
  readonly now: () => number;
  readonly counters: WriteCounters;
  /**
   * Begins a new segment if the last one has no room for a number of bytes; if forced, also if it has
   * anything behind its checkpoint.
   */
  readonly rotate: (bytes: number, isForced: boolean) => Promise<OpenSegment> | undefined;
  /**
   * Called when all decisions so far are about to be written; returns a function to call after the flush.
   * The next group waits for that function, so it must only start slow work.
   */
  readonly beforeWrite: () => () => void;
  /** There is no room: gives up the reserve for acknowledgements. */
  readonly useReserve: () => void;
  /** Called once when nothing can be made durable any more. */
  readonly fail: (error: unknown) => void;
}

/**
 * Group commit. Events are collected, written together and flushed; then all callers that wait for
 * them are told. Events that come meanwhile are the next group. There is no timer and nothing to tune: the
 * slower the disk, the larger the groups.
 *
 * ```text
 *   collect ─▶ write ─▶ flush ─▶ tell          one at a time, in this order
 *      ▲ what comes during the flush │
 *      └─────────────────────────────┘
 * ```
 *
 * Events that no client waits for are written, and flushed with the next ones that a client waits for, or
 * after a while.
 */
export class Committer implements Appender {
  eventCount = 0;
  readonly #options: CommitterOptions;
  readonly #waiting = new GroupQueue();
  #segment: SegmentFile;
  #proof: Proof;
  #isDirty = false;
  /** When the first unflushed byte was written. */
  #dirtySince = 0;
  /** Whether the last group is a mark: then all groups before it are proven. */
  #isMarked = true;
  #mustFlush = false;
  #mustRotate = false;
  #isRunning = false;
  #isScheduled = false;
  #isWanted = false;
  /** Set while even necessary writes have no room, or the next segment cannot be opened. */
  #stalledUntil: number | undefined;
  #isOver = false;
  #isClosing = false;
  #idle: (() => void)[] = [];

  /** Creates a committer that continues at the end of a segment. */
  constructor({ segment, proof }: OpenSegment, options: CommitterOptions) {
    this.#segment = segment;
    this.#proof = proof;
    this.#options = options;
  }

  /** Everything before this position is flushed. */
  get durable(): number {
    return this.#proof.position;
  }

  /** Whether it has failed: nothing becomes durable any more. */
  get hasFailed(): boolean {
    return this.#isOver;
  }

  store(event: Stored, outcome: StoreOutcome): void {
    this.eventCount++;
    this.#waiting.last.addMessages(event, outcome);
    this.#want();
  }

  /** Makes messages durable at another place. */
  move(event: Moved, outcome: MoveOutcome): void {
    this.#waiting.last.addMessages(event, outcome);
    this.#want();
  }

  commit(event: Decided, written?: () => void): void {
    this.eventCount++;
    const group = this.#waiting.last;
    group.addEvent(event);
    if (written !== undefined) group.written.push(written);
    this.#schedule();
  }

  whenDurable(done: () => void): void {
    // Where a write is enough, nothing is left to do after it.
    const isOpen = this.#isDirty && this.#options.level === "always";
    const isDurable = !this.#isRunning && !isOpen && this.#waiting.isEmpty;
    if (isDurable && !this.#isOver) return done();
    this.#waiting.last.awaiting.push(done);
    this.#want();
  }

  /** Flushes bytes that have waited too long; returns when to call it again. */
  tick(now: number): number {
    if (this.#stalledUntil !== undefined) {
      if (now >= this.#stalledUntil) this.#tryAgain();
      return now + RETRY_MS;
    }
    const { level, intervalMs } = this.#options;
    if (level === "never") return Infinity;
    const waitMs = level === "interval" ? intervalMs : LAZY_FLUSH_MS;
    if (!this.#isDirty) return this.#mark();
    if (now < this.#dirtySince + waitMs) return this.#dirtySince + waitMs;
    this.flush();
    return now + waitMs;
  }

  /** Flushes soon, even if no client waits for it. */
  flush(): void {
    this.#mustFlush = true;
    this.#want();
  }

  /**
   * Flushes soon; then calls `done` with a position before which everything is flushed, with all that was
   * confirmed before the call.
   */
  prove(done: (position: number) => void): void {
    this.#waiting.last.awaiting.push(() => done(this.durable));
    this.flush();
  }

  /** Begins a new segment soon, so that the last one can be removed. */
  rotate(): void {
    this.#mustRotate = true;
    this.#want();
  }

  /** As {@linkcode Committer.rotate}, also if nothing is in the last one: the second call does it then. */
  renew(): void {
    this.#waiting.last.addMark();
    this.rotate();
  }

  /** Flushes everything and adds a mark; returns the end of the journal, or nothing if that failed. */
  async close(): Promise<number | undefined> {
    // There may be room, or a free descriptor, by now.
    this.#stalledUntil = undefined;
    await this.#flushAll();
    this.#isClosing = true;
    const isComplete = !this.#isOver && this.#stalledUntil === undefined;
    if (isComplete) {
      this.#waiting.last.addMark();
      await this.#flushAll();
    }
    const hasFailed = this.#isOver;
    this.#isOver = true;
    return isComplete && !hasFailed ? this.#proof.position : undefined;
  }

  /** Makes nothing durable any more: the disk has failed. */
  giveUp(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.fail(error);
  }

  /** A mark proves the last group, so that damage to it is not taken for a torn write. */
  #mark(): number {
    if (!this.#isMarked && !this.#isRunning) {
      this.#waiting.last.addMark();
      this.#schedule();
    }
    return Infinity;
  }

  #tryAgain(): void {
    this.#stalledUntil = undefined;
    this.#want();
  }

  async #flushAll(): Promise<void> {
    this.#mustFlush = true;
    this.#want();
    while (this.#isRunning || this.#isScheduled) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  /** Begins soon: more may come in this turn of the event loop. */
  #want(): void {
    if (this.#isWanted || this.#isBusy) return;
    this.#isWanted = true;
    this.#isScheduled = true;
    queueMicrotask(() => this.#start());
  }

  /** Begins when this turn of the event loop is over. */
  #schedule(): void {
    if (this.#isScheduled || this.#isBusy) return;
    this.#isScheduled = true;
    setImmediate(() => this.#start());
  }

  get #isBusy(): boolean {
    return this.#isRunning || this.#isOver || this.#stalledUntil !== undefined;
  }

  #start(): void {
    this.#isScheduled = false;
    this.#isWanted = false;
    if (this.#isBusy) return;
    this.#isRunning = true;
    this.#run().catch((error) => this.giveUp(error));
  }

  async #run(): Promise<void> {
    try {
      while (this.#hasWork && this.#stalledUntil === undefined) await this.#runCycle();
    } finally {
      // At once: the next cycle must be able to begin.
      this.#isRunning = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  get #hasWork(): boolean {
    return this.#mustFlush || this.#mustRotate || !this.#waiting.isIdle;
  }

  /** Writes the collected groups, flushes them if needed, and tells the callers that wait. */
  async #runCycle(): Promise<void> {
    const groups = this.#waiting.take();
    const mustFlush = this.#mustFlush;
    this.#mustFlush = false;
    // Later decisions are not in these groups, and must not be relied upon when they are flushed.
    const afterFlush = this.#waiting.isEmpty ? this.#options.beforeWrite() : undefined;
    const written = await this.#writeAll(groups);
    const { level } = this.#options;
    const isAwaited = written.some(({ group }) => group.isAwaited);
    if (this.#isDirty && (mustFlush || (isAwaited && level === "always"))) {
      await this.#flush(written);
    } else if (!this.#isDirty) {
      this.#tell(written, this.#proof);
    } else if (level !== "always") {
      this.#tell(written, Proof.byWrite(level, this.#segment.end));
    } else {
      this.#recycle(written);
    }
    if (this.#isDirty || this.#stalledUntil !== undefined || this.#isOver) return;
    afterFlush?.();
  }

  async #writeAll(groups: readonly Group[]): Promise<WrittenGroup[]> {
    const written: WrittenGroup[] = [];
    let next = 0;
    try {
      await this.#makeRoom(groups);
      for (; next < groups.length; next++) written.push(this.#write(groups[next]!));
    } catch (error) {
      if (error instanceof DescriptorShortageError) this.#stall(groups.slice(next));
      else if (error instanceof DiskFullError) {
        await this.#writeWithoutMessages(groups.slice(next), written);
      } else throw error;
    }
    return written;
  }

  /** Lets these groups, and all later ones, wait; nothing of them is written. */
  #stall(groups: readonly Group[]): void {
    this.#waiting.putBack(groups);
    this.#stalledUntil = this.#options.now() + RETRY_MS;
  }

  /**
   * Begins a new segment if these groups have no room in the last one. Only between two cycles: its
   * checkpoint contains everything written before it, all of which counts by then.
   */
  async #makeRoom(groups: readonly Group[]): Promise<void> {
    const bytes = groups.reduce((sum, group) => group.isEmpty ? sum : sum + group.size, 0);
    const isForced = this.#mustRotate;
    if (bytes === 0 && !isForced) return;
    this.#mustRotate = false;
    const rotating = this.#options.rotate(bytes, isForced);
    // Everything before a new segment is flushed when it begins.
    if (rotating !== undefined) this.#goOnIn(await rotating);
  }

  #goOnIn({ segment, proof }: OpenSegment): void {
    this.#segment = segment;
    this.#proof = proof;
    this.#isDirty = false;
  }

  #write(group: Group): WrittenGroup {
    const segment = this.#segment;
    if (group.isEmpty) return { group, segment, offset: segment.size };
    const { journalId, level, counters } = this.#options;
    if (this.#isClosing) segment.finish();
    else if (level === "always") counters.writtenBytes += segment.prepare(group.size);
    this.#isMarked = group.isMark;
    group.seal({ position: segment.end, journalId }, this.#proof.position);
    const offset = segment.append(...group.pieces);
    counters.writtenBytes += group.size;
    segment.underwayCount += group.stored.length;
    for (const written of group.written) written();
    if (!this.#isDirty) this.#dirtySince = this.#options.now();
    this.#isDirty = true;
    return { group, segment, offset };
  }

  /**
   * Refuses the messages of these groups and all later ones: there is no room. Their other events,
   * acknowledgements above all, have a reserve.
   */
  async #writeWithoutMessages(groups: readonly Group[], written: WrittenGroup[]): Promise<void> {
    this.#segment.cutOff();
    // Refused messages must not be found after a crash.
    await this.#segment.file.sync();
    this.#options.useReserve();
    const later = groups.concat(this.#waiting.all);
    for (const { outcome, event } of later.flatMap((group) => group.dropMessages())) {
      outcome.failed(explainNoRoom(event));
    }
    let next = 0;
    try {
      for (; next < groups.length; next++) written.push(this.#write(groups[next]!));
    } catch (error) {
      if (!(error instanceof DiskFullError)) throw error;
      // Not even the rest has room.
      this.#segment.cutOff();
      this.#stall(groups.slice(next));
    }
  }

  async #flush(written: readonly WrittenGroup[]): Promise<void> {
    const { counters, now } = this.#options;
    const since = now();
    this.#proof = await Proof.bySync(this.#segment.file, this.#segment.end);
    counters.flush.observe((now() - since) / 1000);
    this.#isDirty = false;
    this.#tell(written, this.#proof);
  }

  /** Tells all callers that wait for these groups; it takes a proof. */
  #tell(written: readonly WrittenGroup[], proof: Proof): void {
    // During the flush it may have become known that no start will find these bytes.
    if (this.#isOver) return;
    invariant(Proof.isProof(proof), "a confirm has a proof");
    for (const { group, segment, offset } of written) {
      segment.underwayCount -= group.stored.length;
      group.tellDurable(segment, offset);
    }
    this.#recycle(written);
  }

  #recycle(written: readonly WrittenGroup[]): void {
    for (const { group } of written) this.#waiting.recycle(group);
  }
}

interface WrittenGroup {
  readonly group: Group;
  readonly segment: SegmentFile;
  readonly offset: number;
}

function explainNoRoom({ batch }: Stored | Moved): BrokerError {
  const bytes = batch.end - batch.start;
  const why = "there is no room on the broker's disk";
  return new BrokerError("DISK_FULL", `Cannot store ${bytes} bytes: ${why}`);
}
