import type { Attempted } from "../event.ts";
import type { FollowerState } from "../share/follower_state.ts";
import type { Share } from "../share/share.ts";
import type { PendingRun } from "../share/pending_list.ts";
import { splitByLane } from "../share/pending_ranges.ts";

/**
 * Writes attempts to the log, so that they count after a restart. When a follower is lost with the
 * broker, its begun deliveries are attempts, and its oldest one if it does not report what has begun.
 */
export class AttemptLog {
  readonly #commit: (event: Attempted) => void;

  constructor(commit: (event: Attempted) => void) {
    this.#commit = commit;
  }

  /** Writes the oldest delivery of a follower as an attempt, once, unless the follower reports itself. */
  noteOldest(follower: FollowerState): void {
    const { liveness, pending: { first: oldest } } = follower;
    if (oldest === undefined || oldest.isBegun || oldest.firstTag === liveness.oldestTag) return;
    liveness.oldestTag = oldest.firstTag;
    if (follower.reportsBegin || isFirstSpared(oldest)) return;
    this.#write(oldest, oldest.attempts, 1);
  }

  /** Writes deliveries as attempts, once. */
  begin(run: PendingRun): void {
    if (run.isBegun) return;
    run.isBegun = true;
    if (run.share.breakers === undefined) return this.#write(run, run.attempts);
    for (const part of splitByLane(run)) if (!isSpared(part)) this.#write(part, run.attempts);
  }

  /** Takes back attempts that were written: no handler had the messages. */
  unsay(follower: FollowerState, run: PendingRun): void {
    if (isWritten(follower, run)) this.#write(run, run.attempts - 1);
  }

  /** Writes those attempts of a share again that were taken back while its breaker was open. */
  sayAgain(follower: FollowerState, share: Share): void {
    const { pending, liveness: { oldestTag } } = follower;
    for (const oldest of pending.find(oldestTag, 1)) {
      if (!oldest.isBegun && !follower.reportsBegin && oldest.share === share) {
        this.#write(oldest, oldest.attempts);
      }
    }
    for (const run of pending.runs) {
      if (run.share === share && run.isBegun) this.#write(run, run.attempts);
    }
  }

  /** Takes back the attempt before this one: the work was done in it. */
  forgive(follower: FollowerState, run: PendingRun): void {
    const isCounted = isWritten(follower, run);
    run.attempts--;
    this.#write(run, isCounted ? run.attempts : run.attempts - 1);
  }

  #write(run: PendingRun, attempts: number, count: number = run.count): void {
    const { share: { store: { number } }, firstId } = run;
    this.#commit({ type: "attempted", number, firstId, count, attempts });
  }
}

/** Whether the first of some deliveries is no attempt. */
function isFirstSpared(run: PendingRun): boolean {
  return run.share.breakers !== undefined && isSpared(splitByLane(run)[0]!);
}

/** Whether they are no attempts, since the breaker of their messages is open. */
function isSpared({ share: { breakers }, lane }: PendingRun): boolean {
  return breakers !== undefined && breakers.isOpen(lane);
}

/** Whether some of these deliveries were written as attempts. */
function isWritten(
  { reportsBegin, liveness: { oldestTag } }: FollowerState,
  run: PendingRun,
): boolean {
  // Nothing is written of those that a handler has together: they cost no attempt.
  if (run.isBegun || reportsBegin) return run.isBegun && run.batch === undefined;
  return oldestTag >= run.firstTag && oldestTag < run.firstTag + run.count;
}
