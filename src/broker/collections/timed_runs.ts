import { PRIORITY_DEFAULT } from "../../protocol/messages/entry.ts";
import { byFirstId, type IdRange, intersectRanges, subtractRanges } from "./id_ranges.ts";
import { RunList } from "./run_list.ts";

/** Room for so many runs at first. */
const CAPACITY_MIN = 16;

/** So many attempts are told apart. */
const ATTEMPTS_MAX = 0xffff;

/** Consecutive messages that wait for a time. */
export interface TimedRun extends IdRange {
  /** When something is due for them. */
  readonly at: number;
  /** How often they were delivered; 0 where that is not kept. */
  readonly attempts: number;
  /** Undefined if it is the usual one. */
  readonly priority?: number | undefined;
}

/** What unused runs have: there are a hundred thousand streams, and most have none. */
const NO_DOUBLES = new Float64Array(0);
const NO_NUMBERS = new Uint32Array(0);
const NO_ATTEMPTS = new Uint16Array(0);

/**
 * Runs of messages, each with a time: a heap in typed arrays, so that a million messages that wait
 * for a million different moments cost 30 bytes each and no object.
 *
 * ```text
 *   heap     at │ slot       by time; behind the last one, the slots that are free
 *   by slot  firstId │ count │ attempts │ priority │ where it stands in the heap
 *   order    slots by id     made when runs are looked up by id
 * ```
 */
export class TimedRuns {
  /** The heap: times, and the slots of the runs that they are of. */
  #at = NO_DOUBLES;
  #slots = NO_NUMBERS;
  /** By slot. */
  #firstId = NO_DOUBLES;
  #count = NO_NUMBERS;
  #attempts = NO_ATTEMPTS;
  /** Undefined as long as all have the usual one. */
  #priority: Uint8Array | undefined;
  /** Where each slot stands in the heap; there as long as the order is. */
  #places = NO_NUMBERS;
  /** The slots by id; made when it is needed, and dropped with the last run. */
  #order: RunList | undefined;
  #size = 0;
  #messageCount = 0;
  #visits = 0;

  get size(): number {
    return this.#size;
  }

  get messageCount(): number {
    return this.#messageCount;
  }

  /** How many runs were ever looked at or moved: what it all costs. */
  get visits(): number {
    return this.#visits + (this.#order?.visits ?? 0);
  }

  /** The earliest time; `Infinity` if there are no runs. */
  get nextAt(): number {
    return this.#size === 0 ? Infinity : this.#at[0]!;
  }

