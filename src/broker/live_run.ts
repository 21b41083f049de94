/**
 * Messages that keep a part of the store from being freed, with what has to be written beside them
 * when they are moved.
 *
 * @module
 */

import type { IdRange } from "./backlog.ts";
import type { Follower } from "./follower.ts";
import type { Segment } from "./pager.ts";
import type { ReadyRun } from "./ready_list.ts";
import type { Stream } from "./stream.ts";

/** Consecutive messages of one stream that are not gone. */
export interface LiveRun extends IdRange {
  /** The stream. */
  readonly stream: Stream;
  /** How often some of them were worked on. */
  readonly attempts: readonly ReadyRun[];
}

/** Finds messages in a part of the store that are not gone, in so many runs at most. */
export function findLiveRuns(
  streams: Iterable<Stream>,
  { segment, runCount, followers }: {
    segment: Segment;
    runCount: number;
    followers: Iterable<Follower>;
  },
): LiveRun[] {
  const live: LiveRun[] = [];
  for (const stream of streams) {
    if (stream.damage !== undefined) continue;
    const runs = stream.backlog.findRuns({ segment });
    if (runs.length === 0) continue;
    const worked = listAttempts(stream, followers);
    for (const run of runs.slice(0, runCount - live.length)) {
      const attempts = worked.flatMap((one) => intersect(one, run));
      live.push({ stream, firstId: run.firstId, count: run.count, attempts });
    }
    if (live.length >= runCount) break;
  }
  return live;
}

/** How often messages of a stream were worked on, as it is written down. */
function listAttempts(stream: Stream, followers: Iterable<Follower>): ReadyRun[] {
  const attempts = stream.ready.returned.filter((run) => run.attempts > 0);
  for (const follower of followers) {
    const [oldest] = follower.pending.runs;
    for (const run of follower.pending.runs) {
      if (run.stream !== stream) continue;
      const { firstId, count } = run;
      if (run.attempts > 1) attempts.push({ firstId, count, attempts: run.attempts - 1 });
      // What comes later in the list counts.
      if (run.isBegun) attempts.push({ firstId, count, attempts: run.attempts });
      else if (run === oldest) attempts.push({ firstId, count: 1, attempts: run.attempts });
    }
  }
  return attempts;
}

function intersect(run: ReadyRun, { firstId, count }: IdRange): ReadyRun[] {
  const from = Math.max(run.firstId, firstId);
  const to = Math.min(run.firstId + run.count, firstId + count);
  return from < to ? [{ firstId: from, count: to - from, attempts: run.attempts }] : [];
}
