import { PRIORITY_DEFAULT, PRIORITY_MAX } from "../../protocol/messages/entry.ts";
import { byFirstId, countIds, type IdRange, intersectRanges, subtractRanges } from "./id_ranges.ts";
import { type PackedRun, RUNS_MAX, TimedPart } from "./timed_part.ts";

/** The number of priorities: attempts and priority are kept in one number. */
const PRIORITIES = PRIORITY_MAX + 1;

/** Two neighbours that have no more runs than this together become one part. */
const MERGED_RUNS_MAX = RUNS_MAX / 2;

/** Attempts and lane are kept in one number: attempts are below this. */
const LANE_UNIT = 2 ** 24;

/** Attempts and lane as one number, below 2^50: runs with the same one are joined. */
export function packTraits(attempts: number, lane: number = 0): number {
  const own = Math.min(attempts, LANE_UNIT - 1);
  return lane === 0 ? own : own + lane * LANE_UNIT;
}

export function attemptsOf(traits: number): number {
  return traits < LANE_UNIT ? traits : traits % LANE_UNIT;
}

/** The lane; undefined for none. */
export function laneOf(traits: number): number | undefined {
  return traits < LANE_UNIT ? undefined : Math.floor(traits / LANE_UNIT);
}

/** Consecutive messages that wait for a time. */
export interface TimedRun extends IdRange {
  /** When they are due. */
  readonly at: number;
  /** How often they were delivered; 0 where that is not kept. */
  readonly attempts: number;
  /** Undefined for the default priority. */
  readonly priority?: number | undefined;
  /** The number of their lane in their share; undefined if they have none. */
  readonly lane?: number | undefined;
}

/**
 * Runs of messages, each with a time, in parts by id. A part is a heap by time, and the parts stand in a heap
 * by their earliest times: so runs are found by time and by id without an order that would have to be made
 * first, and a million messages that wait for a million different moments cost some 40 bytes each and no
 * object.
 *
 * ```text
 *   by id    ┌ run │ run │ run … ┐ ┌ run │ run … ┐ ┌ run … ┐     256 runs each at most, none empty
 *            └───────────────────┘ └─────────────┘ └───────┘
 *   by time  the same parts, that of the earliest run first
 * ```
 */
export class TimedRuns {
  readonly #parts: TimedPart[] = [];
  /** The heap by time. */
  readonly #heap: TimedPart[] = [];
  #size = 0;
  #messageCount = 0;
  /** Those of parts that are gone, too. */
  #visits = 0;

  get size(): number {
    return this.#size;
  }

  get messageCount(): number {
    return this.#messageCount;
  }

  /** How many runs were ever visited or moved; tests bound this cost. */
  get visits(): number {
    return this.#parts.reduce((sum, { visits }) => sum + visits, this.#visits);
  }

  /** The earliest time; `Infinity` if there are no runs. */
  get nextAt(): number {
    return this.#heap[0]?.nextAt ?? Infinity;
  }

  add({ at, firstId, count, attempts, priority = PRIORITY_DEFAULT, lane }: TimedRun): void {
    this.#put({ at, firstId, count, traits: packTraits(attempts, lane) * PRIORITIES + priority });
  }

  /** Takes the earliest run out, if it is due. */
  takeDue(now: number): TimedRun | undefined {
    const part = this.#heap[0];
    if (part === undefined || part.nextAt > now) return undefined;
    const run = part.takeFirst();
    const { size } = part;
    this.#noteTaken(part, 1, run.count);
    // Seldom enough not to cost anything, and often enough for no two neighbours to stay small.
    if (size > 0 && (size & (size - 1)) === 0) this.#merge(part);
    return tell(run);
  }

  /**
   * Takes out messages by id. Where this is used, no message is in two runs.
   *
   * @param ranges The ids, joined.
   * @returns The ones that were here.
   */
  remove(ranges: readonly IdRange[]): TimedRun[] {
    const removed: TimedRun[] = [];
    for (const range of ranges) {
      if (this.size === 0) break;
      for (const run of this.#takeTouched(range)) {
        for (const part of intersectRanges(run, [range])) removed.push(tell({ ...run, ...part }));
        for (const part of subtractRanges(run, [range])) this.#put({ ...run, ...part });
      }
    }
    return removed;
  }

  removeAll(): TimedRun[] {
    const removed = this.list();
    this.#clear();
    return removed;
  }

  /** Keeps only the live parts of runs. */
  prune(findWanted: (run: TimedRun) => readonly IdRange[]): void {
    const runs = this.#parts.flatMap((part) => part.list());
    this.#clear();
    for (const run of runs) {
      for (const part of findWanted(tell(run))) this.#put({ ...run, ...part });
    }
  }

  /** All runs, in no order. */
  list(): TimedRun[] {
    return this.#parts.flatMap((part) => part.list().map(tell));
  }

  /** The runs that have some of the messages from `fromId` to below `toId`, by id. */
  find(fromId: number, toId: number): TimedRun[] {
    return this.#findParts(fromId, toId).flatMap((part) => part.list(fromId, toId).map(tell))
      .sort(byFirstId);
  }

  /** The messages with the smallest ids, if there are any. */
  findOldest(): IdRange | undefined {
    const oldest = this.#parts[0]?.findOldest();
    return oldest && { firstId: oldest.firstId, count: oldest.count };
  }

