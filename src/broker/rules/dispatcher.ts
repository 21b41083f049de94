import { BrokerError, type MessageBatch } from "../../../protocol.ts";
import { BATCH_COUNT_MAX } from "../../protocol/limits.ts";
import type { Histogram } from "../collections/histogram.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import type { Attachment } from "../share/attachment.ts";
import type { FollowerState } from "../share/follower_state.ts";
import { findOpening, findRoom } from "../lanes/gate.ts";
import { type LaneDelivery, LaneServer } from "../serving/lane_server.ts";
import { LogBusyError } from "../backlog/pager.ts";
import type { ReadyRun } from "../ready/ready_runs.ts";
import { offerOwed } from "../share/owed_messages.ts";
import type { Share } from "../share/share.ts";
import {
  canDeliver,
  enqueue,
  isAsking,
  resumeStalled,
  resumeStalledOf,
} from "../share/waiting_rooms.ts";

/** The most bytes of a delivery, unless a single message is larger: a client reads its frame at once. */
const DELIVERY_BYTES_MAX = 128 * 1024;

/** The most messages that a follower of several streams takes from one of them in its turn. */
const TURN_COUNT_MAX = 256;

/**
 * The most messages that are parked for held keys in one turn of the event loop: a million messages of
 * one blocked key may be in front of the others.
 */
const PARK_COUNT_MAX = 16_384;

/** The pause until the next turn, in milliseconds. */
const TURN_MS = 1;

/** The pause before messages that could not be read for now are read again, in milliseconds. */
const BUSY_MS = 250;

export interface DispatcherOptions {
  /** Called when there is something to dispatch again. */
  readonly wake: () => void;
  readonly deliveryWait: Histogram;
  readonly served: (follower: FollowerState, now: number) => void;
  /** Takes expired messages out of a share, as many as there is time for in a turn. */
  readonly expire: (share: Share, now: number) => void;
  /** Takes the first ready messages of a share out: they were delivered too often. */
  readonly exhaust: (share: Share, run: ReadyRun, now: number) => void;
  /** Hears when to look again at a share that is left alone for now. */
  readonly postpone: (share: Share, at: number) => void;
  /** Hears of a share whose next messages cannot be read. */
  readonly damaged: (share: Share, error: BrokerError) => void;
}

/**
 * Hands ready messages to followers with room.
 *
 * Two things can set messages moving: a share has something ready, or a follower has room. Both are
 * noted when they happen and handled together in {@linkcode Dispatcher.dispatch}, once per turn of
 * the event loop, so that many small arrivals leave as one batch.
 *
 * Fairness: ready messages of a share are divided evenly among the followers that wait for it; a follower
 * of many streams takes from each in turn.
 */
