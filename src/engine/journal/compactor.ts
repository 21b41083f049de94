import { BrokerError } from "../../../protocol.ts";
import type { Moved } from "../../broker/event.ts";
import type { LoggedState } from "../../broker/event_log.ts";
import type { LiveRun, LiveSearch } from "../../broker/state/live_facts.ts";
import { LogBusyError } from "../../broker/backlog/pager.ts";
import type { Committer } from "./committer.ts";
import type { WriteCounters } from "./journal_counters.ts";
import type { SegmentFile } from "./segments/segment_file.ts";
import type { SegmentList } from "./segments/segment_list.ts";

/** The size of the journal, as a multiple of its live bytes, at which compaction begins. */
const WASTE_FACTOR = 4;

/** Segments that are allowed beside that. */
const SPARE_SEGMENTS = 2;

/** How many segments more than the live bytes would fill are allowed: each start begins one. */
const SEGMENTS_MIN = 16;

/** The runs of messages that one search finds. */
const RUNS_MAX = 256;

/** The bytes that are moved at a time. */
const STEP_BYTES_MAX = 1024 * 1024;

/** The most messages that one record moves, and of those that there may be facts about. */
const RECORD_COUNT_MAX = 65_536;
const NOTED_COUNT_MAX = 512;

/** A step ends when it has written so many facts again: a million messages may each have failed. */
const FACTS_MAX = 1024;

export interface CompactorOptions {
  readonly state: LoggedState;
  readonly committer: Committer;
  readonly segments: SegmentList;
  /** The size at which a segment takes no more groups, in bytes. */
  readonly segmentBytes: number;
  readonly counters: WriteCounters;
}

/**
 * Moves live messages to the end of the journal, so that an old unacknowledged message does not keep all
 * later segments on the disk.
 *
 * Segments are removed oldest first. When the journal is much larger than its live bytes, the live messages
 * of the oldest segment are written again at the end; when they are durable there, the segment is free. At
 * least three quarters of the removed bytes are waste, so each byte that is moved frees three.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  /** How many records are on their way. */
  #movingCount = 0;
  #isOver = false;
  /** How many facts this step has written. */
  #factCount = 0;
  /** Whether the last move had no room, or could not be read just then. */
  #hasNoRoom = false;
  /** The search through the streams for the oldest segment. */
  #search: LiveSearch | undefined;
  /** The end of the pass under way: it ends when all earlier positions are removed. */
  #passEnd: number | undefined;
  /** The size that the last pass left, if still large: tiny messages cost more than their bytes. */
  #left: { readonly bytes: number; readonly liveBytes: number } | undefined;

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** Whether the journal is much larger than its live bytes, and moving helps. */
  get isNeeded(): boolean {
    const { oldest, last } = this.#options.segments;
    if (oldest === last || oldest.isDamaged || !this.#isLarge) return false;
    return this.#passEnd !== undefined || this.#isWorthwhile;
  }

  get #isLarge(): boolean {
    const { segments: { all, totals: { bytes, liveBytes } }, segmentBytes } = this.#options;
    if (bytes > WASTE_FACTOR * liveBytes + SPARE_SEGMENTS * segmentBytes) return true;
    return all.length > SEGMENTS_MIN + WASTE_FACTOR * Math.ceil(liveBytes / segmentBytes);
  }

  /** Whether another pass would leave less than half of the journal. */
  get #isWorthwhile(): boolean {
    if (this.#left === undefined) return true;
    const { bytes, liveBytes } = this.#options.segments.totals;
    return bytes > 2 * this.#left.bytes * Math.min(1, liveBytes / this.#left.liveBytes);
  }

  /** Begins to move some messages, if needed and if none are on their way. */
  step(): void {
    if (this.#isOver || this.#hasNoRoom || this.#movingCount > 0) return;
    this.#endPass();
    if (!this.isNeeded) return;
    const { state, segments } = this.#options;
    this.#passEnd ??= segments.last.base;
    const runs = this.#findLive(segments.oldest);
    let bytes = 0;
    this.#factCount = 0;
    for (const run of runs) {
      try {
        bytes += this.#move(run, STEP_BYTES_MAX - bytes);
      } catch (error) {
        if (error instanceof LogBusyError) return void (this.#hasNoRoom = true);
        if (!(error instanceof BrokerError)) throw error;
        // Unreadable messages stay where they are; only their stream is not served.
        segments.oldest.isDamaged = true;
        state.noteDamage(run.number, () => error);
      }
      if (bytes >= STEP_BYTES_MAX || this.#factCount >= FACTS_MAX) return;
    }
  }

  /** Finds live messages in a segment. All streams are searched once for each segment. */
  #findLive(segment: SegmentFile): LiveRun[] {
    // It goes with the next flush.
    if (segment.liveCount === 0) return [];
    if (this.#search?.segment !== segment || this.#search.isOver) {
      this.#search = this.#options.state.findLive(segment);
    }
    const runs = this.#search.next(RUNS_MAX);
    // Its last messages are on their way elsewhere, perhaps not durable with the next flush.
    if (runs.length === 0) this.#hasNoRoom = true;
    return runs;
  }

  /** Does a step, also if the last one had no room: time has passed. */
  retry(): void {
    this.#hasNoRoom = false;
    this.step();
  }

  /** Ends a pass at the end that the journal had when the pass began. */
  #endPass(): void {
    const { oldest, totals: { bytes, liveBytes } } = this.#options.segments;
    if (this.#passEnd === undefined || oldest.base < this.#passEnd) return;
    this.#passEnd = undefined;
    this.#left = this.#isLarge && liveBytes > 0 ? { bytes, liveBytes } : undefined;
  }

  /** Stops: the journal is being closed. */
  stop(): void {
    this.#isOver = true;
  }

  /** Moves the first messages of a run; returns their bytes. */
  #move(
    { number, firstId, count, isNoted, read, listTimes, listFacts }: LiveRun,
    bytesMax: number,
  ): number {
    const { committer } = this.#options;
    const countMax = isNoted ? NOTED_COUNT_MAX : RECORD_COUNT_MAX;
    let moved = 0;
    for (let id = firstId; id < firstId + count;) {
      if (moved >= bytesMax || this.#factCount >= FACTS_MAX) break;
      const left = Math.min(firstId + count - id, countMax);
      const batch = read({ firstId: id, count: left }, bytesMax - moved);
      const done = { firstId: id, count: batch.count };
      this.#moveBatch({ type: "moved", number, firstId: id, storedAt: listTimes(done), batch });
      // Facts about them go with the segment, so they are written again, also if later messages cannot be read.
      for (const fact of listFacts(done)) {
        committer.commit(fact);
        this.#factCount++;
      }
      moved += batch.end - batch.start;
      id += batch.count;
    }
    return moved;
  }

  #moveBatch(event: Moved): void {
    const { state, committer, counters } = this.#options;
    this.#movingCount++;
    committer.move(event, {
      stored: (event) => {
        this.#movingCount--;
        counters.compactedBytes += event.batch.end - event.batch.start;
        state.apply(event);
      },
      failed: () => {
        this.#movingCount--;
        this.#hasNoRoom = true;
      },
    });
  }
}