  #put(run: PackedRun): void {
    const part = this.#requirePart(run.firstId);
    part.add(run);
    this.#size++;
    this.#messageCount += run.count;
    this.#siftUp(part);
  }

  /** The part that a run belongs to, with room for it. */
  #requirePart(firstId: number): TimedPart {
    const parts = this.#parts;
    const last = parts.at(-1);
    const index = last !== undefined && firstId >= last.firstId
      ? parts.length - 1
      : Math.max(0, this.#findPart(firstId + 1) - 1);
    const part = parts[index];
    if (part !== undefined && part.size < RUNS_MAX) return part;
    // Runs that are added in order fill one part after the other.
    const isBehind = part === undefined || (part === last && firstId >= part.endId);
    const next = isBehind ? new TimedPart(firstId) : part.split();
    parts.splice(index + 1, 0, next);
    next.place = this.#heap.push(next) - 1;
    if (isBehind) return next;
    // Its earliest run may have gone with the half.
    this.#sink(part);
    this.#siftUp(next);
    return firstId < next.firstId ? part : next;
  }

  /** Takes out whole runs that overlap a range. */
  #takeTouched({ firstId, count }: IdRange): PackedRun[] {
    const taken: PackedRun[] = [];
    let left: TimedPart | undefined;
    for (const part of this.#findParts(firstId, firstId + count)) {
      const runs = part.takeTouched(firstId, firstId + count);
      if (runs.length === 0) continue;
      this.#noteTaken(part, runs.length, countIds(runs));
      if (part.size > 0) left = part;
      taken.push(...runs);
    }
    if (left !== undefined) this.#merge(left);
    return taken;
  }

  /** The parts that may have some of the messages from `fromId` to below `toId`. */
  #findParts(fromId: number, toId: number): TimedPart[] {
    const parts = this.#parts;
    let from = this.#findPart(fromId);
    // A run of a part before may reach as far.
    while (from > 0 && parts[from - 1]!.endId > fromId) from--;
    let to = from;
    while (to < parts.length && parts[to]!.firstId < toId) to++;
    return parts.slice(from, to);
  }

  /** The index of the first part that begins at `id` or later. */
  #findPart(id: number): number {
    let low = 0;
    let high = this.#parts.length;
    while (low < high) {
      this.#visits++;
      const middle = (low + high) >>> 1;
      if (this.#parts[middle]!.firstId < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Notes that runs were taken out of a part. */
  #noteTaken(part: TimedPart, runCount: number, messageCount: number): void {
    this.#size -= runCount;
    this.#messageCount -= messageCount;
    if (part.size === 0) this.#drop(part);
    else this.#sink(part);
  }

  /** Joins a part with its neighbours, if they are small. */
  #merge(middle: TimedPart): void {
    if (middle.size > MERGED_RUNS_MAX) return;
    const index = this.#indexOf(middle);
    for (let first = index; first >= Math.max(0, index - 1); first--) {
      const part = this.#parts[first]!;
      const next = this.#parts[first + 1];
      if (next === undefined || part.size + next.size > MERGED_RUNS_MAX) continue;
      part.append(next);
      next.visits = 0;
      this.#drop(next);
      this.#siftUp(part);
    }
  }

  #drop(part: TimedPart): void {
    this.#visits += part.visits;
    this.#parts.splice(this.#indexOf(part), 1);
    const last = this.#heap.pop()!;
    if (last === part) return;
    this.#heap[last.place = part.place] = last;
    this.#siftUp(last);
    this.#sink(last);
  }

  #indexOf(part: TimedPart): number {
    return this.#parts.indexOf(part, this.#findPart(part.firstId));
  }

  #clear(): void {
    this.#visits = this.visits;
    this.#parts.length = this.#heap.length = 0;
    this.#size = this.#messageCount = 0;
  }

  /** Puts a part to its place of the heap, there or above. */
  #siftUp(part: TimedPart): void {
    const heap = this.#heap;
    let { place } = part;
    while (place > 0) {
      const parent = heap[(place - 1) >>> 1]!;
      this.#visits++;
      if (!isBefore(part, parent)) break;
      heap[parent.place = place] = parent;
      place = (place - 1) >>> 1;
    }
    heap[part.place = place] = part;
  }

  /** Puts a part to its place of the heap, there or below. */
  #sink(part: TimedPart): void {
    const heap = this.#heap;
    let { place } = part;
    for (;;) {
      let child = heap[place * 2 + 1];
      const right = heap[place * 2 + 2];
      if (child === undefined) break;
      this.#visits++;
      if (right !== undefined && isBefore(right, child)) child = right;
      if (!isBefore(child, part)) break;
      const { place: next } = child;
      heap[child.place = place] = child;
      place = next;
    }
    heap[part.place = place] = part;
  }
}

function isBefore(one: TimedPart, other: TimedPart): boolean {
  const { nextAt } = one;
  const { nextAt: otherAt } = other;
  return nextAt < otherAt || (nextAt === otherAt && one.nextId < other.nextId);
}

function tell({ at, firstId, count, traits }: PackedRun): TimedRun {
  const priority = traits % PRIORITIES;
  const others = (traits - priority) / PRIORITIES;
  const lane = laneOf(others);
  const run = { at, firstId, count, attempts: attemptsOf(others) };
  if (lane === undefined) return priority === PRIORITY_DEFAULT ? run : { ...run, priority };
  return { ...run, ...priority !== PRIORITY_DEFAULT && { priority }, lane };
}
