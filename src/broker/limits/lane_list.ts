import type { LaneInfo, LaneList } from "../../protocol/answers/lane_info.ts";
import type { LaneOrder } from "../../protocol/lane_settings.ts";
import type { LaneQuestion } from "../engine_lanes.ts";
import { findClosed, type GateNote, sayLimit } from "../lanes/gate.ts";
import type { Lane } from "../lanes/lane.ts";
import type { Stream } from "../stream/stream.ts";

/** The most lanes in one answer. */
const LANES_MAX = 1000;

/** How many there are by default. */
const LANES_DEFAULT = 100;

/** The most lanes that are looked at in one turn: some milliseconds of work. */
export const LOOKS_MAX = 16_384;

/**
 * A list of lanes of a stream: it looks at each lane once, some thousand in a turn, and sorts only those that it
 * tells of.
 */
export class LaneListing {
  readonly #stream: Stream;
  readonly #by: LaneOrder;
  readonly #size: number;
  readonly #after: string | undefined;
  readonly #first: Lane[] = [];
  /** The number of the first lane that was not looked at. */
  #number = 0;
  #count = 0;
  #isCut = false;

  constructor(stream: Stream, { by = "waiting", limit = LANES_DEFAULT, after }: LaneQuestion) {
    this.#stream = stream;
    this.#by = by;
    this.#size = Math.max(1, Math.min(limit, LANES_MAX));
    this.#after = by === "name" ? after : undefined;
  }

  /** Looks at as many lanes as there is time for in a turn; returns whether there are more. */
  look(): boolean {
    const { lanes } = this.#stream.share;
    if (lanes === undefined) return false;
    const isBefore = ORDERS[this.#by];
    for (const lane of lanes.table.slice(this.#number, LOOKS_MAX)) {
      if (lane.messageCount === 0 && lane.settings === undefined) continue;
      this.#count++;
      if (this.#after !== undefined && lane.name <= this.#after) continue;
      this.#isCut = insert(this.#first, lane, this.#size, isBefore) || this.#isCut;
    }
    this.#number += LOOKS_MAX;
    return this.#number < lanes.table.endNumber;
  }

  /** Tells of the first lanes. */
  tell(now: number): LaneList {
    const stream = this.#stream;
    // What was looked at in an earlier turn may have changed, or be gone.
    const items = this.#first.filter((lane) => stream.share.lanes?.table.get(lane.number) === lane)
      .sort((one, other) => ORDERS[this.#by](one, other) ? -1 : 1)
      .map((lane) => describe(stream, lane, now));
    const last = this.#first.at(-1);
    const isMore = this.#by === "name" && this.#isCut && last !== undefined;
    return { items, count: this.#count, ...isMore && { next: last.name } };
  }
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