export class Dispatcher {
  #shares = new Set<Share>();
  #followers = new Set<FollowerState>();
  /** Followers that let a delivery run out and have shown life since: others come first. */
  #revived = new Set<FollowerState>();
  /** Followers that got messages in the current dispatch. */
  #served = new Set<FollowerState>();
  readonly #options: DispatcherOptions;
  /** How many messages were parked in the current dispatch. */
  #parkedCount = 0;
  /** The share whose messages one follower is offered that waits for them: to all others they are no news. */
  #offered: Share | undefined;
  readonly #laneServer: LaneServer;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#laneServer = new LaneServer({
      ...options,
      read: (share, follower, run, now) => {
        const count = share.notes.countAlike(run, run.count, follower.reportsBegin);
        return this.#read(share, follower, { firstId: run.firstId, count }, now);
      },
      hand: (share, follower, delivery, batch, now) => {
        share.noteChosen(batch.count);
        this.#hand(share, follower, delivery, batch, now);
      },
    });
  }

  /** Notes that a share may have something for its waiting followers. */
  noteReady(share: Share): void {
    if (share === this.#offered) return;
    if (share.stalledCount > 0 && !share.needsSlots) resumeStalledOf(share);
    if (share.waiting.count === 0) return;
    this.#wakeOnce();
    this.#shares.add(share);
  }

  /** Notes that a gate of a share has opened, or that it has other gates now. */
  noteOpened(share: Share): void {
    share.isPostponed = false;
    this.noteReady(share);
  }

  /** Notes that a share has other gates. Without a limit, followers without free slots take part again. */
  noteGates(share: Share): void {
    for (const attachment of share.attachments) {
      const { follower, queue } = attachment;
      if (share.isLimited || queue !== follower.stalled) continue;
      follower.turns.append(attachment);
      this.noteRoom(follower);
    }
    this.noteOpened(share);
  }

  /** Notes that a follower may have room for its turns. */
  noteRoom(follower: FollowerState): void {
    if (follower.stalled.count > 0) resumeStalled(follower);
    if (!isAsking(follower) || this.#revived.has(follower)) return;
    this.#wakeOnce();
    this.#followers.add(follower);
  }

  /** Notes that a follower shows life again. */
  noteRevived(follower: FollowerState): void {
    if (follower.stalled.count > 0) resumeStalled(follower);
    if (!isAsking(follower)) return;
    this.#wakeOnce();
    this.#followers.delete(follower);
    this.#revived.add(follower);
  }

  attach(attachment: Attachment): void {
    if (!canDeliver(attachment.share)) {
      attachment.share.waiting.append(attachment);
    } else {
      attachment.follower.turns.append(attachment);
      this.noteRoom(attachment.follower);
    }
  }

  dispatch(now: number): void {
    this.#parkedCount = 0;
    for (const follower of this.#followers) {
      this.#followers.delete(follower);
      this.#serveFollower(follower, now);
    }
    for (const share of this.#shares) {
      this.#shares.delete(share);
      this.#serveShare(share, now);
    }
    for (const follower of this.#revived) {
      this.#revived.delete(follower);
      this.#serveFollower(follower, now);
    }
    for (const follower of this.#served) {
      if (follower.owing.size > 0) this.#serveOwed(follower, now);
      this.#options.served(follower, now);
    }
    this.#served.clear();
    // Notes ask for no dispatch while one has work left.
    if (this.#hasWork) this.#options.wake();
  }

  get #hasWork(): boolean {
    return this.#shares.size + this.#followers.size + this.#revived.size > 0;
  }

  #wakeOnce(): void {
    if (!this.#hasWork) this.#options.wake();
  }

  /** Divides the ready messages of a share among its waiting followers, in rounds of equal parts. */
  #serveShare(share: Share, now: number): void {
    while (canDeliver(share) && share.waiting.count > 0) {
      const part = Math.ceil(share.ready.count / share.waiting.count);
      for (let turns = share.waiting.count; turns > 0 && canDeliver(share); turns--) {
        const attachment = share.waiting.first;
        if (attachment === undefined) return;
        this.#deliver(attachment, part, now);
        enqueue(attachment);
      }
    }
  }

  #serveFollower(follower: FollowerState, now: number): void {
    if (follower.owing.size > 0) this.#served.add(follower);
    for (;;) {
      const attachment = follower.turns.first;
      if (attachment === undefined || follower.room === 0) return;
      const countMax = follower.turns.count === 1 ? follower.room : TURN_COUNT_MAX;
      this.#deliver(attachment, countMax, now);
      enqueue(attachment);
    }
  }

  /** Delivers what waits for keys that are lent to a follower, after all others have had their parts. */
  #serveOwed(follower: FollowerState, now: number): void {
    for (const attachment of follower.owing) {
      // What it does not take is parked again: noted as ready, it would be offered for ever.
      this.#offered = attachment.share;
      try {
        offerOwed(attachment, () => {
          this.#offered = undefined;
          this.#deliver(attachment, follower.room, now);
          this.#offered = attachment.share;
        });
      } finally {
        this.#offered = undefined;
      }
      if (attachment.owed!.size === 0) follower.owing.delete(attachment);
    }
  }

  /** Delivers up to `countMax` messages, within the follower's room. */
  #deliver(attachment: Attachment, countMax: number, now: number): void {
    const { share, follower } = attachment;
    // The stream may have been found damaged since the follower got its turn.
    if (!canDeliver(share)) return;
    this.#served.add(follower);
    let left = Math.min(countMax, follower.room);
    while (left > 0) {
      const delivered = this.#deliverRun(attachment, left, now);
      if (delivered === 0) return;
      left = Math.min(left - delivered, follower.room);
    }
  }

  /** Delivers the first adjacent ready messages of a share; returns how many. */
  #deliverRun(attachment: Attachment, roomMax: number, now: number): number {
    const { share, follower } = attachment;
    for (;;) {
      if (share.store.expiries.nextAt <= now) {
        this.#options.expire(share, now);
        // The others that have expired follow in the next turn.
        if (share.store.expiries.nextAt <= now) return this.#postpone(share, now + TURN_MS);
      }
      const countMax = share.gates === undefined
        ? roomMax
        : this.#askGates(share, follower, roomMax, now);
      if (countMax === 0) return 0;
      if (share.lanes !== undefined) {
        const { count, parkedCount } = this.#laneServer.serve(
          attachment,
          share.lanes,
          countMax,
          now,
        );
        if (count > 0 || parkedCount === 0) return count;
        if (this.#noteParked(parkedCount)) return this.#postpone(share, now);
        continue;
      }
      const run = this.#findNext(share, now);
      if (run === undefined) return 0;
      const most = Math.min(countMax, BATCH_COUNT_MAX);
      const readMax = share.notes.countAlike(run, most, follower.reportsBegin);
      const batch = this.#read(share, follower, { firstId: run.firstId, count: readMax }, now);
      if (batch === undefined) return 0;
      if (share.keys === undefined) return this.#handReady(share, follower, run, batch, now);
      const { firstId } = run;
      const { parkedCount, batch: admitted } = share.keys.admit(run, batch, attachment);
      if (parkedCount > 0) share.ready.take(parkedCount);
      if (admitted.count > 0) {
        const rest = { ...run, firstId: firstId + parkedCount };
        return this.#handReady(share, follower, rest, admitted, now);
      }
      if (this.#noteParked(parkedCount)) return this.#postpone(share, now);
    }
  }

  /** Notes that messages were parked; returns whether they are too many in this dispatch. */
  #noteParked(count: number): boolean {
    this.#parkedCount += count;
    return this.#parkedCount >= PARK_COUNT_MAX;
  }

  /** How many messages the gates of a share let through to a follower; if none, it is left alone. */
  #askGates(share: Share, follower: FollowerState, countMax: number, now: number): number {
    const most = share.isLimited ? Math.min(countMax, follower.slotRoom) : countMax;
    if (most === 0) return 0;
    const room = Math.min(most, findRoom(share.gates!, now));
    return room < 1 ? this.#postpone(share, findOpening(share.gates!, now)) : room;
  }

  /** Leaves a share alone until a time, at least until others have had their turn. */
  #postpone(share: Share, until: number): number {
    share.isPostponed = true;
    this.#options.postpone(share, until);
    return 0;
  }

  /** Gives a follower the first ready messages, all that are in a batch; returns how many. */
  #handReady(
    share: Share,
    follower: FollowerState,
    run: ReadyRun,
    batch: MessageBatch,
    now: number,
  ): number {
    share.takeReady(batch.count);
    return this.#hand(share, follower, run, batch, now);
  }

  /** Gives all messages of a batch to a follower; returns how many. */
  #hand(
    share: Share,
    follower: FollowerState,
    run: ReadyRun & Partial<Pick<LaneDelivery, "lanes" | "isLimited">>,
    batch: MessageBatch,
    now: number,
  ): number {
    const { firstId, attempts: before, priority, lane, lanes, isLimited = false } = run;
    const { count } = batch;
    const attempts = before + 1;
    const { store, notes } = share;
    const storedAt = store.listStored(firstId, count);
    store.counters.noteDelivered(count, before > 0);
    if (before === 0) this.#noteWait(store.calendar.dateOf(now), storedAt[0]!.at);
    for (const gate of share.gates ?? []) gate.take(count, now);
    const firstTag = follower.pending.nextTag;
    const deadline = now + store.options.ackTimeoutMs;
    const isSuspect = notes.takeSuspects({ firstId, count });
    const isDoubtful = follower.reportsBegin && (isSuspect || notes.doubtful.has(firstId));
    const { liveness } = follower;
    liveness.deadline = Math.min(liveness.deadline, deadline);
    follower.pending.append({
      firstTag,
      count,
      share,
      firstId,
      attempts,
      priority,
      lane,
      lanes,
      deliveredAt: now,
      deadline,
      isBegun: false,
      isDoubtful,
      isSuspect,
      batch: undefined,
      isLimited: isLimited || share.isLimited,
    }, batch.end - batch.start);
    follower.sink.deliver({
      stream: store.name,
      firstTag,
      firstId,
      attempts,
      storedAt,
      isDoubtful,
      isSuspect,
      batch,
    });
    return count;
  }

  /** Notes how long the first message of a delivery has waited; 0 for a time that is not known. */
  #noteWait(date: number, storedAt: number): void {
    if (storedAt === 0) return;
    // Times of messages are whole milliseconds.
    this.#options.deliveryWait.observe(Math.max(0, Math.floor(date) - storedAt) / 1000);
  }

  /** The first ready messages that may be delivered; others in front of them are removed. */
  #findNext(share: Share, now: number): ReadyRun | undefined {
    const { store, ready } = share;
    for (;;) {
      const run = ready.peek();
      if (run === undefined || run.attempts < store.options.maxDeliveries) return run;
      if (store.isDead) return run;
      this.#options.exhaust(share, run, now);
    }
  }

  /**
   * Finds the first of some messages; none if they cannot be read. The last one may exceed the follower's
   * bytes; otherwise a message larger than its credit could never be delivered.
   */
  #read(
    share: Share,
    follower: FollowerState,
    { firstId, count }: IdRange,
    now: number,
  ): MessageBatch | undefined {
    try {
      const bytesMax = Math.min(follower.roomBytes, DELIVERY_BYTES_MAX);
      return share.store.backlog.read(firstId, count, bytesMax);
    } catch (error) {
      if (error instanceof LogBusyError) this.#postpone(share, now + BUSY_MS);
      else if (error instanceof BrokerError) this.#options.damaged(share, error);
      else throw error;
      return undefined;
    }
  }
}
