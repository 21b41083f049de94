import type { MessageBatch } from "../../../protocol.ts";
import {
  COALESCE_FLAG,
  findFlags,
  LANE_FLAG,
  PRIORITY_FLAG,
} from "../../protocol/messages/batch.ts";
import {
  PRIORITY_DEFAULT,
  readEntryFlags,
  readEntryPriority,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import type { CoalescedTimes } from "./coalesce_index.ts";
import {
  findEntryCoalesceId,
  PropertyFlag,
  readProperties,
} from "../../protocol/messages/properties.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import type { DatedRun } from "../collections/dated_runs.ts";

export interface BatchTimes {
  /** Their properties, if known. */
  readonly flags?: number | undefined;
  /** The time of arrival: messages that may be delivered by then are fresh. */
  readonly storedAt: number;
  /** The expiry of messages that set none themselves. */
  readonly expiresAt?: number | undefined;
  /** When the only message is ready and expires, if it has a coalescing id. */
  readonly fixed?: Omit<CoalescedTimes, "until"> | undefined;
  /** How far the machine's clock is ahead of the time of the rules; 0 by default. */
  readonly aheadMs?: number | undefined;
  /** Finds the lane of the entry at an offset: its number, or 0. */
  readonly laneAt?: ((offset: number) => number) | undefined;
}

/** Messages that may be delivered at once. */
export interface FreshRun extends IdRange {
  /** Undefined for the default. */
  readonly priority?: number | undefined;
  /** The number of their lane; undefined if they have none. */
  readonly lane?: number | undefined;
}

/** The messages of a batch, by their times. */
export interface ListedTimes {
  readonly fresh: readonly FreshRun[];
  readonly delayed: readonly DatedRun[];
  /** Expiries that messages set. */
  readonly ownExpiries: readonly DatedRun[];
  /** Expiries that the stream sets. */
  readonly streamExpiries: readonly DatedRun[];
}

type Mutable<Run> = { -readonly [Key in keyof Run]: Run[Key] };

const TIME_FLAGS = PropertyFlag.deliverAt | PropertyFlag.expiresAt;

/** Lists when the messages of a batch may be delivered and when they expire, in runs. */
export function listTimes(firstId: number, batch: MessageBatch, times: BatchTimes): ListedTimes {
  const { storedAt, expiresAt, fixed, aheadMs = 0, flags = findFlags(batch), laneAt } = times;
  const fresh: Mutable<FreshRun>[] = [];
  const delayed: Mutable<DatedRun>[] = [];
  const ownExpiries: Mutable<DatedRun>[] = [];
  const streamExpiries: Mutable<DatedRun>[] = [];
  const listed = { fresh, delayed, ownExpiries, streamExpiries };
  const hasTimes = (flags & (TIME_FLAGS | COALESCE_FLAG)) !== 0;
  if (!hasTimes && expiresAt !== undefined) {
    streamExpiries.push({ firstId, count: batch.count, at: expiresAt, attempts: 0 });
  }
  const hasLanes = laneAt !== undefined && (flags & LANE_FLAG) !== 0;
  if (!hasTimes && (flags & PRIORITY_FLAG) === 0 && !hasLanes) {
    fresh.push({ firstId, count: batch.count });
    return listed;
  }
  const { buffer, end } = batch;
  let id = firstId;
  for (let offset = batch.start; offset < end; offset += readEntrySize(buffer, offset), id++) {
    const priority = readEntryPriority(buffer, offset);
    const lane = hasLanes ? laneAt(offset) || undefined : undefined;
    if (!hasTimes) {
      addFresh(fresh, id, priority, lane);
      continue;
    }
    const own = fixed === undefined
      ? readTimes(buffer, offset, aheadMs)
      : { ...NO_TIMES, deliverAt: fixed.dueAt };
    const { deliverAt, isDated } = own;
    if (deliverAt > storedAt) {
      const own = priority === PRIORITY_DEFAULT ? undefined : priority;
      addTimed(delayed, { firstId: id, at: deliverAt, attempts: 0, isDated, priority: own, lane });
    } else {
      addFresh(fresh, id, priority, lane);
    }
    if (fixed !== undefined) {
      // Where it is moved to, its own time to live does not tell how long it has waited.
      const { expiresAt: at } = fixed;
      if (at !== undefined) addTimed(streamExpiries, { firstId: id, at, attempts: 0 });
    } else if (own.expiresAt !== undefined) {
      const { expiresAt: at, isExpiryDated: isDated } = own;
      addTimed(ownExpiries, { firstId: id, at, attempts: 0, isDated });
    } else if (expiresAt !== undefined) {
      // The time to live begins at the end of the delay.
      const waitMs = Math.max(0, deliverAt - storedAt);
      addTimed(streamExpiries, {
        firstId: id,
        at: expiresAt + waitMs,
        attempts: 0,
        isDated: isDated && waitMs > 0,
      });
    }
  }
  return listed;
}

interface OwnTimes {
  /** The end of its delay; 0 for none. */
  readonly deliverAt: number;
  /** Whether that is a time of the calendar. */
  readonly isDated: boolean;
  readonly expiresAt?: number;
  /** Whether that is a time of the calendar. */
  readonly isExpiryDated: boolean;
}

const NO_TIMES: OwnTimes = { deliverAt: 0, isDated: false, isExpiryDated: false };

/** Reads the times that a message asks for, as times of the rules. */
function readTimes(buffer: Uint8Array, offset: number, aheadMs: number): OwnTimes {
  const flags = readEntryFlags(buffer, offset);
  if ((flags & TIME_FLAGS) === 0) return NO_TIMES;
  // Its times are told in other events.
  if (findEntryCoalesceId(buffer, offset) !== 0) return NO_TIMES;
  const { deliverAt = 0, expiresAt } = readProperties(buffer, offset);
  const isDated = deliverAt > 0 && (flags & PropertyFlag.isDelay) === 0;
  const isExpiryDated = (flags & PropertyFlag.isTtl) === 0;
  return {
    deliverAt: isDated ? deliverAt - aheadMs : deliverAt,
    isDated,
    ...expiresAt !== undefined && { expiresAt: isExpiryDated ? expiresAt - aheadMs : expiresAt },
    isExpiryDated,
  };
}

function addFresh(
  runs: Mutable<FreshRun>[],
  firstId: number,
  priority: number,
  lane: number | undefined,
): void {
  const last = runs.at(-1);
  const goesOn = last !== undefined && last.firstId + last.count === firstId &&
    (last.priority ?? PRIORITY_DEFAULT) === priority && last.lane === lane;
  if (goesOn) last.count++;
  else if (lane !== undefined) runs.push({ firstId, count: 1, priority, lane });
  else if (priority === PRIORITY_DEFAULT) runs.push({ firstId, count: 1 });
  else runs.push({ firstId, count: 1, priority });
}

function addTimed(runs: Mutable<DatedRun>[], run: Omit<DatedRun, "count">): void {
  const { firstId, at, priority, lane, isDated } = run;
  const last = runs.at(-1);
  const goesOn = last !== undefined && last.firstId + last.count === firstId && last.at === at &&
    last.priority === priority && last.lane === lane && last.isDated === isDated;
  if (goesOn) last.count++;
  else runs.push({ ...run, count: 1 });
}
