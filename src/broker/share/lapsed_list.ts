import type { TagRange } from "../../../protocol.ts";
import type { Share } from "./share.ts";

/** Consecutive deliveries of consecutive messages of one stream that were taken back. */
export interface LapsedRun extends TagRange {
  readonly share: Share;
  readonly firstId: number;
  /** Whether it counts as an attempt that the follower was lost with them. */
  readonly isLoss: boolean;
}

/** So many runs are remembered, the last ones. */
const RUNS_MAX = 256;

/**
 * What was taken back from a follower that has not ended it, by tag: it was too slow, or nothing was
 * heard of it. Its handler may have finished all the same, and say so late.
 */
export class LapsedList {
  #runs: LapsedRun[] = [];

  get count(): number {
    return this.#runs.reduce((sum, { count }) => sum + count, 0);
  }

  add(run: LapsedRun): void {
    this.#runs.push(run);
    if (this.#runs.length > RUNS_MAX) this.#runs.shift();
  }

  /** Takes those of a range of tags out. */
  take({ firstTag, count }: TagRange): LapsedRun[] {
    const endTag = firstTag + count;
    const taken: LapsedRun[] = [];
    const kept: LapsedRun[] = [];
    for (const run of this.#runs) {
      const from = Math.max(firstTag, run.firstTag);
      const to = Math.min(endTag, run.firstTag + run.count);
      if (from >= to) {
        kept.push(run);
        continue;
      }
      taken.push(cut(run, from, to));
      if (from > run.firstTag) kept.push(cut(run, run.firstTag, from));
      if (to < run.firstTag + run.count) kept.push(cut(run, to, run.firstTag + run.count));
    }
    this.#runs = kept;
    return taken;
  }
}

/** The part of a run from one tag to below another one. */
function cut(run: LapsedRun, from: number, to: number): LapsedRun {
  return { ...run, firstTag: from, firstId: run.firstId + from - run.firstTag, count: to - from };
}
