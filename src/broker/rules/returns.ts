import type { RuleContext } from "./rule_context.ts";
import type { DeadLetters } from "./dead_letters.ts";
import { addFailure, countLosses } from "../share/failure.ts";
import type { Follower } from "../share/follower.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import type { PendingRun } from "../share/pending_list.ts";
import { findTags, groupByFailure, joinTags } from "../share/pending_ranges.ts";
import type { Share } from "../share/share.ts";
import type { Store } from "../store/store.ts";

interface FailedRun {
  readonly now: number;
  readonly reason: string;
  /** How long the messages are held back; the stream's backoff if nothing is said. */
  readonly delayMs?: number | undefined;
  readonly isLoss?: boolean;
}

/**
 * How long messages are held back that have lost their follower once, twice …, in milliseconds: what
 * ends its follower each time does not do so as fast as followers come.
 */
const LOSS_BACKOFF_MS = [0, 1000, 5000, 30_000];

/**
 * Puts messages back that were taken away from a follower: ready again, held back, to the dead letters
 * or, if their time is over, to nobody.
 */
export class Returns {
  readonly #parts: RuleContext;
  readonly #deadLetters: DeadLetters;

  constructor(parts: RuleContext, deadLetters: DeadLetters) {
    this.#parts = parts;
    this.#deadLetters = deadLetters;
  }

