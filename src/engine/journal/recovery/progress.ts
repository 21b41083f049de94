import type { SegmentList } from "../segments/segment_list.ts";
import type { Report } from "./recovery.ts";

/** The interval of progress messages, in milliseconds. */
const PROGRESS_MS = 1000;

/** How long segments are read before probes and signals have their turn, in milliseconds. */
const TURN_MS = 50;

export interface ProgressOptions {
  readonly segments: SegmentList;
  /** Returns a monotonic time, in milliseconds. */
  readonly now: () => number;
  readonly report: Report;
  /** Hears how much of the journal is read, from 0 to 1, each time before it is logged. */
  readonly noteProgress?: ((part: number) => void) | undefined;
}

/** How far a recovery is: tells it every second, and lets others have their turn. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #totalBytes: number;
  readonly #beganAt: number;
  #toldAt: number;
  #turnAt: number;
  #hasTold = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#totalBytes = options.segments.totals.bytes;
    this.#beganAt = this.#toldAt = this.#turnAt = options.now();
  }

  /** Notes that all is read before an offset of a segment; the caller waits for what it returns. */
  note(index: number, offset: number): Promise<void> | undefined {
    const now = this.#options.now();
    if (now - this.#toldAt >= PROGRESS_MS) this.#tell(now, index, offset);
    if (now - this.#turnAt < TURN_MS) return undefined;
    return this.#pause();
  }

  /** Notes that everything is read. Probes have a turn first: making streams ready is one turn. */
  async end(): Promise<void> {
    const { now, report, noteProgress, segments: { totals: { bytes, liveCount } } } = this.#options;
    noteProgress?.(1);
    if (!this.#hasTold) return;
    const seconds = Math.round((now() - this.#beganAt) / 100) / 10;
    report("info", "the journal is read", { bytes, messages: liveCount, seconds });
    await this.#pause();
  }

  #tell(now: number, index: number, offset: number): void {
    const { segments: { all, totals }, report, noteProgress } = this.#options;
    const bytes = all.slice(0, index).reduce((sum, { size }) => sum + size, offset);
    const part = Math.min(1, bytes / this.#totalBytes);
    this.#toldAt = now;
    this.#hasTold = true;
    noteProgress?.(part);
    report("info", "reading the journal", {
      percent: Math.floor(part * 100),
      bytes,
      of: this.#totalBytes,
      segment: index + 1,
      segments: all.length,
      messages: totals.liveCount,
    });
  }

  async #pause(): Promise<void> {
    // The runtime polls its sockets only when it is idle for a moment.
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.#turnAt = this.#options.now();
  }
}
