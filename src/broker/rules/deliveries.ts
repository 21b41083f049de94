/**
 * What comes back from followers: released unseen, failed, rejected, not acknowledged in time, or
 * held by a follower that is gone.
 *
 * @module
 */

import type { TagRange } from "../../../protocol.ts";
import type { BrokerParts } from "./broker_parts.ts";
import type { NackOptions } from "../engine.ts";
import { addFailure, countLosses } from "../share/failure.ts";
import type { Follower } from "../share/follower.ts";
import { type IdRange, intersectRanges } from "../collections/id_ranges.ts";
import { LateAcks } from "./late_acks.ts";
import type { PendingRun } from "../share/pending_list.ts";
import {
  countAll,
  groupByFailure,
  joinTags,
  takePending,
  visitPending,
} from "../share/pending_ranges.ts";
import type { Stream } from "../stream/stream.ts";
import type { Transfers } from "./dead_letters.ts";

/** What is known of a delivery that failed. */
interface FailedRun {
  readonly now: number;
  readonly reason: string;
  /** How long the messages are held back; the stream's backoff if nothing is said. */
  readonly delayMs?: number | undefined;
  /** Whether their follower was lost. */
  readonly isLoss?: boolean;
}

/**
 * How long messages are held back that have lost their follower once, twice …, in milliseconds: what
 * ends its follower each time does not do so as fast as followers come.
 */
const LOSS_BACKOFF_MS = [0, 1000, 5000, 30_000];

/** If a follower is not listened to, its deadlines are looked at again so much later, in milliseconds. */
const UNREAD_MS = 1000;

/** Puts what comes back where it belongs. */
export class Returns {
  readonly #parts: BrokerParts;
  readonly #transfers: Transfers;
  readonly #lateAcks: LateAcks;

  constructor(parts: BrokerParts, transfers: Transfers) {
    this.#parts = parts;
    this.#transfers = transfers;
    this.#lateAcks = new LateAcks(parts);
  }

  /** Notes that something goes on at a follower: it may get messages, and what it holds has time. */
  noteLife(follower: Follower, now: number): void {
    follower.lifeAt = now;
    if (!follower.isSuspended) return;
    follower.isSuspended = false;
    this.#parts.dispatcher.noteRevived(follower);
  }

  /** Ends deliveries: they are done. */
  ack(follower: Follower, ranges: readonly TagRange[], now: number): void {
    this.noteLife(follower, now);
    const { held, error } = takePending(
      follower,
      ranges,
      (range) => this.#lateAcks.settle(follower, range),
    );
    for (const { stream, firstId, count } of held) {
      follower.pendingBytes -= stream.backlog.measure(firstId, count);
      this.#parts.commit({ type: "acknowledged", number: stream.number, firstId, count });
    }
    this.#noteTaken(follower, now);
    if (error !== undefined) throw error;
  }

  /** Takes back deliveries that were not looked at: they do not count as attempts. */
  release(follower: Follower, ranges: readonly TagRange[], now: number): void {
    // A client that says what its handler has gives back what the handler does not come for.
    if (!follower.reportsBegin) this.noteLife(follower, now);
    const { held, error } = takePending(follower, ranges);
    for (const run of held) this.#giveBackUnseen(follower, run, now);
    this.#noteTaken(follower, now);
    if (error !== undefined) throw error;
  }

  /** Ends deliveries that have failed: their messages are held back, and delivered again. */
  nack(
    follower: Follower,
    ranges: readonly TagRange[],
    { delayMs, reason, now }: NackOptions & { readonly now: number },
  ): void {
    this.noteLife(follower, now);
    const { held, error } = takePending(follower, ranges);
    for (const run of held) this.#fail(follower, run, { delayMs, reason, now });
    this.#noteTaken(follower, now);
    if (error !== undefined) throw error;
  }

  /** Ends deliveries whose messages nobody should get again. */
  reject(
    follower: Follower,
    ranges: readonly TagRange[],
    { reason, now }: { readonly reason: string; readonly now: number },
  ): void {
    this.noteLife(follower, now);
    const { held, error } = takePending(follower, ranges);
    for (const run of held) {
      // Dead letters are not given up: they wait until somebody looks after them.
      if (run.stream.isDead) this.#fail(follower, run, { reason, now });
      else this.#reject(follower, run, { reason, now });
    }
    this.#noteTaken(follower, now);
    if (error !== undefined) throw error;
  }

