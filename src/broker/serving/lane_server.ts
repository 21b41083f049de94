import type { MessageBatch } from "../../../protocol.ts";
import { BATCH_COUNT_MAX } from "../../protocol/limits.ts";
import type { ReadyRun } from "../ready/ready_run.ts";
import type { Attachment } from "../share/attachment.ts";
import type { FollowerState } from "../share/follower_state.ts";
import type { Share } from "../share/share.ts";
import { type ChosenGroup, type ChosenRun, groupChosen, listLanes } from "../lanes/lane_choice.ts";
import type { LaneRuns } from "../lanes/lane_runs.ts";

/** Messages that go to a follower, of one lane or of several. */
export interface LaneDelivery extends ReadyRun {
  /** The lane of each message, if they have several. */
  readonly lanes?: readonly number[];
  readonly isLimited: boolean;
}

/** What the dispatcher does for all deliveries. */
export interface LaneServerOptions {
  /** Takes ready messages out that were delivered too often. */
  readonly exhaust: (share: Share, run: ReadyRun, now: number) => void;
  /** Reads the first of some adjacent messages for a follower; `undefined` if that is not possible now. */
  readonly read: (
    share: Share,
    follower: FollowerState,
    run: ReadyRun,
    now: number,
  ) => MessageBatch | undefined;
  /** Gives messages to a follower that are in no list any more. */
  readonly hand: (
    share: Share,
    follower: FollowerState,
    delivery: LaneDelivery,
    batch: MessageBatch,
    now: number,
  ) => void;
}

/** What became of messages whose turn it was. */
export interface ServedLanes {
  /** How many were delivered. */
  readonly count: number;
  /** How many wait for their keys. */
  readonly parkedCount: number;
}

/**
 * Hands out the messages of the lanes whose turn it is. They are chosen first, one after the other, and then
 * read and delivered together where they are adjacent. What cannot be delivered after all is put back.
 */
export class LaneServer {
  readonly #options: LaneServerOptions;

  constructor(options: LaneServerOptions) {
    this.#options = options;
  }

  /** Delivers up to `countMax` messages, within the follower's room. */
  serve(attachment: Attachment, lanes: LaneRuns, countMax: number, now: number): ServedLanes {
    const { share, follower } = attachment;
    const { store } = share;
    const chosen = lanes.choose({
      countMax: Math.min(countMax, BATCH_COUNT_MAX, estimateCount(share, follower)),
      limitedMax: follower.slotRoom,
      attemptsMax: store.isDead ? Infinity : store.options.maxDeliveries,
      exhaust: (run) => this.#options.exhaust(share, run, now),
    }, now);
    let count = 0;
    let parkedCount = 0;
    for (const group of groupChosen(chosen)) {
      const served = this.#serveGroup(attachment, group, now);
      count += served.count;
      parkedCount += served.parkedCount;
    }
    return { count, parkedCount };
  }

  #serveGroup(attachment: Attachment, { runs, ...group }: ChosenGroup, now: number): ServedLanes {
    const { share, follower } = attachment;
    const lanes = share.lanes!;
    const { keys } = share;
    const { attempts, priority } = group;
    let { firstId, count: left } = group;
    let served = 0;
    let parked = 0;
    while (left > 0) {
      // Messages with keys may have to wait for them, each in its lane.
      const count = keys === undefined ? left : runs[0]!.count;
      const run = { firstId, count, attempts, priority, lane: runs[0]!.lane.number || undefined };
      const batch = follower.room === 0 || share.isPostponed
        ? undefined
        : this.#options.read(share, follower, run, now);
      if (batch === undefined) {
        for (const { lane, ...rest } of runs) lanes.putBack(lane, rest);
        break;
      }
      const { parkedCount, batch: admitted } = keys?.admit(run, batch, attachment) ??
        { parkedCount: 0, batch };
      for (const waiting of takeRuns(runs, parkedCount)) lanes.park(waiting.lane, waiting.count);
      firstId += parkedCount;
      parked += parkedCount;
      left -= parkedCount;
      if (admitted.count === 0) continue;
      const going = listLanes(takeRuns(runs, admitted.count));
      const delivery = { ...run, ...going, firstId, count: admitted.count };
      const { isLimited } = group;
      this.#options.hand(share, follower, { ...delivery, isLimited }, admitted, now);
      firstId += admitted.count;
      served += admitted.count;
      left -= admitted.count;
    }
    return { count: served, parkedCount: parked };
  }
}

/** Takes the first messages out of some runs. */
function takeRuns(runs: ChosenRun[], count: number): ChosenRun[] {
  const taken: ChosenRun[] = [];
  for (let left = count; left > 0;) {
    const run = runs[0]!;
    const part = Math.min(left, run.count);
    taken.push({ ...run, count: part });
    left -= part;
    if (part === run.count) runs.shift();
    else runs[0] = { ...run, firstId: run.firstId + part, count: run.count - part };
  }
  return taken;
}

/** About how many messages a follower has room for by their bytes: what is chosen should be delivered. */
function estimateCount({ store: { backlog } }: Share, { roomBytes }: FollowerState): number {
  return 1 + Math.floor(roomBytes * backlog.count / Math.max(1, backlog.bytes));
}