  /** Messages were worked on in vain: they come back later, or not at all if it was the last time. */
  fail(follower: Follower, run: PendingRun, failed: FailedRun): void {
    const { now, reason, delayMs, isLoss } = failed;
    const { share: { store }, attempts, priority } = run;
    if (isLastAttempt(store, attempts)) {
      return this.#bury(follower, run, "maxDeliveries", { now, reason });
    }
    const failedMs = delayMs ?? pickDelay(store.options.backoffMs, attempts);
    this.#leave(follower, run, now, (part) => {
      for (const { firstId, count, failure } of groupByFailure(part)) {
        const waitMs = isLoss ? pickDelay(LOSS_BACKOFF_MS, countLosses(failure) + 1) : failedMs;
        const dueAt = waitMs === 0 ? 0 : Math.ceil(now + waitMs);
        this.#parts.commit({
          type: "failed",
          number: store.number,
          firstId,
          count,
          attempts,
          dueAt,
          priority,
          failure: addFailure(failure, { now, reason, follower: follower.name, isLoss }),
          newReasons: reason === "" ? 0 : 1,
        });
      }
    });
  }

  /** Nobody should get the messages again. */
  reject(follower: Follower, run: PendingRun, failed: FailedRun): void {
    // Dead letters are not given up: they wait until somebody looks after them.
    if (run.share.store.isDead) this.fail(follower, run, failed);
    else this.#bury(follower, run, "rejected", failed);
  }

  /** Makes messages ready again: what has begun counts as an attempt. */
  giveBack(follower: Follower, run: PendingRun, now: number): void {
    if (!run.isBegun) return this.giveBackUnseen(follower, run, now);
    if (isLastAttempt(run.share.store, run.attempts)) {
      return this.#bury(follower, run, "maxDeliveries", { now, reason: "" });
    }
    this.#leave(follower, run, now, (part) => this.#makeReady(part));
  }

  /** Makes messages ready again that no handler has seen: that is no attempt. */
  giveBackUnseen(follower: Follower, run: PendingRun, now: number): void {
    this.#parts.attempts.unsay(follower, run);
    this.#leave(follower, { ...run, attempts: run.attempts - 1 }, now, (part) => {
      // It waits behind the others for what it gives back; what is overdue goes back to nobody.
      const attachment = follower.attachments.get(run.share);
      if (attachment !== undefined) run.share.waiting.append(attachment);
      this.#makeReady(part);
    });
  }

  /**
   * Takes out of a share what is overdue, and away from followers what they have only fetched. What
   * they work on is noted, and does not come back.
   */
  expire(share: Share, now: number): void {
    const expired = share.store.takeExpired(now);
    if (expired.length === 0) return;
    const { unheld, held } = share.takeOverdue(expired);
    for (const run of unheld) this.#deadLetters.bury(share, run, "expired", now);
    if (held.length === 0) return;
    for (const { follower } of share.attachments) this.#takeOverdue(follower, share, held, now);
  }

  tellRevoked(follower: Follower, runs: readonly PendingRun[], reason: string): void {
    if (runs.length > 0) follower.sink.revoke(joinTags(runs), reason);
  }

  /** Notes that a follower holds less. */
  noteTaken(follower: Follower, now: number): void {
    this.noteOldest(follower, now);
    this.#parts.dispatcher.noteRoom(follower);
  }

  /** Notes which delivery of a follower is the oldest now, and when to look after its deadlines. */
  noteOldest(follower: Follower, now: number): void {
    const before = follower.attemptedTag;
    this.#parts.attempts.noteOldest(follower);
    if (follower.attemptedTag !== before) follower.oldestSince = now;
    this.watchDeadline(follower);
  }

  /** Has its alarm ring when a deadline of it may have come. */
  watchDeadline(follower: Follower): void {
    this.#parts.clock.hasten(follower.alarm, follower.deadline);
  }

  /** Takes away from a follower what nobody has begun to work on in time. */
  #takeOverdue(follower: Follower, share: Share, ids: readonly IdRange[], now: number): void {
    const { pending } = follower;
    const oldest = pending.runs[0]?.firstTag;
    const taken: PendingRun[] = [];
    for (const run of [...pending.runs]) {
      if (run.share !== share || run.isBegun) continue;
      for (const { firstTag: tag, count } of findTags(run, ids)) {
        const isOldest = tag === oldest;
        taken.push(...pending.take(isOldest ? tag + 1 : tag, isOldest ? count - 1 : count));
      }
    }
    if (taken.length === 0) return;
    for (const run of taken) {
      // What was only fetched was no attempt.
      this.#leave(follower, { ...run, attempts: run.attempts - 1 }, now, () => {});
    }
    this.tellRevoked(follower, taken, "its time to live is over");
    this.noteTaken(follower, now);
  }

  #bury(
    follower: Follower,
    run: PendingRun,
    cause: "rejected" | "maxDeliveries",
    { now, reason }: FailedRun,
  ): void {
    const { share, attempts } = run;
    this.#leave(follower, run, now, (part) => {
      for (const { firstId, count, failure } of groupByFailure(part)) {
        const last = addFailure(failure, { now, reason, follower: follower.name });
        for (let id = firstId; id < firstId + count; id++) {
          share.notes.failures.set(id, last, true);
        }
        this.#deadLetters.bury(share, { firstId, count, attempts }, cause, now);
      }
    });
  }

  #makeReady({ share, firstId, count, attempts, priority }: PendingRun): void {
    share.giveBack({ firstId, count, attempts, priority });
    this.#parts.dispatcher.noteReady(share);
  }

  /** Takes messages away from a follower; those whose time is over are not given to anybody again. */
  #leave(
    follower: Follower,
    run: PendingRun,
    now: number,
    proceed: (part: PendingRun) => void,
  ): void {
    const { share, firstId, count, attempts } = run;
    const { store, notes: { overdue } } = share;
    follower.pendingBytes -= store.backlog.measure(firstId, count);
    if (store.expiries.nextAt <= now) this.expire(share, now);
    if (overdue.size === 0) return proceed(run);
    for (let id = firstId; id < firstId + count; id++) {
      if (overdue.has(id)) {
        this.#deadLetters.bury(share, { firstId: id, count: 1, attempts }, "expired", now);
      } else {
        proceed({ ...run, firstId: id, count: 1 });
      }
    }
  }
}

/** Whether messages are given up that were worked on in vain so often. */
function isLastAttempt({ options, isDead }: Store, attempts: number): boolean {
  return attempts >= options.maxDeliveries && !isDead;
}

/** How long what has failed so often is held back. */
function pickDelay(backoffMs: readonly number[], count: number): number {
  return backoffMs[Math.min(count, backoffMs.length) - 1]!;
}