  /** Notes that deliveries are being worked on: their time begins. */
  begin(follower: Follower, ranges: readonly TagRange[], now: number): void {
    const error = visitPending(follower, ranges, (run) => {
      // What was taken back meanwhile may have been begun by a handler that hangs.
      this.noteLife(follower, now);
      if (run.isBegun) return;
      run.deadline = now + run.stream.options.ackTimeoutMs;
      this.#parts.attempts.begin(run);
    });
    if (error !== undefined) throw error;
  }

  /** Gives deliveries so many milliseconds from now. */
  extend(follower: Follower, ranges: readonly TagRange[], ms: number, now: number): void {
    this.noteLife(follower, now);
    const error = visitPending(follower, ranges, (run) => {
      this.#parts.attempts.begin(run);
      run.deadline = now + ms;
    });
    follower.deadline = Math.min(follower.deadline, now + ms);
    this.watchDeadline(follower);
    if (error !== undefined) throw error;
  }

  /** Takes back all that a follower holds that ends (its client has received `lastTag`) or is lost. */
  takeAll(follower: Follower, lastTag: number | undefined, now: number): void {
    this.#parts.clock.set(follower.alarm, Infinity);
    if (lastTag === undefined) return void this.#lose(follower, now);
    const { pending } = follower;
    for (const run of pending.find(1, lastTag)) this.#parts.attempts.begin(run);
    for (const run of pending.takeAll()) {
      if (run.isBegun) this.#giveBack(follower, run, run.attempts, now);
      else this.#giveBackUnseen(follower, run, now);
    }
  }

  /**
   * Takes back all that a follower holds of which nothing is heard. It gets nothing more until it
   * shows life, and what it acknowledges then counts if nobody else has it.
   *
   * @returns How many deliveries that may be; none of those that ran out before something went on there.
   */
  takeSilent(follower: Follower, now: number): number {
    const lost = this.#lose(follower, now);
    if (lost.length === 0) return follower.isSuspended ? follower.lapsed.count : 0;
    for (const run of lost) follower.lapsed.add({ ...run, isLoss: run.isBegun });
    follower.isSuspended = true;
    this.#tellRevoked(follower, lost, "nothing was heard from its client for too long");
    this.#noteTaken(follower, now);
    return follower.lapsed.count;
  }

