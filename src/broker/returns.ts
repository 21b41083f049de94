/**
 * What comes back from followers: released unseen, failed, rejected, not acknowledged in time, or
 * held by a follower that is gone.
 *
 * @module
 */

import type { BrokerError, TagRange } from "../../protocol.ts";
import type { BrokerParts } from "./broker_parts.ts";
import type { NackOptions } from "./engine.ts";
import { addFailure, type Failure } from "./failure.ts";
import type { Follower } from "./follower.ts";
import { type IdRange, intersectRanges } from "./id_ranges.ts";
import type { PendingRun } from "./pending_list.ts";
import type { Stream } from "./stream.ts";
import type { Transfers } from "./transfers.ts";

/** What is known of a delivery that failed. */
interface FailedRun {
  readonly now: number;
  readonly reason: string;
  /** How long the messages are held back; the stream's backoff if nothing is said. */
  readonly delayMs?: number | undefined;
}

/** Puts what comes back where it belongs. */
export class Returns {
  readonly #parts: BrokerParts;
  readonly #transfers: Transfers;

  constructor(parts: BrokerParts, transfers: Transfers) {
    this.#parts = parts;
    this.#transfers = transfers;
  }

  /** Ends deliveries: they are done. */
  ack(follower: Follower, ranges: readonly TagRange[], now: number): void {
    const { held, error } = takePending(follower, ranges);
    for (const { stream, firstId, count } of held) {
      follower.pendingBytes -= stream.backlog.measure(firstId, count);
      this.#parts.commit({ type: "acknowledged", number: stream.number, firstId, count });
    }
    this.#noteTaken(follower, now);
    if (error !== undefined) throw error;
  }

  /** Takes back deliveries that were not looked at: they do not count as attempts. */
  release(follower: Follower, ranges: readonly TagRange[], now: number): void {
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
    const { held, error } = takePending(follower, ranges);
    for (const run of held) {
      // Dead letters are not given up: they wait until somebody looks after them.
      if (run.stream.isDead) this.#fail(follower, run, { reason, now });
      else this.#reject(follower, run, { reason, now });
    }
    this.#noteTaken(follower, now);
    if (error !== undefined) throw error;
  }

  /** Notes that deliveries are being worked on, from now. */
  begin(follower: Follower, ranges: readonly TagRange[], now: number): void {
    let error: BrokerError | undefined;
    for (const range of ranges) {
      const runs = follower.pending.find(range.firstTag, range.count);
      for (const run of runs) {
        if (!run.isBegun) {
          run.deadline = Math.max(run.deadline, now + run.stream.options.ackTimeoutMs);
        }
        this.#parts.attempts.begin(run);
      }
      error ??= findMissing(follower, range, runs);
    }
    if (error !== undefined) throw error;
  }

  /** Gives deliveries so many milliseconds from now. */
  extend(follower: Follower, ranges: readonly TagRange[], ms: number, now: number): void {
    let error: BrokerError | undefined;
    for (const range of ranges) {
      const runs = follower.pending.find(range.firstTag, range.count);
      for (const run of runs) {
        this.#parts.attempts.begin(run);
        run.deadline = now + ms;
      }
      follower.deadline = Math.min(follower.deadline, now + ms);
      error ??= findMissing(follower, range, runs);
    }
    this.watchDeadline(follower);
    if (error !== undefined) throw error;
  }

  /** Takes back all that a follower holds that ends (its client has received `lastTag`) or is lost. */
  takeAll(follower: Follower, lastTag: number | undefined, now: number): void {
    // Only what was worked on counts as an attempt: a message that kills its follower must not take
    // those that were fetched with it to the dead letters.
    const { pending } = follower;
    const oldest = pending.runs[0]?.firstTag ?? 0;
    const worked = lastTag === undefined ? pending.find(oldest, 1) : pending.find(1, lastTag);
    for (const run of worked) this.#parts.attempts.begin(run);
    for (const run of pending.takeAll()) {
      if (!run.isBegun) this.#giveBackUnseen(follower, run, now);
      else if (lastTag !== undefined) this.#giveBack(follower, run, run.attempts, now);
      else this.#fail(follower, run, { reason: "the follower was lost", delayMs: 0, now });
    }
    this.#parts.clock.set(follower.alarm, Infinity);
  }

  /** Takes back what a follower holds that stays; returns how many deliveries. */
  revokeAll(follower: Follower, reason: string, now: number): number {
    const { pending } = follower;
    const oldest = pending.runs[0]?.firstTag ?? 0;
    for (const run of pending.find(oldest, 1)) this.#parts.attempts.begin(run);
    const taken = pending.takeAll();
    for (const run of taken) {
      if (run.isBegun) this.#giveBack(follower, run, run.attempts, now);
      else this.#giveBackUnseen(follower, run, now);
    }
    this.#tellRevoked(follower, taken, reason);
    this.#noteTaken(follower, now);
    return taken.reduce((sum, { count }) => sum + count, 0);
  }

