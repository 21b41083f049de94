import type { TagRange } from "../../../protocol.ts";
import type { RuleContext } from "./rule_context.ts";
import type { NackDetails } from "../engine.ts";
import type { FollowerState } from "../share/follower_state.ts";
import { divideFailed } from "../share/begun_batch.ts";
import { LateAcks } from "./late_acks.ts";
import type { PendingRun } from "../share/pending_list.ts";
import { countAll, splitByLane, takePending, visitPending } from "../share/pending_ranges.ts";
import type { Lane } from "../lanes/lane.ts";
import type { FailedRun, Returns } from "./returns.ts";
import type { Share } from "../share/share.ts";

/** The pause before deadlines are checked again if a follower's input is not read, in milliseconds. */
const UNREAD_MS = 1000;

/** Why deliveries are taken back that were only fetched. */
const LATER = "an earlier message of its key has come back";

/** Handles the reports of followers about deliveries, and late, silent and lost followers. */
export class Deliveries {
  readonly #parts: RuleContext;
  readonly #returns: Returns;
  readonly #lateAcks: LateAcks;

  constructor(parts: RuleContext, returns: Returns) {
    this.#parts = parts;
    this.#returns = returns;
    this.#lateAcks = new LateAcks(parts);
    parts.breakers.takeFetched = (share, lane, now) => this.#takeFetched(share, lane, now);
  }

  /** Notes a sign of life: the follower may get messages, and what it has fetched has time. */
  noteLife(follower: FollowerState, now: number): void {
    follower.liveness.lifeAt = now;
    if (!follower.liveness.isSuspended) return;
    follower.liveness.isSuspended = false;
    follower.liveness.isSilent = false;
    this.#parts.dispatcher.noteRevived(follower);
  }

  /** Acknowledges deliveries. */
  ack(follower: FollowerState, ranges: readonly TagRange[], now: number): void {
    this.noteLife(follower, now);
    const { held, error } = takePending(
      follower,
      ranges,
      (range) => this.#lateAcks.end(follower, range),
    );
    for (const run of held) {
      const { share, firstId, count } = run;
      this.#parts.acknowledge(share.store, firstId, count);
      if (share.breakers !== undefined) this.#parts.breakers.noteAcked(run, now);
    }
    this.#returns.noteTaken(follower, now);
    if (error !== undefined) throw error;
  }

