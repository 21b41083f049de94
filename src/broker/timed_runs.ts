/**
 * Runs of messages, each with a time: a heap in typed arrays, so that a million messages that wait
 * for a million different moments cost 30 bytes each and no object.
 *
 * @module
 */

import { PRIORITY_DEFAULT } from "../../protocol.ts";
import { type IdRange, intersectRanges, subtractRanges } from "./id_ranges.ts";

/** Room for so many runs at first. */
const CAPACITY_MIN = 16;

/** The largest note. */
const NOTE_MAX = 0xffff;

/** Consecutive messages, a time, and a number that their owner keeps with them. */
export interface TimedRun extends IdRange {
  /** When something is due for them. */
  readonly at: number;
  /** What their owner has noted: how often they were delivered, say. */
  readonly note: number;
  /** Their priority; not there if it is the usual one. */
  readonly priority?: number | undefined;
}

/** Runs of messages in the order of their times; those of the same time in the order of their ids. */
export class TimedRuns {
  #at = new Float64Array(CAPACITY_MIN);
  #firstId = new Float64Array(CAPACITY_MIN);
  #count = new Uint32Array(CAPACITY_MIN);
  #note = new Uint16Array(CAPACITY_MIN);
  /** Not there as long as all have the usual one. */
  #priority: Uint8Array | undefined;
  #size = 0;
  #messageCount = 0;

  /** How many runs there are. */
  get size(): number {
    return this.#size;
  }

  /** How many messages there are in all runs. */
  get messageCount(): number {
    return this.#messageCount;
  }

  /** The earliest time; `Infinity` if there are no runs. */
  get nextAt(): number {
    return this.#size === 0 ? Infinity : this.#at[0]!;
  }

  /** Adds a run. */
  add(run: TimedRun): void {
    const { at, firstId, count } = run;
    if (this.#size === this.#at.length) this.#resize(this.#size * 2);
    this.#messageCount += count;
    let index = this.#size++;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (!this.#isBefore(at, firstId, parent)) break;
      this.#copy(parent, index);
      index = parent;
    }
    this.#put(index, run);
  }

