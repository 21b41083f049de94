import type { TagRange } from "../../../protocol.ts";
import type { RuleContext } from "./rule_context.ts";
import type { FollowerState } from "../share/follower_state.ts";
import { findTags } from "../share/pending_ranges.ts";
import type { LapsedRun } from "../share/lapsed_list.ts";

/**
 * Late acknowledgements, of deliveries that were taken back because they ran out or the follower was
 * silent. The work is done, so they count as long as no other follower has the message.
 */
export class LateAcks {
  readonly #parts: RuleContext;

  constructor(parts: RuleContext) {
    this.#parts = parts;
  }

  /** Acknowledges those of a range that were taken back, if possible; returns how many. */
  end(follower: FollowerState, range: TagRange): number {
    if (follower.lapsed.count === 0) return 0;
    let count = 0;
    for (const run of follower.lapsed.take(range)) count += this.#end(follower, run);
    return count;
  }

  #end(follower: FollowerState, run: LapsedRun): number {
    const { share, firstId, count, isLoss } = run;
    const { number } = share.store;
    // The stream may be gone, or another stream may have its name.
    if (this.#parts.state.router.getNumbered(number) !== share.store) return 0;
    let endedCount = 0;
    for (const free of share.takeUnheld([{ firstId, count }])) {
      const { firstId, count } = free;
      this.#parts.acknowledge(share.store, firstId, count);
      endedCount += count;
    }
    if (endedCount < count) endedCount += this.#endAgain(follower, run);
    if (isLoss && endedCount < count) this.#forgive(run);
    return endedCount;
  }

  /** Acknowledges later deliveries of the same messages to the same follower. */
  #endAgain(follower: FollowerState, run: LapsedRun): number {
    const { store } = run.share;
    const held = findHeld(follower, run);
    let endedCount = 0;
    for (const range of held) {
      for (const { firstId, count } of follower.pending.take(range.firstTag, range.count)) {
        this.#parts.acknowledge(store, firstId, count);
        endedCount += count;
      }
    }
    if (held.length > 0) follower.sink.revoke(held, "an earlier delivery was acknowledged");
    return endedCount;
  }

  /** Another follower has the message by now: at least the loss does not count as an attempt. */
  #forgive(lapsed: LapsedRun): void {
    for (const { follower } of lapsed.share.attachments) {
      for (const { firstTag, count } of findHeld(follower, lapsed)) {
        for (const run of follower.pending.find(firstTag, count)) {
          if (run.attempts > 1) this.#parts.attempts.forgive(follower, run);
        }
      }
    }
  }
}

function findHeld(
  { pending }: FollowerState,
  { share, firstId, count }: LapsedRun,
): TagRange[] {
  return pending.runs.filter((run) => run.share === share)
    .flatMap((run) => findTags(run, [{ firstId, count }]));
}