  /** Takes back deliveries that no handler has seen: they do not count as attempts. */
  release(follower: FollowerState, ranges: readonly TagRange[], now: number): void {
    // A client that reports what its handler has may release because the handler hangs.
    if (!follower.reportsBegin) this.noteLife(follower, now);
    this.#takeBack(follower, ranges, now, (run) => {
      this.#returns.giveBackUnseen(follower, run, now);
    });
  }

  /** Ends failed deliveries: their messages are held back, and delivered again. */
  nack(
    follower: FollowerState,
    ranges: readonly TagRange[],
    details: NackDetails & { readonly now: number },
  ): void {
    const { delayMs, reason, isPostponed, isFault, isTogether, holdsLane, now } = details;
    this.noteLife(follower, now);
    const prepare = (held: readonly PendingRun[]) => {
      if (!isPostponed) this.#parts.breakers.count(held, { isFault, reason, now });
      if (!isTogether || isPostponed) return held;
      const batch = { count: countAll(held) };
      const together = held.map((run) => ({ ...run, batch }));
      return this.#giveBackHalves(follower, together, { now, delayMs, reason });
    };
    this.#takeBack(follower, ranges, now, (run) => {
      if (isPostponed) {
        run.share.store.counters.noteReturned(run.count, "postponed");
        return this.#returns.postpone(follower, run, {
          delayMs: delayMs ?? 0,
          reason,
          holdsLane,
          now,
        });
      }
      run.share.store.counters.noteReturned(run.count, "nack");
      this.#returns.fail(follower, run, { delayMs, reason, now });
    }, prepare);
  }

  /** Ends deliveries whose messages should not be delivered again. */
  reject(
    follower: FollowerState,
    ranges: readonly TagRange[],
    { reason, now }: { readonly reason: string; readonly now: number },
  ): void {
    this.noteLife(follower, now);
    this.#takeBack(follower, ranges, now, (run) => {
      this.#returns.reject(follower, run, { reason, now });
    });
  }

  /** Notes that handlers have deliveries: their time begins. */
  begin(follower: FollowerState, ranges: readonly TagRange[], now: number): void {
    const error = visitPending(follower, ranges, (run) => {
      // Only for deliveries that are still held: a hanging handler may have begun the others.
      this.noteLife(follower, now);
      if (run.isBegun) return;
      run.deadline = now + run.share.store.options.ackTimeoutMs;
      this.#parts.attempts.begin(run);
    });
    if (error !== undefined) throw error;
  }

  /** Notes that one handler has deliveries together: if they fail, it is not known which is at fault. */
  beginBatch(follower: FollowerState, ranges: readonly TagRange[], now: number): void {
    const begun: PendingRun[] = [];
    const error = visitPending(follower, ranges, (run) => {
      this.noteLife(follower, now);
      if (!run.isBegun) begun.push(run);
    });
    const batch = { count: countAll(begun) };
    for (const run of begun) {
      run.deadline = now + run.share.store.options.ackTimeoutMs;
      if (batch.count === 1) this.#parts.attempts.begin(run);
      else {
        run.isBegun = true;
        run.batch = batch;
      }
    }
    if (error !== undefined) throw error;
  }

  /** Sets the deadlines of deliveries to so many milliseconds from now. */
  extend(follower: FollowerState, ranges: readonly TagRange[], ms: number, now: number): void {
    this.noteLife(follower, now);
    const error = visitPending(follower, ranges, (run) => {
      this.#parts.attempts.begin(run);
      run.deadline = now + ms;
    });
    follower.liveness.deadline = Math.min(follower.liveness.deadline, now + ms);
    this.#returns.watchDeadline(follower);
    if (error !== undefined) throw error;
  }

  /** Takes back all deliveries of a follower that ends (its client has received `lastTag`) or is lost. */
  takeAll(follower: FollowerState, lastTag: number | undefined, now: number): void {
    this.#parts.clock.set(follower.liveness.alarm, Infinity);
    if (lastTag === undefined) return void this.#lose(follower, now);
    const { pending } = follower;
    for (const run of pending.find(1, lastTag)) this.#parts.attempts.begin(run);
    for (const run of this.#giveBackHalves(follower, pending.takeAll(), { now })) {
      this.#returns.giveBack(follower, run, now);
    }
  }

  /** Gives back what failed in batches, in halves and without an attempt; returns the others. */
  #giveBackHalves(
    follower: FollowerState,
    runs: readonly PendingRun[],
    { now, delayMs = 0, reason = "" }: Pick<FailedRun, "now" | "delayMs"> & { reason?: string },
  ): readonly PendingRun[] {
    if (runs.every(({ batch }) => batch === undefined)) return runs;
    const { halves, alone } = divideFailed(runs);
    for (const half of halves) {
      const run = { ...half, isSuspect: true };
      if (delayMs === 0) this.#returns.giveBackUnseen(follower, run, now);
      else {
        run.share.notes.suspect(run);
        this.#returns.postpone(follower, run, { delayMs, reason, now });
      }
    }
    return alone;
  }

  /**
   * Takes back all deliveries of a silent follower. It gets nothing more until it shows life; late
   * acknowledgements count if no other follower has the message.
   *
   * @returns How many deliveries may be acknowledged late.
   */
  takeSilent(follower: FollowerState, now: number): number {
    const lost = this.#lose(follower, now);
    if (lost.length === 0) return follower.liveness.isSuspended ? follower.lapsed.count : 0;
    for (const run of lost) {
      follower.lapsed.add({ ...run, isLoss: run.isBegun && run.batch === undefined });
    }
    follower.liveness.isSuspended = true;
    follower.liveness.isSilent = true;
    this.#returns.tellRevoked(follower, lost, "nothing was heard from its client for too long");
    this.#returns.noteTaken(follower, now);
    return follower.lapsed.count;
  }

  #lose(follower: FollowerState, now: number): PendingRun[] {
    // Only begun deliveries count as attempts: a message that kills its follower must not take the
    // messages that were fetched with it to the dead letters.
    const { pending } = follower;
    const { first } = pending;
    // Those that failed in a batch stay together: without a report, no handler has them.
    const [oldest] = first === undefined || first.isSuspect ? [] : pending.find(first.firstTag, 1);
    if (oldest !== undefined && !oldest.isBegun) {
      if (mayHaveBegun(follower, oldest)) this.#parts.attempts.begin(oldest);
      oldest.share.notes.doubtful.add(oldest.firstId);
    }
    const lost = pending.takeAll();
    for (const run of lost) run.share.store.counters.noteReturned(run.count, "lost");
    for (const run of this.#giveBackHalves(follower, lost, { now })) {
      if (!run.isBegun) this.#returns.giveBackUnseen(follower, run, now);
      else this.#failLost(follower, run, now);
    }
    return lost;
  }

  #failLost(follower: FollowerState, run: PendingRun, now: number): void {
    const { share: { notes }, firstId, count } = run;
    for (let id = firstId; id < firstId + count; id++) notes.doubtful.add(id);
    this.#returns.fail(follower, run, { reason: "the follower was lost", isLoss: true, now });
  }

  /** Takes back the deliveries of some streams, with tags below one, from a follower that stays; returns how many. */
  revoke(
    follower: FollowerState,
    isMeant: (share: Share) => boolean,
    { reason, now, endTag = Infinity }: {
      readonly reason: string;
      readonly now: number;
      readonly endTag?: number;
    },
  ): number {
    const { pending } = follower;
    // What came later is not taken: it must not count as begun either.
    if (pending.first === undefined || pending.first.firstTag >= endTag) return 0;
    const assumed = this.#separateOldest(follower);
    if (assumed !== undefined && isMeant(assumed.share)) this.#parts.attempts.begin(assumed);
    const taken = pending.takeOf((run) => run.firstTag < endTag && isMeant(run.share));
    if (taken.length === 0) return 0;
    for (const run of this.#giveBackHalves(follower, taken, { now })) {
      this.#returns.giveBack(follower, run, now);
    }
    this.#returns.tellRevoked(follower, taken, reason);
    this.#returns.noteTaken(follower, now);
    return countAll(taken);
  }

  /**
   * Takes back the deliveries of streams that a follower may no longer follow. Late acknowledgements do not
   * count for them.
   */
  forbid(
    follower: FollowerState,
    isMeant: (share: Share) => boolean,
    details: { readonly reason: string; readonly now: number },
  ): void {
    follower.lapsed.forgetOf(isMeant);
    this.revoke(follower, isMeant, details);
    if (follower.pending.count === 0) this.#parts.clock.set(follower.liveness.alarm, Infinity);
  }

  /** Takes deliveries that no handler has away from all followers of a share; they count as not delivered. */
  #takeFetched(share: Share, lane: Lane | undefined, now: number): void {
    for (const { follower } of share.attachments) {
      const { pending } = follower;
      // The oldest one may be in a handler that has not said so yet.
      const oldestTag = pending.first?.firstTag;
      const fetched: PendingRun[] = [];
      for (const run of findOfLane(pending.runs, share, lane)) {
        const keptCount = run.isBegun ? run.count : run.firstTag === oldestTag ? 1 : 0;
        fetched.push(...pending.take(run.firstTag + keptCount, run.count - keptCount));
        if (keptCount === 0) continue;
        pending.limit(run.firstTag, keptCount);
        for (const kept of pending.find(run.firstTag, keptCount)) {
          this.#parts.attempts.unsay(follower, kept);
        }
      }
      for (const run of fetched) {
        follower.lapsed.add({ ...run, isLoss: false });
        this.#returns.giveBackUnseen(follower, run, now);
      }
      this.#returns.tellRevoked(follower, fetched, "a breaker is open");
      if (fetched.length > 0) this.#returns.noteTaken(follower, now);
    }
  }

  /** Takes back deliveries that were not acknowledged in time. */
  timeOut(follower: FollowerState, now: number): void {
    if (follower.sink.isUnread) {
      // The acknowledgement may be there already.
      this.#parts.clock.hasten(follower.liveness.alarm, now + UNREAD_MS);
      return;
    }
    const { pending } = follower;
    // First, or the order of alarms would decide which delivery is the oldest.
    for (const { share } of [...pending.runs]) {
      if (share.store.expiries.nextAt <= now) this.#returns.expire(share, now);
    }
    const assumed = this.#separateOldest(follower);
    const late = this.#findLate(follower, now);
    if (late.length > 0) {
      follower.liveness.isSuspended = true;
      this.#doubtFirst(follower, late);
      // All before any is put back: one may make others expire, which must not be found here.
      for (const run of late) pending.take(run.firstTag, run.count);
      const later = this.#returns.giveBackLater(follower, late, now);
      for (const run of later) follower.lapsed.add({ ...run, isLoss: false });
      for (const run of late) {
        follower.lapsed.add({ ...run, isLoss: false });
        run.share.store.counters.noteReturned(run.count, "timeout");
      }
      for (const run of this.#giveBackHalves(follower, late, { now })) {
        // A delivery that was only fetched is no attempt.
        if (!run.isBegun && run !== assumed) this.#returns.giveBackUnseen(follower, run, now);
        else this.#returns.fail(follower, run, { reason: "not acknowledged in time", now });
      }
      this.#returns.tellRevoked(follower, late, "it was not acknowledged in time");
      this.#returns.tellRevoked(follower, later, LATER);
      this.#returns.noteTaken(follower, now);
    }
    follower.liveness.deadline = follower.findDeadline();
    this.#returns.watchDeadline(follower);
  }

  /** The deliveries that ran out; without a sign of life, also all that were only fetched. */
  #findLate(follower: FollowerState, now: number): PendingRun[] {
    const { runs } = follower.pending;
    const first = runs.find((run) => follower.deadlineOf(run) <= now);
    if (first === undefined) return [];
    const isStill = follower.liveness.lifeAt + first.share.store.options.ackTimeoutMs <= now;
    return runs.filter((run) => follower.deadlineOf(run) <= now || (isStill && !run.isBegun));
  }

  /** A silent handler may have the first delivery that is not known to have begun. */
  #doubtFirst({ reportsBegin }: FollowerState, late: readonly PendingRun[]): void {
    const first = late.find(({ isBegun }) => !isBegun);
    if (reportsBegin && first !== undefined) first.share.notes.doubtful.add(first.firstId);
  }

  /** Takes away the deliveries of a stream that is deleted, and tells their follower. */
  takeShare(follower: FollowerState, share: Share, now: number): void {
    if (follower.isEnded) return;
    const { name } = share.store;
    const taken = follower.pending.takeOf((run) => run.share === share);
    this.#returns.tellRevoked(follower, taken, `stream "${name}" was deleted`);
    this.#returns.noteTaken(follower, now);
    follower.sink.noteDeleted(name);
  }

  #takeBack(
    follower: FollowerState,
    ranges: readonly TagRange[],
    now: number,
    proceed: (run: PendingRun) => void,
    prepare: (held: readonly PendingRun[]) => readonly PendingRun[] = (held) => held,
  ): void {
    const { held, error } = takePending(follower, ranges);
    const later = this.#returns.giveBackLater(follower, held, now);
    this.#returns.tellRevoked(follower, later, LATER);
    for (const run of prepare(held)) proceed(run);
    this.#returns.noteTaken(follower, now);
    if (error !== undefined) throw error;
  }

  /** Makes a run of its own of the delivery that a follower is assumed to work on, if there is one. */
  #separateOldest(follower: FollowerState): PendingRun | undefined {
    const { pending } = follower;
    const { first: oldest } = pending;
    if (oldest === undefined || !follower.isAssumed(oldest)) return undefined;
    return pending.find(oldest.firstTag, 1)[0];
  }
}

/**
 * Whether the oldest delivery of a lost follower counts as an attempt without a report of its beginning.
 * The last attempt must be certain: next time the follower has to report it before a handler gets it.
 */
function mayHaveBegun({ reportsBegin }: FollowerState, run: PendingRun): boolean {
  if (!reportsBegin) return true;
  const { isDoubtful, attempts, share: { store } } = run;
  return !isDoubtful && (attempts < store.options.maxDeliveries || store.isDead);
}

/** The deliveries of a share, or of one of its lanes. */
function findOfLane(
  runs: readonly PendingRun[],
  share: Share,
  lane: Lane | undefined,
): PendingRun[] {
  const held = runs.filter((run) => run.share === share);
  if (lane === undefined) return held.map((run) => ({ ...run }));
  return held.flatMap(splitByLane).filter((run) => run.lane === lane.number)
    .map((run) => ({ ...run }));
}
