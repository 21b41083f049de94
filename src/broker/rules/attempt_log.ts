import type { Attempted } from "../event.ts";
import type { Follower } from "../share/follower.ts";
import type { PendingRun } from "../share/pending_list.ts";

/**
 * Writes down how often messages were worked on, so that it is known when the broker comes back: of
 * a follower that is lost with the broker, those deliveries count that have begun, and its oldest one
 * if it is a follower that does not say what has begun.
 */
export class AttemptLog {
  readonly #commit: (event: Attempted) => void;

  constructor(commit: (event: Attempted) => void) {
    this.#commit = commit;
  }

  /** Writes down that a follower's oldest delivery is worked on, unless that has been or it says so. */
  noteOldest(follower: Follower): void {
    const [oldest] = follower.pending.runs;
    if (oldest === undefined || oldest.isBegun || oldest.firstTag === follower.attemptedTag) return;
    follower.attemptedTag = oldest.firstTag;
    if (!follower.reportsBegin) this.#write(oldest, oldest.attempts, 1);
  }

  /** Notes that deliveries are being worked on, unless that has been. */
  begin(run: PendingRun): void {
    if (run.isBegun) return;
    run.isBegun = true;
    this.#write(run, run.attempts);
  }

  /** Writes down that deliveries were not worked on after all, if it was written that they are. */
  unsay(follower: Follower, run: PendingRun): void {
    if (isWritten(follower, run)) this.#write(run, run.attempts - 1);
  }

  /** Writes down that a delivery before this one does not count: its message was worked off in it. */
  forgive(follower: Follower, run: PendingRun): void {
    const isCounted = isWritten(follower, run);
    run.attempts--;
    this.#write(run, isCounted ? run.attempts : run.attempts - 1);
  }

  #write(run: PendingRun, attempts: number, count: number = run.count): void {
    const { share: { store: { number } }, firstId } = run;
    this.#commit({ type: "attempted", number, firstId, count, attempts });
  }
}

/** Whether it is written down that some of these deliveries are attempts. */
function isWritten({ reportsBegin, attemptedTag }: Follower, run: PendingRun): boolean {
  if (run.isBegun || reportsBegin) return run.isBegun;
  return attemptedTag >= run.firstTag && attemptedTag < run.firstTag + run.count;
}
