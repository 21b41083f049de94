// Ranges of tags, as followers name them, looked up in what the followers hold.

import type { BrokerError, TagRange } from "../../../protocol.ts";
import type { Failure } from "./failure.ts";
import type { Follower } from "./follower.ts";
import { type IdRange, intersectRanges } from "../collections/id_ranges.ts";
import type { PendingRun } from "./pending_list.ts";

/** What a follower has named and holds, and what of it it does not hold. */
export interface NamedDeliveries {
  readonly held: readonly PendingRun[];
  /** What is wrong with the ranges, if anything is. */
  readonly error: BrokerError | undefined;
}

/**
 * Takes what is pending of some ranges.
 *
 * @param follower Whose.
 * @param ranges The ranges.
 * @param endOther Does something about those of a range that are not pending; returns how many of
 * them are in order.
 */
export function takePending(
  follower: Follower,
  ranges: readonly TagRange[],
  endOther: (range: TagRange) => number = () => 0,
): NamedDeliveries {
  let held: PendingRun[] = [];
  let error: BrokerError | undefined;
  for (const range of ranges) {
    const runs = follower.pending.take(range.firstTag, range.count);
    let missing = range.count - countAll(runs);
    if (missing > 0) missing -= endOther(range);
    error ??= explainMissing(follower, range, missing);
    held = held.length === 0 ? runs : held.concat(runs);
  }
  return { held, error };
}

/**
 * Does something with what is pending of some ranges, and leaves it there.
 *
 * @returns What is wrong with the ranges, if anything is.
 */
export function visitPending(
  follower: Follower,
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

/** Which deliveries of a run are of some messages, by tag; the ranges of ids are joined. */
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

/** Consecutive messages with which the same went wrong before. */
export interface EquallyFailed {
  readonly firstId: number;
  count: number;
  readonly failure: Failure | undefined;
}

/** Divides deliveries by what went wrong with their messages before. */
export function groupByFailure({ share, firstId, count }: PendingRun): EquallyFailed[] {
  const { failures } = share.notes;
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

export function countAll(runs: readonly PendingRun[]): number {
  let count = 0;
  for (const run of runs) count += run.count;
  return count;
}

function explainMissing(
  follower: Follower,
  range: TagRange,
  missing: number,
): BrokerError | undefined {
  return missing <= 0 ? undefined : follower.explainMissing(range, range.count - missing);
}
