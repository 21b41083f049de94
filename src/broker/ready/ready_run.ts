import { PRIORITY_DEFAULT } from "../../protocol/messages/entry.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import type { NotedRun } from "../collections/run_part.ts";
import { attemptsOf, laneOf } from "../collections/timed_runs.ts";

/** Consecutive messages with the same number of deliveries. */
export interface ReadyRun extends IdRange {
  /** Their attempts. */
  readonly attempts: number;
  /** Their priority; undefined for the default. */
  readonly priority?: number | undefined;
  /** The number of their lane in their share; undefined if they have none. */
  readonly lane?: number | undefined;
}

/** Ready messages of a share, in the order in which they are delivered. */
export interface ReadyList {
  /** How many there are. */
  readonly count: number;
  /** Whether one may go now: a limit may hold back all of them. */
  readonly hasNext: boolean;
  /** How many runs were ever visited or moved; tests bound this cost. */
  readonly visits: number;
  /** The runs that overlap a range of ids, in no order. */
  list(fromId?: number, toId?: number): ReadyRun[];
  /** Those of them that were delivered before. */
  listReturned(fromId?: number, toId?: number): ReadyRun[];
  /** Adds messages that have just been stored, mostly behind all others of their priority. */
  append(
    firstId: number,
    count: number,
    priority?: number | undefined,
    lane?: number | undefined,
  ): void;
  /** Adds messages that came back, at their ids. */
  giveBack(run: ReadyRun): void;
  /** Takes out messages by id, given as joined ranges; returns the ones that were here. */
  remove(ranges: readonly IdRange[]): ReadyRun[];
  /** The first messages to go, or `undefined` if none may go. */
  peek(): ReadyRun | undefined;
  /** Takes out the first `count` messages, at most those of the first run. */
  take(count: number): void;
  /** The ready messages with the smallest ids, whatever their priority. */
  findOldest(): IdRange | undefined;
}

/** A run whose note is its traits. */
export function asReady(
  { firstId, count, note }: NotedRun,
  priority: number = PRIORITY_DEFAULT,
): ReadyRun {
  const lane = laneOf(note);
  if (lane === undefined && priority === PRIORITY_DEFAULT) {
    return { firstId, count, attempts: note };
  }
  return {
    firstId,
    count,
    attempts: attemptsOf(note),
    ...priority !== PRIORITY_DEFAULT && { priority },
    ...lane !== undefined && { lane },
  };
}

/** What a message gains by waiting. */
export interface HeadStart {
  /** The time of waiting that is worth one level of priority, in milliseconds; `null` for none. */
  readonly agingMs: number | null;
  /** When a message was stored, in milliseconds; 0 if that is not known. */
  storedAt(id: number): number;
}
