import { PRIORITY_DEFAULT, PRIORITY_MAX } from "../../protocol/messages/entry.ts";
import { type IdRange, intersectRanges, subtractRanges } from "./id_ranges.ts";
import { RunList } from "./run_list.ts";

/** The number of priorities: attempts and priority are kept in one number. */
const PRIORITIES = PRIORITY_MAX + 1;

/** Room for fewer slots is not given back. */
const SLOTS_KEPT = 64;

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
 * Runs of messages, each with a time: a heap in arrays of numbers, so that a million messages that wait
 * for a million different moments cost 40 to 80 bytes each and no object.
 *
 * ```text
 *   heap     at │ slot       by time
 *   by slot  firstId │ count │ attempts, lane and priority │ where it stands in the heap
 *   order    slots by id     made when runs are looked up by id
 * ```
 */
export class TimedRuns {
  /** The heap: times, and the slots of their runs. */
  readonly #at: number[] = [];
  readonly #slots: number[] = [];
  /** By slot. */
  readonly #firstId: number[] = [];
  readonly #count: number[] = [];
  readonly #traits: number[] = [];
  readonly #free: number[] = [];
  /** Where each slot stands in the heap; kept as long as the order is. */
  #places: number[] = [];
  /** The slots by id; made when it is needed, and dropped with the last run. */
  #order: RunList | undefined;
  #messageCount = 0;
  #visits = 0;

  get size(): number {
    return this.#at.length;
  }

  get messageCount(): number {
    return this.#messageCount;
  }

  /** How many runs were ever visited or moved; tests bound this cost. */
  get visits(): number {
    return this.#visits + (this.#order?.visits ?? 0);
  }

  /** The earliest time; `Infinity` if there are no runs. */
  get nextAt(): number {
    return this.#at[0] ?? Infinity;
  }

  add({ at, firstId, count, attempts, priority = PRIORITY_DEFAULT, lane }: TimedRun): void {
    const slot = this.#free.pop() ?? this.#firstId.length;
    this.#messageCount += count;
    this.#firstId[slot] = firstId;
    this.#count[slot] = count;
    this.#traits[slot] = packTraits(attempts, lane) * PRIORITIES + priority;
    this.#order?.add(firstId, count, slot);
    const index = this.#at.push(at) - 1;
    this.#slots.push(slot);
    this.#siftUp(index, at, slot);
  }