  add(run: TimedRun): void {
    const { at, firstId, count, attempts, priority = PRIORITY_DEFAULT } = run;
    const { length } = this.#at;
    if (this.#size === length) this.#resize(Math.max(CAPACITY_MIN, length * 2));
    const index = this.#size++;
    const slot = this.#slots[index]!;
    this.#messageCount += count;
    this.#firstId[slot] = firstId;
    this.#count[slot] = count;
    this.#attempts[slot] = Math.min(attempts, ATTEMPTS_MAX);
    if (priority !== PRIORITY_DEFAULT) this.#priority ??= makePriorities(this.#at.length);
    if (this.#priority !== undefined) this.#priority[slot] = priority;
    this.#order?.add(firstId, count, slot);
    this.#siftUp(index, at, slot);
  }

  /** Takes the earliest run out, if it is due. */
  takeDue(now: number): TimedRun | undefined {
    if (this.#size === 0 || this.#at[0]! > now) return undefined;
    const first = this.#get(0);
    this.#order?.remove([first]);
    this.#takeOut(0);
    this.#shrink();
    return first;
  }

  /**
   * Takes messages out, wherever they stand. No two runs have the same message, where this is used.
   *
   * @param ranges Which, joined.
   * @returns What of them was here.
   */
  remove(ranges: readonly IdRange[]): TimedRun[] {
    const removed: TimedRun[] = [];
    for (const range of ranges) {
      if (this.#size === 0) break;
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

  /** Keeps only those parts of runs that are still wanted. */
  prune(findWanted: (run: TimedRun) => readonly IdRange[]): void {
    const kept: TimedRun[] = [];
    for (const run of this.list()) {
      for (const part of findWanted(run)) kept.push({ ...run, ...part });
    }
    this.#refill(kept);
  }

  /** All runs, in no order. */
  list(): TimedRun[] {
    return Array.from({ length: this.#size }, (_, index) => this.#get(index));
  }

  /** The runs that have some of the messages from `fromId` to below `toId`, by id. */
  find(fromId: number, toId: number): TimedRun[] {
    if (this.#size === 0) return [];
    return this.#requireOrder().list(fromId, toId)
      .map(({ note: slot }) => this.#get(this.#places[slot]!));
  }

  /** The messages with the smallest ids, if there are any. */
  findOldest(): IdRange | undefined {
    if (this.#size === 0) return undefined;
    const { firstId, firstCount: count } = this.#requireOrder();
    return { firstId, count };
  }

  #requireOrder(): RunList {
    if (this.#order !== undefined) return this.#order;
    this.#visits += this.#size;
    this.#places = new Uint32Array(this.#at.length);
    for (let index = 0; index < this.#size; index++) this.#places[this.#slots[index]!] = index;
    const runs = Array.from(this.#slots.subarray(0, this.#size), (slot) => {
      return { firstId: this.#firstId[slot]!, count: this.#count[slot]!, slot };
    });
    const order = this.#order = new RunList();
    for (const { firstId, count, slot } of runs.sort(byFirstId)) order.add(firstId, count, slot);
    return order;
  }

  #forgetOrder(): void {
    if (this.#order === undefined) return;
    this.#visits += this.#order.visits;
    this.#order = undefined;
    this.#places = NO_NUMBERS;
  }

  #refill(runs: readonly TimedRun[]): void {
    this.#forgetOrder();
    this.#size = 0;
    this.#messageCount = 0;
    this.#resize(runs.length === 0 ? 0 : Math.max(CAPACITY_MIN, runs.length));
    for (const run of runs) this.add(run);
  }

  /** Takes a run out of the heap; its slot is free. */
  #takeOut(index: number): void {
    const slot = this.#slots[index]!;
    this.#messageCount -= this.#count[slot]!;
    const last = --this.#size;
    const lastSlot = this.#slots[last]!;
    const lastAt = this.#at[last]!;
    this.#slots[last] = slot;
    if (index < last) {
      const isBefore = lastAt < this.#at[index]! ||
        (lastAt === this.#at[index]! && this.#firstId[lastSlot]! < this.#firstId[slot]!);
      if (isBefore) this.#siftUp(index, lastAt, lastSlot);
      else this.#sink(index, lastAt, lastSlot);
    }
  }

  /** Gives room back that is not needed any more. */
  #shrink(): void {
    if (this.#size === 0) this.#forgetOrder();
    const { length } = this.#at;
    if (this.#size * 4 < length && length > CAPACITY_MIN * 64) this.#resize(length >>> 1);
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
      if (child >= this.#size) break;
      this.#visits++;
      const right = child + 1;
      if (right < this.#size) {
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
    const run = {
      at: this.#at[index]!,
      firstId: this.#firstId[slot]!,
      count: this.#count[slot]!,
      attempts: this.#attempts[slot]!,
    };
    const priority = this.#priority?.[slot] ?? PRIORITY_DEFAULT;
    return priority === PRIORITY_DEFAULT ? run : { ...run, priority };
  }

  /** Gives it room for so many runs; their slots are in the order of the heap then. */
  #resize(capacity: number): void {
    if (capacity === this.#at.length) return;
    this.#forgetOrder();
    const size = Math.min(this.#size, capacity);
    const slots = this.#slots.subarray(0, size);
    const at = new Float64Array(capacity);
    at.set(this.#at.subarray(0, size));
    this.#at = at;
    this.#firstId = pick(this.#firstId, slots, new Float64Array(capacity));
    this.#count = pick(this.#count, slots, new Uint32Array(capacity));
    this.#attempts = pick(this.#attempts, slots, new Uint16Array(capacity));
    if (capacity === 0) this.#priority = undefined;
    if (this.#priority !== undefined) {
      this.#priority = pick(this.#priority, slots, makePriorities(capacity));
    }
    this.#slots = new Uint32Array(capacity);
    for (let index = 0; index < capacity; index++) this.#slots[index] = index;
    this.#visits += size;
  }
}

/** Copies what belongs to some slots, one after the other. */
function pick<Numbers extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(
  from: Numbers,
  slots: Uint32Array,
  into: Numbers,
): Numbers {
  for (let index = 0; index < slots.length; index++) into[index] = from[slots[index]!]!;
  return into;
}

function makePriorities(capacity: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(capacity).fill(PRIORITY_DEFAULT);
}
