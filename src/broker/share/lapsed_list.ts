import type { TagRange } from "../../../protocol.ts";
import type { Share } from "./share.ts";

/** Consecutive deliveries of consecutive messages of one stream that were taken back. */
export interface LapsedRun extends TagRange {
  readonly share: Share;
  readonly firstId: number;
  /** Whether the loss of the follower counts as an attempt. */
  readonly isLoss: boolean;
}

/** How many of the last runs are remembered. */
const RUNS_MAX = 256;

/**
 * Deliveries that were taken back from a slow or silent follower, by tag. Its handler may still finish
 * and acknowledge them late.
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

  /** Forgets the deliveries of some shares: they cannot be acknowledged any more. */
  forgetOf(isForgotten: (share: Share) => boolean): void {
    this.#runs = this.#runs.filter(({ share }) => !isForgotten(share));
  }

  /** Takes out the deliveries of a range of tags. */
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