  /** Takes the earliest run out, if it is due. */
  takeDue(now: number): TimedRun | undefined {
    if (this.nextAt > now || this.size === 0) return undefined;
    const first = this.#get(0);
    this.#order?.remove([first]);
    this.#takeOut(0);
    this.#shrink();
    return first;
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
      const touched = this.#requireOrder().takeTouched(range).map(({ note: slot }) => {
        const index = this.#places[slot]!;
        const run = this.#get(index);
        this.#takeOut(index);
        return run;
      });
      for (const run of touched) {
        for (const part of intersectRanges(run, [range])) removed.push({ ...run, ...part });
        for (const part of subtractRanges(run, [range])) this.add({ ...run, ...part });
      }
    }
    this.#shrink();
    return removed;
  }

  removeAll(): TimedRun[] {
    const removed = this.list();
    this.#refill([]);
    return removed;
  }

  /** Keeps only the live parts of runs. */
  prune(findWanted: (run: TimedRun) => readonly IdRange[]): void {
    const kept: TimedRun[] = [];
    for (const run of this.list()) {
      for (const part of findWanted(run)) kept.push({ ...run, ...part });
    }
    this.#refill(kept);
  }

  /** All runs, in no order. */
  list(): TimedRun[] {
    return Array.from({ length: this.size }, (_, index) => this.#get(index));
  }

  /** The runs that have some of the messages from `fromId` to below `toId`, by id. */
  find(fromId: number, toId: number): TimedRun[] {
    if (this.size === 0) return [];
    return this.#requireOrder().list(fromId, toId)
      .map(({ note: slot }) => this.#get(this.#places[slot]!));
  }

  /** The messages with the smallest ids, if there are any. */
  findOldest(): IdRange | undefined {
    if (this.size === 0) return undefined;
    const { firstId, firstCount: count } = this.#requireOrder();
    return { firstId, count };
  }

  #requireOrder(): RunList {
    if (this.#order !== undefined) return this.#order;
    this.#visits += this.size;
    this.#places = new Array(this.#firstId.length).fill(0);
    this.#slots.forEach((slot, index) => this.#places[slot] = index);
    const byId = this.#slots.toSorted((one, other) => this.#firstId[one]! - this.#firstId[other]!);
    const order = this.#order = new RunList();
    for (const slot of byId) order.add(this.#firstId[slot]!, this.#count[slot]!, slot);
    return order;
  }

  #forgetOrder(): void {
    if (this.#order === undefined) return;
    this.#visits += this.#order.visits;
    this.#order = undefined;
    this.#places = [];
  }

  #refill(runs: readonly TimedRun[]): void {
    this.#forgetOrder();
    for (const heap of [this.#at, this.#slots]) heap.length = 0;
    for (const bySlot of [this.#firstId, this.#count, this.#traits, this.#free]) bySlot.length = 0;
    this.#messageCount = 0;
    for (const run of runs) this.add(run);
  }

  /** Takes a run out of the heap; its slot is free. */
  #takeOut(index: number): void {
    const slot = this.#slots[index]!;
    this.#messageCount -= this.#count[slot]!;
    this.#free.push(slot);
    const lastAt = this.#at.pop()!;
    const lastSlot = this.#slots.pop()!;
    if (index === this.size) return;
    const isBefore = lastAt < this.#at[index]! ||
      (lastAt === this.#at[index]! && this.#firstId[lastSlot]! < this.#firstId[slot]!);
    if (isBefore) this.#siftUp(index, lastAt, lastSlot);
    else this.#sink(index, lastAt, lastSlot);
  }

  /** Gives unused room back. */
  #shrink(): void {
    if (this.size === 0) this.#forgetOrder();
    const { length } = this.#firstId;
    if (length <= SLOTS_KEPT || this.size * 4 >= length) return;
    this.#visits += this.size;
    this.#refill(this.list());
  }

  /** Puts a run to a place of the heap, or above it. */
  #siftUp(from: number, at: number, slot: number): void {
    const firstId = this.#firstId[slot]!;
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      this.#visits++;
      if (!this.#isBefore(at, firstId, parent)) break;
      this.#put(index, this.#at[parent]!, this.#slots[parent]!);
      index = parent;
    }
    this.#put(index, at, slot);
  }

  /** Puts a run to a place of the heap, or below it. */
  #sink(from: number, at: number, slot: number): void {
    const firstId = this.#firstId[slot]!;
    let index = from;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= this.size) break;
      this.#visits++;
      const right = child + 1;
      if (right < this.size) {
        const rightId = this.#firstId[this.#slots[right]!]!;
        if (this.#isBefore(this.#at[right]!, rightId, child)) child = right;
      }
      if (this.#isBefore(at, firstId, child)) break;
      this.#put(index, this.#at[child]!, this.#slots[child]!);
      index = child;
    }
    this.#put(index, at, slot);
  }

  #isBefore(at: number, firstId: number, index: number): boolean {
    const other = this.#at[index]!;
    return at < other || (at === other && firstId < this.#firstId[this.#slots[index]!]!);
  }

  #put(index: number, at: number, slot: number): void {
    this.#at[index] = at;
    this.#slots[index] = slot;
    if (this.#order !== undefined) this.#places[slot] = index;
  }

  #get(index: number): TimedRun {
    const slot = this.#slots[index]!;
    const traits = this.#traits[slot]!;
    const priority = traits % PRIORITIES;
    const others = (traits - priority) / PRIORITIES;
    const lane = laneOf(others);
    const run = {
      at: this.#at[index]!,
      firstId: this.#firstId[slot]!,
      count: this.#count[slot]!,
      attempts: attemptsOf(others),
    };
    if (lane === undefined) return priority === PRIORITY_DEFAULT ? run : { ...run, priority };
    return { ...run, ...priority !== PRIORITY_DEFAULT && { priority }, lane };
  }
}
