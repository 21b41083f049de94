import { ProgressPace } from "./progress_pace.ts";
import type { SegmentList } from "../segments/segment_list.ts";
import type { Report } from "./recovery.ts";

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
  readonly #pace: ProgressPace;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#totalBytes = options.segments.totals.bytes;
    this.#pace = new ProgressPace(options.now);
  }

  /** Notes that all is read before an offset of a segment; the caller waits for what it returns. */
  note(index: number, offset: number): Promise<void> | undefined {
    return this.#pace.note(() => this.#tell(index, offset));
  }

  /** Notes that everything is read. */
  async end(): Promise<void> {
    const { report, noteProgress, segments: { totals: { bytes, liveCount } } } = this.#options;
    noteProgress?.(1);
    if (!this.#pace.hasTold) return;
    const { seconds } = this.#pace;
    report("info", "the journal is read", { bytes, messages: liveCount, seconds });
    await this.#pace.pause();
  }

  #tell(index: number, offset: number): void {
    const { segments: { all, totals }, report, noteProgress } = this.#options;
    const bytes = all.slice(0, index).reduce((sum, { size }) => sum + size, offset);
    const part = Math.min(1, bytes / this.#totalBytes);
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
}
