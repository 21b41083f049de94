import type { LaneInfo, LaneList } from "../../protocol/answers/lane_info.ts";
import type { LaneQuestion } from "../engine_lanes.ts";
import { findClosed, type GateNote, sayLimit } from "../lanes/gate.ts";
import type { Lane } from "../lanes/lane.ts";
import type { Stream } from "../stream/stream.ts";

/** The most lanes in one answer. */
const LANES_MAX = 1000;

/** How many there are by default. */
const LANES_DEFAULT = 100;

/** Lists lanes of a stream: it looks at each lane once, and sorts only those that it tells of. */
export function listLanes(
  stream: Stream,
  { by = "waiting", limit = LANES_DEFAULT, after }: LaneQuestion,
  now: number,
): LaneList {
  const size = Math.max(1, Math.min(limit, LANES_MAX));
  const { lanes } = stream.share;
  if (lanes === undefined) return { items: [], count: 0 };
  const isBefore = ORDERS[by];
  const first: Lane[] = [];
  let count = 0;
  let isCut = false;
  for (const lane of lanes.table) {
    if (lane.messageCount === 0 && lane.settings === undefined) continue;
    count++;
    if (by === "name" && after !== undefined && lane.name <= after) continue;
    isCut = insert(first, lane, size, isBefore) || isCut;
  }
  const items = first.map((lane) => describe(stream, lane, now));
  const last = first.at(-1);
  return { items, count, ...by === "name" && isCut && last && { next: last.name } };
}

/** Why nothing of a lane, or of its whole stream, is delivered now; `undefined` if something may be. */
export function findLimit(
  { share }: Stream,
  lane: Lane,
  now: number,
): GateNote | undefined {
  return lane.explain(now) ?? findClosed(share.gates, now);
}

type Order = (one: Lane, other: Lane) => boolean;

const ORDERS = {
  waiting: (one, other) => {
    const [waiting, others] = [countReady(one), countReady(other)];
    return waiting === others ? isNamedBefore(one, other) : waiting > others;
  },
  pending: (one, other) =>
    one.pendingCount === other.pendingCount
      ? isNamedBefore(one, other)
      : one.pendingCount > other.pendingCount,
  name: isNamedBefore,
} satisfies Record<string, Order>;

function isNamedBefore(one: Lane, other: Lane): boolean {
  return one.name < other.name;
}

/** Inserts a lane into the first ones of an order; returns whether one is left out. */
function insert(first: Lane[], lane: Lane, size: number, isBefore: Order): boolean {
  const isFull = first.length === size;
  if (isFull && !isBefore(lane, first[size - 1]!)) return true;
  let low = 0;
  let high = first.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(lane, first[middle]!)) high = middle;
    else low = middle + 1;
  }
  first.splice(low, 0, lane);
  if (isFull) first.pop();
  return isFull;
}

function countReady(lane: Lane): number {
  return lane.count + lane.parkedCount;
}

function describe(stream: Stream, lane: Lane, now: number): LaneInfo {
  const { backlog, calendar } = stream;
  const oldest = lane.findOldest();
  const storedAt = oldest === undefined ? 0 : backlog.storedAt(oldest.firstId);
  const limit = findLimit(stream, lane, now);
  const until = limit?.opensAt ?? Infinity;
  return {
    name: lane.number === 0 ? null : lane.name,
    ready: countReady(lane),
    delayed: lane.delayedCount,
    pending: lane.pendingCount,
    ...storedAt > 0 && { oldestReadyMs: Math.max(0, Math.floor(now) - storedAt) },
    ...limit !== undefined && { limitedBy: sayLimit(limit) },
    ...until < Infinity && { limitedUntil: Math.ceil(calendar.dateOf(until)) },
    ...lane.settings !== undefined && { settings: lane.settings },
  };
}