  /** Takes back all that a follower holds that is lost. */
  #lose(follower: Follower, now: number): PendingRun[] {
    // Only what was worked on counts as an attempt: a message that kills its follower must not take
    // those that were fetched with it to the dead letters.
    const { pending } = follower;
    const [oldest] = pending.find(pending.runs[0]?.firstTag ?? 0, 1);
    if (oldest !== undefined && !oldest.isBegun) {
      if (mayHaveBegun(follower, oldest)) this.#parts.attempts.begin(oldest);
      oldest.stream.doubtful.add(oldest.firstId);
    }
    const lost = pending.takeAll();
    for (const run of lost) {
      if (!run.isBegun) this.#giveBackUnseen(follower, run, now);
      else this.#failLost(follower, run, now);
    }
    return lost;
  }

  #failLost(follower: Follower, run: PendingRun, now: number): void {
    const { stream, firstId, count } = run;
    for (let id = firstId; id < firstId + count; id++) stream.doubtful.add(id);
    this.#fail(follower, run, { reason: "the follower was lost", isLoss: true, now });
  }

  /** Takes back what a follower holds that stays; returns how many deliveries. */
  revokeAll(follower: Follower, reason: string, now: number): number {
    const { pending } = follower;
    const assumed = this.#separateOldest(follower);
    if (assumed !== undefined) this.#parts.attempts.begin(assumed);
    const taken = pending.takeAll();
    for (const run of taken) {
      if (run.isBegun) this.#giveBack(follower, run, run.attempts, now);
      else this.#giveBackUnseen(follower, run, now);
    }
    this.#tellRevoked(follower, taken, reason);
    this.#noteTaken(follower, now);
    return countAll(taken);
  }

  /** Takes back what a follower has not acknowledged in time. */
  timeOut(follower: Follower, now: number): void {
    if (follower.sink.isUnread) {
      // Perhaps it has said long ago that it is done.
      this.#parts.clock.hasten(follower.alarm, now + UNREAD_MS);
      return;
    }
    const { pending } = follower;
    // First, or it would depend on the order of alarms what is the oldest then.
    for (const { stream } of [...pending.runs]) {
      if (stream.expiries.nextAt <= now) this.expire(stream, now);
    }
    const assumed = this.#separateOldest(follower);
    const late = this.#findLate(follower, now);
    if (late.length > 0) {
      follower.isSuspended = true;
      this.#doubtFirst(follower, late);
      // All at once: what one brings about, such as that others expire, must not find them here.
      for (const run of late) pending.take(run.firstTag, run.count);
      for (const run of late) {
        follower.lapsed.add({ ...run, isLoss: false });
        // What was only fetched is no attempt.
        if (!run.isBegun && run !== assumed) this.#giveBackUnseen(follower, run, now);
        else this.#fail(follower, run, { reason: "not acknowledged in time", now });
      }
      this.#tellRevoked(follower, late, "it was not acknowledged in time");
      this.#noteTaken(follower, now);
    }
    follower.deadline = follower.findDeadline();
    this.watchDeadline(follower);
  }

  /** What has run out; if nothing goes on there any more, all that is only fetched has, too. */
  #findLate(follower: Follower, now: number): PendingRun[] {
    const { runs } = follower.pending;
    const first = runs.find((run) => follower.deadlineOf(run) <= now);
    if (first === undefined) return [];
    const isStill = follower.lifeAt + first.stream.options.ackTimeoutMs <= now;
    return runs.filter((run) => follower.deadlineOf(run) <= now || (isStill && !run.isBegun));
  }

  /** A handler that lets nothing be heard may have the first that is not known to have begun. */
  #doubtFirst({ reportsBegin }: Follower, late: readonly PendingRun[]): void {
    const first = late.find(({ isBegun }) => !isBegun);
    if (reportsBegin && first !== undefined) first.stream.doubtful.add(first.firstId);
  }

  /** Takes out of a stream what is overdue, and away from followers what they have only fetched. */
  expire(stream: Stream, now: number): void {
    const held = this.#transfers.expire(stream, now);
    if (held.length === 0) return;
    for (const { follower } of stream.attachments) this.#takeOverdue(follower, stream, held, now);
  }

  /** Takes away from a follower what nobody has begun to work on in time. */
  #takeOverdue(follower: Follower, stream: Stream, ids: readonly IdRange[], now: number): void {
    const { pending } = follower;
    const oldest = pending.runs[0]?.firstTag;
    const taken: PendingRun[] = [];
    for (const run of [...pending.runs]) {
      if (run.stream !== stream || run.isBegun) continue;
      for (const { firstId, count } of intersectRanges(run, ids)) {
        const tag = run.firstTag + firstId - run.firstId;
        const isOldest = tag === oldest;
        taken.push(...pending.take(isOldest ? tag + 1 : tag, isOldest ? count - 1 : count));
      }
    }
    if (taken.length === 0) return;
    for (const run of taken) {
      // What was only fetched was no attempt.
      this.#leave(follower, { ...run, attempts: run.attempts - 1 }, now, () => {});
    }
    this.#tellRevoked(follower, taken, "its time to live is over");
    this.#noteTaken(follower, now);
  }

  /** Takes away from a follower what it holds of a stream that goes. */
  takeStream(follower: Follower, stream: Stream, now: number): void {
    const taken = follower.pending.takeStream(stream);
    for (const run of taken) {
      follower.pendingBytes -= stream.backlog.measure(run.firstId, run.count);
    }
    this.#tellRevoked(follower, taken, `stream "${stream.name}" was deleted`);
    this.#noteTaken(follower, now);
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

  /** Makes a run of its own of the delivery that a follower is taken to be working on, if any is. */
  #separateOldest(follower: Follower): PendingRun | undefined {
    const { pending } = follower;
    const [oldest] = pending.runs;
    if (oldest === undefined || !follower.isAssumed(oldest)) return undefined;
    return pending.find(oldest.firstTag, 1)[0];
  }

  /** Messages were worked on in vain: they come back later, or not at all if it was the last time. */
  #fail(follower: Follower, run: PendingRun, failed: FailedRun): void {
    const { now, reason, delayMs, isLoss } = failed;
    const { stream, attempts, priority } = run;
    const { backoffMs, maxDeliveries } = stream.options;
    const isLast = attempts >= maxDeliveries && !stream.isDead;
    if (isLast) return this.#bury(follower, run, "maxDeliveries", { now, reason });
    const failedMs = delayMs ?? pickDelay(backoffMs, attempts);
    this.#leave(follower, run, now, (part) => {
      for (const { firstId, count, failure } of groupByFailure(part)) {
        const waitMs = isLoss ? pickDelay(LOSS_BACKOFF_MS, countLosses(failure) + 1) : failedMs;
        const dueAt = waitMs === 0 ? 0 : Math.ceil(now + waitMs);
        this.#parts.commit({
          type: "failed",
          number: stream.number,
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

  #reject(follower: Follower, run: PendingRun, failed: FailedRun): void {
    this.#bury(follower, run, "rejected", failed);
  }

  #bury(
    follower: Follower,
    run: PendingRun,
    cause: "rejected" | "maxDeliveries",
    { now, reason }: FailedRun,
  ): void {
    const { stream, attempts } = run;
    this.#leave(follower, run, now, (part) => {
      for (const { firstId, count, failure } of groupByFailure(part)) {
        const last = addFailure(failure, { now, reason, follower: follower.name });
        for (let id = firstId; id < firstId + count; id++) stream.failures.set(id, last, true);
        this.#transfers.bury(stream, { firstId, count, attempts }, cause, now);
      }
    });
  }

  #giveBackUnseen(follower: Follower, run: PendingRun, now: number): void {
    this.#parts.attempts.unsay(follower, run);
    this.#leave(follower, { ...run, attempts: run.attempts - 1 }, now, (part) => {
      // It waits behind the others for what it gives back; what is overdue goes back to nobody.
      const attachment = follower.attachments.get(run.stream);
      if (attachment !== undefined) run.stream.waiting.append(attachment);
      this.#makeReady(part);
    });
  }

  #giveBack(follower: Follower, run: PendingRun, attempts: number, now: number): void {
    const { stream } = run;
    const isLast = attempts >= stream.options.maxDeliveries && !stream.isDead;
    if (isLast) return this.#bury(follower, run, "maxDeliveries", { now, reason: "" });
    this.#leave(follower, { ...run, attempts }, now, (part) => this.#makeReady(part));
  }

  #makeReady({ stream, firstId, count, attempts, priority }: PendingRun): void {
    stream.giveBack({ firstId, count, attempts, priority });
    this.#parts.dispatcher.noteReady(stream);
  }

  /** Takes messages away from a follower; those whose time is over are not given to anybody again. */
  #leave(
    follower: Follower,
    run: PendingRun,
    now: number,
    proceed: (part: PendingRun) => void,
  ): void {
    const { stream, firstId, count, attempts } = run;
    follower.pendingBytes -= stream.backlog.measure(firstId, count);
    if (stream.expiries.nextAt <= now) this.expire(stream, now);
    if (stream.overdue.size === 0) return proceed(run);
    for (let id = firstId; id < firstId + count; id++) {
      if (stream.overdue.has(id)) {
        this.#transfers.bury(stream, { firstId: id, count: 1, attempts }, "expired", now);
      } else {
        proceed({ ...run, firstId: id, count: 1 });
      }
    }
  }

  #tellRevoked(follower: Follower, runs: readonly PendingRun[], reason: string): void {
    if (runs.length === 0) return;
    follower.sink.revoke(joinTags(runs), reason);
  }

  /** Notes that a follower holds less. */
  #noteTaken(follower: Follower, now: number): void {
    this.noteOldest(follower, now);
    this.#parts.dispatcher.noteRoom(follower);
  }
}

/** How long what has failed so often is held back. */
function pickDelay(backoffMs: readonly number[], count: number): number {
  return backoffMs[Math.min(count, backoffMs.length) - 1]!;
}

/**
 * Whether the oldest delivery of a follower that is lost counts as an attempt although nothing was
 * said of it. One that would be the last attempt has to be known: next time its follower says so
 * before a handler gets it.
 */
function mayHaveBegun({ reportsBegin }: Follower, run: PendingRun): boolean {
  if (!reportsBegin) return true;
  const { isDoubtful, attempts, stream } = run;
  return !isDoubtful && (attempts < stream.options.maxDeliveries || stream.isDead);
}
