import { FailureTable } from "./failure_table.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import { RareSet } from "../collections/rare_set.ts";
import type { ReasonPool } from "./reason_pool.ts";

/** Notes about single messages of a share. Most messages have none. */
export class MessageNotes {
  readonly failures: FailureTable;
  /** Expired messages that a follower still holds. */
  readonly overdue: RareSet<number> = new RareSet();
  /**
   * Messages of a follower that was lost or silent: the next follower must report them as begun before a
   * handler gets them.
   */
  readonly doubtful: RareSet<number> = new RareSet();
  readonly leaving: RareSet<IdRange> = new RareSet();

  constructor(reasons: ReasonPool) {
    this.failures = new FailureTable(reasons);
  }

  forget(firstId: number, count: number): void {
    if (this.failures.size + this.overdue.size + this.doubtful.size === 0) return;
    for (let id = firstId; id < firstId + count; id++) {
      this.failures.delete(id);
      this.overdue.delete(id);
      this.doubtful.delete(id);
    }
  }
}
