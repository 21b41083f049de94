import { BrokerError } from "../../../protocol.ts";
import type { Moved } from "../../broker/event.ts";
import type { LoggedState } from "../../broker/event_log.ts";
import type { LiveRun, LiveSearch } from "../../broker/state/live_facts.ts";
import { LogBusyError } from "../../broker/backlog/pager.ts";
import type { Committer } from "./committer.ts";
import type { SegmentFile } from "./segments/segment_file.ts";
import type { SegmentList } from "./segments/segment_list.ts";

/** The journal may be so many times as large as what is wanted of it. */
const WASTE_FACTOR = 4;

/** And so many segments beside that. */
const SPARE_SEGMENTS = 2;

/** There may be so many more segments than what is wanted would fill: each start begins one. */
const SEGMENTS_MIN = 16;

/** So many runs of messages are looked for at a time. */
const RUNS_MAX = 256;

/** So many bytes are moved at a time. */
const STEP_BYTES_MAX = 1024 * 1024;

/** So many messages are moved in one record. */
const RECORD_COUNT_MAX = 65_536;

export interface CompactorOptions {
  readonly state: LoggedState;
  readonly committer: Committer;
  readonly segments: SegmentList;
  /** A segment takes no more once it has so many bytes. */
  readonly segmentBytes: number;
}

/**
 * Moves messages that stay to the end of the journal, so that one that nobody acknowledges does not
 * keep everything that came after it on the disk.
 *
 * Segments go oldest first. When the journal has become much larger than what is wanted of it, what
 * is left in the oldest segment is written again at the end; when that is durable, the segment is
 * free. At least three quarters of what is removed this way is waste, so each byte that is moved
 * frees three.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  /** How many records are on their way. */
  #movingCount = 0;
  #isOver = false;
  /** Whether there was no room for what was to be moved last, or it could not be read just then. */
  #hasNoRoom = false;
  /** How far the streams were gone through for the oldest segment. */
  #search: LiveSearch | undefined;
  /** A pass is under way, and ends when all that was written before this position is gone. */
  #passEnd: number | undefined;
  /** What the last pass has left, if that is still much: tiny messages cost more than their bytes. */
  #left: { readonly bytes: number; readonly liveBytes: number } | undefined;

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** Whether the journal is much larger than what is wanted of it, and moving helps. */
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

  /** Whether another pass would leave less than half of what there is. */
  get #isWorthwhile(): boolean {
    if (this.#left === undefined) return true;
    const { bytes, liveBytes } = this.#options.segments.totals;
    return bytes > 2 * this.#left.bytes * Math.min(1, liveBytes / this.#left.liveBytes);
  }

  /** Begins to move some messages, if that is needed and none are on their way. */
  step(): void {
    if (this.#isOver || this.#hasNoRoom || this.#movingCount > 0) return;
    this.#endPass();
    if (!this.isNeeded) return;
    const { state, segments } = this.#options;
    this.#passEnd ??= segments.last.base;
    const runs = this.#findLive(segments.oldest);
    let bytes = 0;
    for (const run of runs) {
      try {
        bytes += this.#move(run, STEP_BYTES_MAX - bytes);
      } catch (error) {
        if (error instanceof LogBusyError) return void (this.#hasNoRoom = true);
        if (!(error instanceof BrokerError)) throw error;
        // What cannot be read stays where it is, and only its stream has to do without it.
        segments.oldest.isDamaged = true;
        state.noteDamage(run.number, () => error);
      }
      if (bytes >= STEP_BYTES_MAX) return;
    }
  }

  /** Finds messages that stay in a segment. All streams are looked at once for each segment. */
  #findLive(segment: SegmentFile): LiveRun[] {
    // It goes with the next flush.
    if (segment.liveCount === 0) return [];
    if (this.#search?.segment !== segment || this.#search.isOver) {
      this.#search = this.#options.state.findLive(segment);
    }
    const runs = this.#search.next(RUNS_MAX);
    // What keeps it is on its way elsewhere; with the next flush it need not be there yet.
    if (runs.length === 0) this.#hasNoRoom = true;
    return runs;
  }

  /** Does a step, also when there was no room for the last one: some time has passed. */
  retry(): void {
    this.#hasNoRoom = false;
    this.step();
  }

  /** Ends a pass when it has come to what was the end when it began. */
  #endPass(): void {
    const { oldest, totals: { bytes, liveBytes } } = this.#options.segments;
    if (this.#passEnd === undefined || oldest.base < this.#passEnd) return;
    this.#passEnd = undefined;
    this.#left = this.#isLarge && liveBytes > 0 ? { bytes, liveBytes } : undefined;
  }

  /** Begins nothing more: the journal is being closed. */
  stop(): void {
    this.#isOver = true;
  }

  /** Moves the first messages of a run; returns how many bytes they have. */
  #move({ number, firstId, count, read, listFacts }: LiveRun, bytesMax: number): number {
    const { committer } = this.#options;
    let moved = 0;
    let endId = firstId;
    try {
      while (endId < firstId + count && moved < bytesMax) {
        const left = Math.min(firstId + count - endId, RECORD_COUNT_MAX);
        const batch = read({ firstId: endId, count: left }, bytesMax - moved);
        this.#moveBatch({ type: "moved", number, firstId: endId, batch });
        moved += batch.end - batch.start;
        endId += batch.count;
      }
    } finally {
      // What was written about them goes with the segment, so it is written again; also if those behind
      // them could not be read.
      const done = { firstId, count: endId - firstId };
      for (const fact of done.count === 0 ? [] : listFacts(done)) committer.commit(fact);
    }
    return moved;
  }

  #moveBatch(event: Moved): void {
    const { state, committer } = this.#options;
    this.#movingCount++;
    committer.move(event, {
      stored: (event) => {
        this.#movingCount--;
        state.apply(event);
      },
      failed: () => {
        this.#movingCount--;
        this.#hasNoRoom = true;
      },
    });
  }
}
