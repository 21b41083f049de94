import type { Coalescing } from "../coalescing/coalescing.ts";
import type { RuleContext } from "./rule_context.ts";
import type { DeadLetters } from "./dead_letters.ts";
import {
  addFailure,
  countLosses,
  countPostponements,
  POSTPONEMENTS_MAX,
} from "../failures/failure.ts";
import type { FollowerState } from "../share/follower_state.ts";
import { type IdRange, joinRanges } from "../collections/id_ranges.ts";
import { takeLater } from "../share/later_deliveries.ts";
import type { PendingRun } from "../share/pending_list.ts";
import { findTags, groupByFailure, joinTags, splitByLane } from "../share/pending_ranges.ts";
import type { ReadyRun } from "../ready/ready_run.ts";
import type { Share } from "../share/share.ts";
import type { Store } from "../store/store.ts";

export interface FailedRun {
  readonly now: number;
  readonly reason: string;
  /** The delay of the messages; by default the stream's backoff. */
  readonly delayMs?: number | undefined;
  /** The least delay, where `delayMs` does not say otherwise. */
  readonly leastMs?: number;
  readonly isLoss?: boolean;
}

/** Messages whose handler has put them off. */
interface PostponedRun extends FailedRun {
  readonly delayMs: number;
  /** Whether all messages of their lanes wait as long. */
  readonly holdsLane?: boolean | undefined;
}

/** How many expired messages are carried to the dead letters at a time: they are read and copied. */
const BURIED_MAX = 128;

/** How messages come back: with an attempt used up, without one, or without one and by their own wish. */
type ReturnWay = "failed" | "spared" | "postponed";

/**
 * The delays of messages after one, two … lost followers in a row, in milliseconds: a message that kills
 * its followers must not do so as fast as they come back.
 */
const LOSS_BACKOFF_MS = [0, 1000, 5000, 30_000];

/**
 * Puts messages that were taken from a follower back: ready, delayed, or to the dead letters. Expired
 * messages do not come back.
 */
export class Returns {
  readonly #parts: RuleContext;
  readonly #deadLetters: DeadLetters;
  readonly #coalescing: Coalescing;

  constructor(parts: RuleContext, deadLetters: DeadLetters, coalescing: Coalescing) {
    this.#parts = parts;
    this.#deadLetters = deadLetters;
    this.#coalescing = coalescing;
  }

  /** Delays messages that failed, or gives them up if it was the last attempt. */
  fail(follower: FollowerState, run: PendingRun, failed: FailedRun): void {
    for (const part of splitByBreaker(run)) this.#fail(follower, part, failed);
  }