  /** Takes back what a follower has not acknowledged in time. */
  timeOut(follower: Follower, now: number): void {
    const { pending } = follower;
    this.#separateOldest(follower, now);
    const late = pending.runs.filter(({ deadline }) => deadline <= now);
    const isOldestLate = late.length > 0 && late[0] === pending.runs[0];
    // All of them at once: what one brings about, such as that others expire, must not find them here.
    for (const run of late) pending.take(run.firstTag, run.count);
    for (const [index, run] of late.entries()) {
      // What was only fetched is no attempt.
      if (run.isBegun || (index === 0 && isOldestLate)) {
        this.#fail(follower, run, { reason: "not acknowledged in time", now });
      } else {
        this.#giveBackUnseen(follower, run, now);
      }
    }
    follower.deadline = pending.deadline;
    if (late.length > 0) {
      this.#tellRevoked(follower, late, "it was not acknowledged in time");
      this.#noteTaken(follower, now);
    }
    this.watchDeadline(follower);
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

  /** Its time begins when it becomes the oldest delivery: nobody works on it before. */
  #separateOldest({ pending, oldestSince }: Follower, now: number): void {
    const [oldest] = pending.runs;
    if (oldest === undefined || oldest.isBegun || oldest.deadline > now) return;
    const [first] = pending.find(oldest.firstTag, 1);
    first!.deadline = Math.max(first!.deadline, oldestSince + first!.stream.options.ackTimeoutMs);
  }

  /** Messages were worked on in vain: they come back later, or not at all if it was the last time. */
  #fail(follower: Follower, run: PendingRun, { now, reason, delayMs }: FailedRun): void {
    const { stream, attempts, priority } = run;
    const { backoffMs, maxDeliveries } = stream.options;
    const isLast = attempts >= maxDeliveries && !stream.isDead;
    if (isLast) return this.#bury(follower, run, "maxDeliveries", { now, reason });
    const waitMs = delayMs ?? backoffMs[Math.min(attempts, backoffMs.length) - 1]!;
    const dueAt = waitMs === 0 ? 0 : Math.ceil(now + waitMs);
    this.#leave(follower, run, now, (part) => {
      for (const { firstId, count, failure } of groupByFailure(part)) {
        this.#parts.commit({
          type: "failed",
          number: stream.number,
          firstId,
          count,
          attempts,
          dueAt,
          priority,
          failure: addFailure(failure, { now, reason, follower: follower.name }),
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
        for (let id = firstId; id < firstId + count; id++) stream.failures.set(id, last);
        this.#transfers.bury(stream, { firstId, count, attempts }, cause, now);
      }
    });
  }

  #giveBackUnseen(follower: Follower, run: PendingRun, now: number): void {
    this.#parts.attempts.unsay(follower, run);
    this.#giveBack(follower, run, run.attempts - 1, now);
  }

  #giveBack(follower: Follower, run: PendingRun, attempts: number, now: number): void {
    const { stream, priority } = run;
    const isLast = attempts >= stream.options.maxDeliveries && !stream.isDead;
    if (isLast) return this.#bury(follower, run, "maxDeliveries", { now, reason: "" });
    this.#leave(follower, { ...run, attempts }, now, ({ firstId, count }) => {
      stream.giveBack({ firstId, count, attempts, priority });
      this.#parts.dispatcher.noteReady(stream);
    });
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
    const ranges: { firstTag: number; count: number }[] = [];
    for (const { firstTag, count } of runs) {
      const last = ranges.at(-1);
      if (last !== undefined && last.firstTag + last.count === firstTag) last.count += count;
      else ranges.push({ firstTag, count });
    }
    follower.sink.revoke(ranges, reason);
  }

  /** Notes that a follower holds less. */
  #noteTaken(follower: Follower, now: number): void {
    this.noteOldest(follower, now);
    this.#parts.dispatcher.noteRoom(follower);
  }
}

/** Consecutive messages with which the same went wrong before. */
interface EquallyFailed {
  readonly firstId: number;
  count: number;
  readonly failure: Failure | undefined;
}

function groupByFailure({ stream, firstId, count }: PendingRun): EquallyFailed[] {
  const { failures } = stream;
  if (failures.size === 0) return [{ firstId, count, failure: undefined }];
  const groups: EquallyFailed[] = [];
  for (let id = firstId; id < firstId + count; id++) {
    const failure = failures.get(id);
    const last = groups.at(-1);
    if (last !== undefined && last.failure === failure) last.count++;
    else groups.push({ firstId: id, count: 1, failure });
  }
  return groups;
}

/** Takes what is pending of some ranges, and tells what of them is not. */
function takePending(
  follower: Follower,
  ranges: readonly TagRange[],
): { held: PendingRun[]; error: BrokerError | undefined } {
  let held: PendingRun[] = [];
  let error: BrokerError | undefined;
  for (const range of ranges) {
    const runs = follower.pending.take(range.firstTag, range.count);
    error ??= findMissing(follower, range, runs);
    held = held.length === 0 ? runs : held.concat(runs);
  }
  return { held, error };
}

/** Tells what of a range is not pending, if anything is not. */
function findMissing(
  follower: Follower,
  range: TagRange,
  runs: readonly PendingRun[],
): BrokerError | undefined {
  let count = 0;
  for (const run of runs) count += run.count;
  return count === range.count ? undefined : follower.explainMissing(range, count);
}
