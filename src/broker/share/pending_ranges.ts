// Looks up ranges of tags in the deliveries that followers hold.

import type { BrokerError, TagRange } from "../../../protocol.ts";
import type { Failure } from "../failures/failure.ts";
import type { FollowerState } from "./follower_state.ts";
import { type IdRange, intersectRanges } from "../collections/id_ranges.ts";
import type { PendingRun } from "./pending_list.ts";

/** The deliveries of some ranges of tags. */
export interface NamedDeliveries {
  readonly held: readonly PendingRun[];
  /** Set if not all of them are held. */
  readonly error: BrokerError | undefined;
}

/**
 * Takes the pending deliveries of some ranges.
 *
 * @param endOther Ends other deliveries of a range; returns how many.
 */
export function takePending(
  follower: FollowerState,
  ranges: readonly TagRange[],
  endOther: (range: TagRange) => number = () => 0,
): NamedDeliveries {
  let error: BrokerError | undefined;
  const held: PendingRun[] = [];
  for (const range of ranges) {
    const runs = follower.pending.take(range.firstTag, range.count);
    for (const run of runs) held.push(run);
    let missing = range.count - countAll(runs);
    if (missing > 0) missing -= endOther(range);
    error ??= explainMissing(follower, range, missing);
  }
  return { held, error };
}

/** Visits the pending deliveries of some ranges; returns an error if not all of them are held. */
export function visitPending(
  follower: FollowerState,
  ranges: readonly TagRange[],
  visit: (run: PendingRun) => void,
): BrokerError | undefined {
  let error: BrokerError | undefined;
  for (const range of ranges) {
    const runs = follower.pending.find(range.firstTag, range.count);
    for (const run of runs) visit(run);
    error ??= explainMissing(follower, range, range.count - countAll(runs));
  }
  return error;
}

/** The tags of a run's deliveries with some ids; the ranges of ids are joined. */
export function findTags(run: PendingRun, ids: readonly IdRange[]): TagRange[] {
  return intersectRanges(run, ids).map(({ firstId, count }) => {
    return { firstTag: run.firstTag + firstId - run.firstId, count };
  });
}

/** Names deliveries as ranges of tags. */
export function joinTags(runs: readonly PendingRun[]): TagRange[] {
  const ranges: { firstTag: number; count: number }[] = [];
  for (const { firstTag, count } of runs) {
    const last = ranges.at(-1);
    if (last !== undefined && last.firstTag + last.count === firstTag) last.count += count;
    else ranges.push({ firstTag, count });
  }
  return ranges;
}

/** Consecutive messages with the same failure. */
export interface EquallyFailed {
  readonly firstId: number;
  count: number;
  readonly failure: Failure | undefined;
}

/** Divides consecutive messages by their failures. */
export function groupByFailure(
  { share: { notes: { failures } }, firstId, count }: Pick<PendingRun, "share"> & IdRange,
): EquallyFailed[] {
  if (failures.size === 0) return [{ firstId, count, failure: undefined }];
  const groups: EquallyFailed[] = [];
  for (let id = firstId; id < firstId + count; id++) {
    const last = groups.at(-1);
    if (last !== undefined && failures.areAlike(last.firstId, id)) last.count++;
    else groups.push({ firstId: id, count: 1, failure: failures.get(id) });
  }
  return groups;
}

/** Divides deliveries by the lanes of their messages. */
export function splitByLane(run: PendingRun): readonly PendingRun[] {
  const { lanes, firstTag, firstId } = run;
  if (lanes === undefined) return [run];
  const parts: PendingRun[] = [];
  for (let from = 0; from < lanes.length;) {
    let to = from + 1;
    while (to < lanes.length && lanes[to] === lanes[from]) to++;
    const lane = lanes[from] || undefined;
    const place = { firstTag: firstTag + from, firstId: firstId + from, count: to - from };
    parts.push({ ...run, ...place, lane, lanes: undefined });
    from = to;
  }
  return parts;
}

export function countAll(runs: readonly PendingRun[]): number {
  let count = 0;
  for (const run of runs) count += run.count;
  return count;
}

function explainMissing(
  follower: FollowerState,
  range: TagRange,
  missing: number,
): BrokerError | undefined {
  return missing <= 0 ? undefined : follower.explainMissing(range, range.count - missing);
}