  #fail(follower: FollowerState, run: PendingRun, failed: FailedRun): void {
    const leastMs = this.#parts.breakers.spare(run, failed);
    if (leastMs !== undefined) {
      return this.#holdBack(follower, run, { leastMs, ...failed }, "spared");
    }
    if (isLastAttempt(run.share.store, run.attempts)) {
      return this.#bury(follower, run, "maxDeliveries", failed);
    }
    this.#holdBack(follower, run, failed, "failed");
  }

  /** Delays messages that their handler has put off: that was no attempt, unless they are put off for ever. */
  postpone(follower: FollowerState, run: PendingRun, postponed: PostponedRun): void {
    const { now, reason } = postponed;
    for (const alike of splitByLane(run)) {
      if (postponed.holdsLane) this.#holdLane(alike, now + postponed.delayMs);
      if (run.share.breakers !== undefined) this.#parts.breakers.notePostponed(alike, now, reason);
      for (const { firstId, count, failure } of groupByFailure(alike)) {
        const part = { ...alike, firstId, count };
        if (countPostponements(failure) < POSTPONEMENTS_MAX) {
          this.#holdBack(follower, part, postponed, "postponed");
        } else this.fail(follower, part, postponed);
      }
    }
  }

  #holdLane({ share, lane }: PendingRun, until: number): void {
    if (lane === undefined || share.lanes === undefined) return;
    const { name } = share.lanes.table.get(lane);
    const { number } = share.store;
    this.#parts.commit({ type: "laneHeld", number, lane: name, until: Math.ceil(until) });
  }

  #holdBack(follower: FollowerState, run: PendingRun, failed: FailedRun, way: ReturnWay): void {
    const { now, reason, delayMs, isLoss, leastMs = 0 } = failed;
    const { share: { store }, attempts, priority } = run;
    const failedMs = delayMs ?? Math.max(leastMs, pickDelay(store.options.backoffMs, attempts));
    const isPostponement = way === "postponed";
    this.#leave(run, now, (part) => {
      const { lane } = part;
      for (const { firstId, count, failure } of groupByFailure(part)) {
        const waitMs = isLoss
          ? Math.max(leastMs, pickDelay(LOSS_BACKOFF_MS, countLosses(failure) + 1))
          : failedMs;
        const dueAt = waitMs === 0 ? 0 : Math.ceil(now + waitMs);
        const { name } = follower;
        this.#parts.commit({
          type: way === "failed" ? "failed" : "postponed",
          number: store.number,
          firstId,
          count,
          attempts: way === "failed" ? attempts : attempts - 1,
          dueAt,
          priority,
          lane,
          failure: addFailure(failure, { now, reason, follower: name, isLoss, isPostponement }),
          newReasons: reason === "" ? 0 : 1,
        });
      }
    });
    this.#coalescing.noteReturned(run.share, run);
  }

  /** Gives messages up. */
  reject(follower: FollowerState, run: PendingRun, failed: FailedRun): void {
    // Dead letters are never given up: they wait for an operator.
    if (run.share.store.isDead) this.fail(follower, run, failed);
    else this.#bury(follower, run, "rejected", failed);
  }

  /** Makes messages ready again; begun deliveries count as attempts. */
  giveBack(follower: FollowerState, run: PendingRun, now: number): void {
    if (!run.isBegun) return this.giveBackUnseen(follower, run, now);
    for (const part of splitByBreaker(run)) this.#giveBackBegun(follower, part, now);
  }

  #giveBackBegun(follower: FollowerState, run: PendingRun, now: number): void {
    const delayMs = this.#parts.breakers.spare(run, { now, reason: "" });
    if (delayMs !== undefined) {
      return this.#holdBack(follower, run, { now, reason: "", delayMs }, "spared");
    }
    if (isLastAttempt(run.share.store, run.attempts)) {
      return this.#bury(follower, run, "maxDeliveries", { now, reason: "" });
    }
    this.#leave(run, now, (part) => this.#makeReady(part));
    this.#coalescing.noteReturned(run.share, run);
  }

  /**
   * Takes back what was only fetched after some messages of the same keys: they come back first.
   *
   * @returns These deliveries; the follower has not been told of them.
   */
  giveBackLater(follower: FollowerState, runs: readonly PendingRun[], now: number): PendingRun[] {
    const later = takeLater(follower, runs);
    for (const run of later.toReversed()) this.giveBackUnseen(follower, run, now);
    return later;
  }

  /**
   * Makes messages ready again that no handler has seen, or that one had together with others: that was no
   * attempt.
   */
  giveBackUnseen(follower: FollowerState, run: PendingRun, now: number): void {
    this.#parts.attempts.unsay(follower, run);
    if (run.batch === undefined) run.share.noteUnseen(run);
    this.#leave({ ...run, attempts: run.attempts - 1 }, now, (part) => {
      if (run.isSuspect) run.share.notes.suspect(part);
      // Only for what is ready again: the follower waits behind the others for what it gave back.
      const attachment = follower.attachments.get(run.share);
      if (attachment !== undefined) run.share.waiting.append(attachment);
      this.#makeReady(part);
    });
    this.#coalescing.noteReturned(run.share, run);
  }

  /**
   * Takes expired messages out of a share, and away from followers that have only fetched them, as many as there
   * is time for in a turn. Messages that handlers have are noted as overdue, and do not come back.
   */
  expire(share: Share, now: number): void {
    const { isDead, options, expiries } = share.store;
    const isKept = options.deadLetterExpired && !isDead;
    this.#parts.turns.spend((size) => {
      if (isKept && this.#deadLetters.isBusy) return "later";
      this.#expire(share, share.store.takeExpired(now, size), now);
      return expiries.nextAt <= now ? "more" : "done";
    }, isKept ? BURIED_MAX : undefined);
  }

  /** Takes out those of some messages that have expired, however many others have. */
  expireOf(share: Share, range: IdRange, now: number): void {
    this.#expire(share, share.store.takeExpiredOf(range, now), now);
  }

  #expire(share: Share, expired: readonly IdRange[], now: number): void {
    if (expired.length === 0) return;
    const { unheld, held } = share.takeOverdue(expired);
    for (const run of joinAlike(unheld)) this.#deadLetters.bury(share, run, "expired", now);
    if (held.length === 0) return;
    for (const { follower } of share.attachments) this.#takeOverdue(follower, share, held, now);
  }

  tellRevoked(
    follower: FollowerState,
    runs: readonly PendingRun[],
    reason: string,
    isCancelled?: boolean,
  ): void {
    if (runs.length > 0) follower.sink.revoke(joinTags(runs), reason, isCancelled);
  }

  noteTaken(follower: FollowerState, now: number): void {
    this.noteOldest(follower, now);
    this.#parts.dispatcher.noteRoom(follower);
  }

  /** Notes the oldest delivery of a follower, and when to check its deadlines. */
  noteOldest(follower: FollowerState, now: number): void {
    const { liveness } = follower;
    const before = liveness.oldestTag;
    this.#parts.attempts.noteOldest(follower);
    if (liveness.oldestTag !== before) liveness.oldestSince = now;
    this.watchDeadline(follower);
  }

  watchDeadline({ liveness }: FollowerState): void {
    this.#parts.clock.hasten(liveness.alarm, liveness.deadline);
  }

  /** Takes overdue deliveries away from a follower, but for those that are begun or the oldest. */
  #takeOverdue(follower: FollowerState, share: Share, ids: readonly IdRange[], now: number): void {
    const { pending } = follower;
    const oldest = pending.first?.firstTag;
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
      // Deliveries that were only fetched are no attempts.
      this.#leave({ ...run, attempts: run.attempts - 1 }, now, () => {});
    }
    this.tellRevoked(follower, taken, "its time to live is over");
    this.noteTaken(follower, now);
  }

  #bury(
    follower: FollowerState,
    run: PendingRun,
    cause: "rejected" | "maxDeliveries",
    { now, reason }: FailedRun,
  ): void {
    const { share, attempts } = run;
    this.#leave(run, now, (part) => {
      for (const { firstId, count, failure } of groupByFailure(part)) {
        const last = addFailure(failure, { now, reason, follower: follower.name });
        for (let id = firstId; id < firstId + count; id++) {
          share.notes.failures.set(id, last, true);
        }
        this.#deadLetters.bury(share, { firstId, count, attempts }, cause, now);
      }
    });
  }

  #makeReady({ share, firstId, count, attempts, priority, lane }: PendingRun): void {
    share.giveBack({ firstId, count, attempts, priority, lane });
    this.#parts.dispatcher.noteReady(share);
  }

  /** Takes messages away from a follower; overdue ones are buried, the others go to `proceed`. */
  #leave(run: PendingRun, now: number, proceed: (part: PendingRun) => void): void {
    for (const part of splitByLane(run)) this.#leaveAlike(part, now, proceed);
  }

  #leaveAlike(run: PendingRun, now: number, proceed: (part: PendingRun) => void): void {
    const { share, firstId, count, attempts } = run;
    const { store, notes: { overdue } } = share;
    if (share.noteBack(run)) this.#parts.dispatcher.noteReady(share);
    if (store.expiries.nextAt <= now) this.expireOf(share, run, now);
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

/** Joins messages that were delivered as often, whatever their priorities and lanes. */
function joinAlike(runs: readonly ReadyRun[]): ReadyRun[] {
  const byAttempts = Map.groupBy(runs, ({ attempts }) => attempts);
  return [...byAttempts].flatMap(([attempts, alike]) =>
    joinRanges(alike).map((range) => ({ ...range, attempts }))
  );
}

/** Divides deliveries by what becomes of them if breakers of lanes are open. */
function splitByBreaker(run: PendingRun): readonly PendingRun[] {
  return run.share.breakers === undefined ? [run] : splitByLane(run);
}

function isLastAttempt({ options, isDead }: Store, attempts: number): boolean {
  return attempts >= options.maxDeliveries && !isDead;
}

function pickDelay(backoffMs: readonly number[], count: number): number {
  return backoffMs[Math.min(count, backoffMs.length) - 1]!;
}
