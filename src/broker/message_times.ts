/**
 * What the messages of a batch say about when they may be delivered, as runs of ids.
 *
 * @module
 */

import {
  findEntries,
  findFlags,
  type MessageBatch,
  PropertyFlag,
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

/** The messages of a batch, by when they may be delivered. */
export interface ListedTimes {
  /** Those that may be delivered at once. */
  readonly fresh: readonly IdRange[];
  /** Those that are held back, with the time until which they are. */
  readonly delayed: readonly TimedRun[];
  /** Those that expire, with the time; the note is 1 if that is not said by the message. */
  readonly expiries: readonly TimedRun[];
}

type Mutable<Run> = { -readonly [Key in keyof Run]: Run[Key] };

/** Lists when the messages of a batch may be delivered, in runs as long as can be. */
export function listTimes(firstId: number, batch: MessageBatch, times: BatchTimes): ListedTimes {
  const { storedAt, expiresAt, flags = findFlags(batch) } = times;
  const fresh: Mutable<IdRange>[] = [];
  const delayed: Mutable<TimedRun>[] = [];
  const expiries: Mutable<TimedRun>[] = [];
  if ((flags & (PropertyFlag.deliverAt | PropertyFlag.expiresAt)) === 0) {
    const { count } = batch;
    const all = { firstId, count };
    if (expiresAt === undefined) return { fresh: [all], delayed, expiries };
    return { fresh: [all], delayed, expiries: [{ ...all, at: expiresAt, note: 1 }] };
  }
  let id = firstId;
  for (const offset of findEntries(batch)) {
    const own = readProperties(batch.buffer, offset);
    const { deliverAt = 0 } = own;
    if (deliverAt > storedAt) addTimed(delayed, { firstId: id, at: deliverAt, note: 0 });
    else addFresh(fresh, id);
    if (own.expiresAt !== undefined) {
      addTimed(expiries, { firstId: id, at: own.expiresAt, note: 0 });
    } else if (expiresAt !== undefined) {
      // It lives as long as all others, from the moment on at which it may be delivered.
      const at = expiresAt + Math.max(0, deliverAt - storedAt);
      addTimed(expiries, { firstId: id, at, note: 1 });
    }
    id++;
  }
  return { fresh, delayed, expiries };
}

function addFresh(runs: Mutable<IdRange>[], firstId: number): void {
  const last = runs.at(-1);
  if (last !== undefined && last.firstId + last.count === firstId) last.count++;
  else runs.push({ firstId, count: 1 });
}

function addTimed(runs: Mutable<TimedRun>[], run: Omit<TimedRun, "count">): void {
  const { firstId, at, note } = run;
  const last = runs.at(-1);
  const goesOn = last !== undefined && last.firstId + last.count === firstId && last.at === at &&
    last.note === note;
  if (goesOn) last.count++;
  else runs.push({ firstId, count: 1, at, note });
}
