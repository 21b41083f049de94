/**
 * What the messages of a batch say about when they may be delivered, and which go first, as runs of
 * ids.
 *
 * @module
 */

import {
  findFlags,
  type MessageBatch,
  PRIORITY_DEFAULT,
  PRIORITY_FLAG,
  PropertyFlag,
  readEntryFlags,
  readEntryPriority,
  readEntrySize,
  readProperties,
} from "../../protocol.ts";
import type { IdRange } from "./id_ranges.ts";
import type { TimedRun } from "./timed_runs.ts";

/** What is known of a batch beside its messages. */
export interface BatchTimes {
  /** Which properties they have, if that is known. */
  readonly flags?: number | undefined;
  /** When they came: what may be delivered by then is ready. */
  readonly storedAt: number;
  /** When those expire that do not say so themselves. */
  readonly expiresAt?: number | undefined;
}

/** Messages that may be delivered at once. */
export interface FreshRun extends IdRange {
  /** Their priority; not there if it is the usual one. */
  readonly priority?: number | undefined;
}

/** The messages of a batch, by when they may be delivered. */
export interface ListedTimes {
  /** Those that may be delivered at once. */
  readonly fresh: readonly FreshRun[];
  /** Those that are held back, with the time until which they are. */
  readonly delayed: readonly TimedRun[];
  /** Those that expire, with the time; the note is 1 if that is not said by the message. */
  readonly expiries: readonly TimedRun[];
}

type Mutable<Run> = { -readonly [Key in keyof Run]: Run[Key] };

const TIME_FLAGS = PropertyFlag.deliverAt | PropertyFlag.expiresAt;

/** Lists when the messages of a batch may be delivered, in runs as long as can be. */
export function listTimes(firstId: number, batch: MessageBatch, times: BatchTimes): ListedTimes {
  const { storedAt, expiresAt, flags = findFlags(batch) } = times;
  const fresh: Mutable<FreshRun>[] = [];
  const delayed: Mutable<TimedRun>[] = [];
  const expiries: Mutable<TimedRun>[] = [];
  const hasTimes = (flags & TIME_FLAGS) !== 0;
  if (!hasTimes && expiresAt !== undefined) {
    expiries.push({ firstId, count: batch.count, at: expiresAt, note: 1 });
  }
  if ((flags & (TIME_FLAGS | PRIORITY_FLAG)) === 0) {
    return { fresh: [{ firstId, count: batch.count }], delayed, expiries };
  }
  const { buffer, end } = batch;
  let id = firstId;
  for (let offset = batch.start; offset < end; offset += readEntrySize(buffer, offset), id++) {
    const priority = readEntryPriority(buffer, offset);
    if (!hasTimes) {
      addFresh(fresh, id, priority);
      continue;
    }
    const isTimed = (readEntryFlags(buffer, offset) & TIME_FLAGS) !== 0;
    const own = isTimed ? readProperties(buffer, offset) : {};
    const { deliverAt = 0 } = own;
    if (deliverAt > storedAt) {
      const run = { firstId: id, at: deliverAt, note: 0 };
      addTimed(delayed, priority === PRIORITY_DEFAULT ? run : { ...run, priority });
    } else {
      addFresh(fresh, id, priority);
    }
    if (own.expiresAt !== undefined) {
      addTimed(expiries, { firstId: id, at: own.expiresAt, note: 0 });
    } else if (expiresAt !== undefined) {
      // It lives as long as all others, from the moment on at which it may be delivered.
      const at = expiresAt + Math.max(0, deliverAt - storedAt);
      addTimed(expiries, { firstId: id, at, note: 1 });
    }
  }
  return { fresh, delayed, expiries };
}

function addFresh(runs: Mutable<FreshRun>[], firstId: number, priority: number): void {
  const last = runs.at(-1);
  const goesOn = last !== undefined && last.firstId + last.count === firstId &&
    (last.priority ?? PRIORITY_DEFAULT) === priority;
  if (goesOn) last.count++;
  else if (priority === PRIORITY_DEFAULT) runs.push({ firstId, count: 1 });
  else runs.push({ firstId, count: 1, priority });
}

function addTimed(runs: Mutable<TimedRun>[], run: Omit<TimedRun, "count">): void {
  const { firstId, at, note, priority } = run;
  const last = runs.at(-1);
  const goesOn = last !== undefined && last.firstId + last.count === firstId && last.at === at &&
    last.note === note && last.priority === priority;
  if (goesOn) last.count++;
  else runs.push({ ...run, count: 1 });
}