  /** Takes the earliest run out, if it is due. */
  takeDue(now: number): TimedRun | undefined {
    if (this.#size === 0 || this.#at[0]! > now) return undefined;
    const first = this.#get(0);
    this.#messageCount -= first.count;
    const last = --this.#size;
    if (last > 0) this.#sink(this.#get(last));
    if (this.#size * 4 < this.#at.length && this.#at.length > CAPACITY_MIN * 64) {
      this.#resize(this.#at.length >>> 1);
    }
    return first;
  }

  /**
   * Takes messages out, wherever they stand.
   *
   * @param ranges Which, joined.
   * @returns What of them was here.
   */
  remove(ranges: readonly IdRange[]): TimedRun[] {
    if (!this.#touches(ranges)) return [];
    const removed: TimedRun[] = [];
    const kept: TimedRun[] = [];
    for (const run of this.#runs()) {
      for (const part of intersectRanges(run, ranges)) removed.push({ ...run, ...part });
      for (const part of subtractRanges(run, ranges)) kept.push({ ...run, ...part });
    }
    if (removed.length > 0) this.#refill(kept);
    return removed;
  }

  /** Takes everything out. */
  removeAll(): TimedRun[] {
    const removed = [...this.#runs()];
    this.#refill([]);
    return removed;
  }

  /** Keeps only those parts of runs that are still wanted. */
  prune(findWanted: (run: TimedRun) => readonly IdRange[]): void {
    const kept: TimedRun[] = [];
    for (const run of this.#runs()) {
      for (const part of findWanted(run)) kept.push({ ...run, ...part });
    }
    this.#refill(kept);
  }

  /** The runs that have some of the messages from `fromId` to below `toId`, in no order. */
  find(fromId: number, toId: number): TimedRun[] {
    const found: TimedRun[] = [];
    for (let index = 0; index < this.#size; index++) {
      const firstId = this.#firstId[index]!;
      if (firstId < toId && firstId + this.#count[index]! > fromId) found.push(this.#get(index));
    }
    return found;
  }

  /** The run with the smallest id, if there are any. */
  findOldest(): TimedRun | undefined {
    if (this.#size === 0) return undefined;
    let oldest = 0;
    for (let index = 1; index < this.#size; index++) {
      if (this.#firstId[index]! < this.#firstId[oldest]!) oldest = index;
    }
    return this.#get(oldest);
  }

  /** Whether some run may have messages of ranges: mostly none has, and that is found out cheaply. */
  #touches(ranges: readonly IdRange[]): boolean {
    const last = ranges.at(-1);
    if (last === undefined) return false;
    const fromId = ranges[0]!.firstId;
    const toId = last.firstId + last.count;
    for (let index = 0; index < this.#size; index++) {
      const firstId = this.#firstId[index]!;
      if (firstId < toId && firstId + this.#count[index]! > fromId) return true;
    }
    return false;
  }

  *#runs(): Generator<TimedRun> {
    for (let index = 0; index < this.#size; index++) yield this.#get(index);
  }

  #refill(runs: readonly TimedRun[]): void {
    this.#size = 0;
    this.#messageCount = 0;
    this.#resize(Math.max(CAPACITY_MIN, runs.length));
    for (const run of runs) this.add(run);
  }

  /** Puts a run in the place of the first one. */
  #sink(run: TimedRun): void {
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= this.#size) break;
      const right = child + 1;
      if (right < this.#size && this.#isBefore(this.#at[right]!, this.#firstId[right]!, child)) {
        child = right;
      }
      if (this.#isBefore(run.at, run.firstId, child)) break;
      this.#copy(child, index);
      index = child;
    }
    this.#put(index, run);
  }

  #isBefore(at: number, firstId: number, index: number): boolean {
    const other = this.#at[index]!;
    return at < other || (at === other && firstId < this.#firstId[index]!);
  }

  #get(index: number): TimedRun {
    const run = {
      at: this.#at[index]!,
      firstId: this.#firstId[index]!,
      count: this.#count[index]!,
      note: this.#note[index]!,
    };
    const priority = this.#priority?.[index] ?? PRIORITY_DEFAULT;
    return priority === PRIORITY_DEFAULT ? run : { ...run, priority };
  }

  #put(index: number, { at, firstId, count, note, priority = PRIORITY_DEFAULT }: TimedRun): void {
    this.#at[index] = at;
    this.#firstId[index] = firstId;
    this.#count[index] = count;
    this.#note[index] = Math.min(note, NOTE_MAX);
    if (priority !== PRIORITY_DEFAULT) this.#priority ??= makePriorities(this.#at.length);
    if (this.#priority !== undefined) this.#priority[index] = priority;
  }

  #copy(from: number, to: number): void {
    this.#at[to] = this.#at[from]!;
    this.#firstId[to] = this.#firstId[from]!;
    this.#count[to] = this.#count[from]!;
    this.#note[to] = this.#note[from]!;
    if (this.#priority !== undefined) this.#priority[to] = this.#priority[from]!;
  }

  #resize(capacity: number): void {
    const { length } = this.#at;
    if (capacity === length) return;
    const size = Math.min(this.#size, capacity);
    const at = new Float64Array(capacity);
    const firstId = new Float64Array(capacity);
    const count = new Uint32Array(capacity);
    const note = new Uint16Array(capacity);
    at.set(this.#at.subarray(0, size));
    firstId.set(this.#firstId.subarray(0, size));
    count.set(this.#count.subarray(0, size));
    note.set(this.#note.subarray(0, size));
    this.#at = at;
    this.#firstId = firstId;
    this.#count = count;
    this.#note = note;
    if (this.#priority === undefined) return;
    const priority = makePriorities(capacity);
    priority.set(this.#priority.subarray(0, size));
    this.#priority = priority;
  }
}

function makePriorities(capacity: number): Uint8Array {
  return new Uint8Array(capacity).fill(PRIORITY_DEFAULT);
}
