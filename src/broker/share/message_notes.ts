import { FailureTable } from "../failures/failure_table.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import { RareSet } from "../collections/rare_set.ts";
import type { ReadyRun } from "../ready/ready_run.ts";
import type { ReasonPool } from "../failures/reason_pool.ts";
import { Suspects } from "../ready/suspects.ts";
import { NumberSet } from "../tables/number_set.ts";
import { RangeSet } from "../tables/range_set.ts";

/** Notes about single messages of a share. Most messages have none. */
export class MessageNotes {
  readonly failures: FailureTable;
  /** Expired messages that a follower still holds. */
  readonly overdue: NumberSet = new NumberSet();
  /**
   * Messages of a follower that was lost or silent: the next follower must report them as begun before a
   * handler gets them.
   */
  readonly doubtful: NumberSet = new NumberSet();
  /** Messages that failed in a batch; undefined before the first one. */
  suspects: Suspects | undefined = undefined;
  readonly leaving: RareSet<IdRange> = new RareSet();
  /** Messages that are given up, and in no list, since there is no room for them among the dead letters. */
  readonly stuck: RangeSet<ReadyRun> = new RangeSet();
  /** Expired messages that are in no list, since there is no room for them among the dead letters. */
  readonly expired: RangeSet<IdRange> = new RangeSet();

  constructor(reasons: ReasonPool) {
    this.failures = new FailureTable(reasons);
  }

  forget(firstId: number, count: number): void {
    this.takeSuspects({ firstId, count });
    if (this.failures.size + this.overdue.size + this.doubtful.size === 0) return;
    for (let id = firstId; id < firstId + count; id++) {
      this.failures.delete(id);
      this.overdue.delete(id);
      this.doubtful.delete(id);
    }
  }

  /** Notes messages that failed in a batch, and are a batch of their own. */
  suspect(range: IdRange): void {
    (this.suspects ??= new Suspects()).add(range);
  }

  /** Forgets that messages failed in a batch; returns whether they have. */
  takeSuspects(range: IdRange): boolean {
    if (this.suspects === undefined || !this.suspects.remove(range)) return false;
    if (this.suspects.count === 0) this.suspects = undefined;
    return true;
  }

  /**
   * How many of a run's first messages can be delivered together, `countMax` at most: a doubtful one
   * goes alone to a follower that says when it begins, and those that failed in a batch by themselves.
   */
  countAlike(run: IdRange, countMax: number, reportsBegin: boolean): number {
    const { doubtful, suspects } = this;
    const { firstId } = run;
    let count = Math.min(countMax, run.count);
    if (suspects !== undefined) {
      count = suspects.countTogether({ firstId, count });
      if (suspects.has(firstId)) return count;
    }
    if (doubtful.size === 0 || !reportsBegin) return count;
    for (let alike = 0; alike < count; alike++) {
      if (doubtful.has(firstId + alike)) return Math.max(1, alike);
    }
    return count;
  }
}
