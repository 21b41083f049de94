/**
 * Runs of consecutive ids, each behind the one before: twelve bytes each, and no object.
 *
 * @module
 */

import { type IdRange, intersectRanges, subtractRanges } from "./id_ranges.ts";

/** Room for so many runs at first: mostly there is one. */
const CAPACITY_MIN = 4;

/** What a line has that was never used: there are a hundred thousand streams, and most have nothing. */
const NO_IDS = new Float64Array(0);
const NO_COUNTS = new Uint32Array(0);

/** A line of runs; ids grow along it. */
export class RunLine {
  #firstIds = NO_IDS;
  #counts = NO_COUNTS;
  /** The first run, and behind the last one. */
  #head = 0;
  #tail = 0;
  #count = 0;

  /** How many ids there are in all runs. */
  get count(): number {
    return this.#count;
  }

  /** The first id; there must be one. */
  get firstId(): number {
    return this.#firstIds[this.#head]!;
  }

  /** How many ids the first run has; there must be one. */
  get firstCount(): number {
    return this.#counts[this.#head]!;
  }

  /** Behind the last id; 0 if there is none. */
  get endId(): number {
    const last = this.#tail - 1;
    return last < this.#head ? 0 : this.#firstIds[last]! + this.#counts[last]!;
  }

  /** Adds ids that are higher than all others. */
  append(firstId: number, count: number): void {
    if (count === 0) return;
    this.#count += count;
    const last = this.#tail - 1;
    if (last >= this.#head && this.#firstIds[last]! + this.#counts[last]! === firstId) {
      this.#counts[last]! += count;
      return;
    }
    if (this.#tail === this.#counts.length) this.#makeRoom();
    this.#firstIds[this.#tail] = firstId;
    this.#counts[this.#tail++] = count;
  }

  /** Takes the first ids out: not more than the first run has. */
  take(count: number): void {
    this.#count -= count;
    this.#firstIds[this.#head]! += count;
    this.#counts[this.#head]! -= count;
    if (this.#counts[this.#head] === 0) this.#head++;
    if (this.#head === this.#tail) this.#clear();
  }

  /** Takes ids out, wherever they stand; `ranges` are joined. Returns what of them was here. */
  remove(ranges: readonly IdRange[]): IdRange[] {
    const last = ranges.at(-1);
    if (last === undefined || this.#count === 0) return [];
    const from = this.#findRun(ranges[0]!.firstId + 1);
    const to = Math.max(from, this.#findRun(last.firstId + last.count, true));
    const touched = this.#list(from, to);
    const removed = touched.flatMap((run) => intersectRanges(run, ranges));
    if (removed.length === 0) return removed;
    const kept = touched.flatMap((run) => subtractRanges(run, ranges));
    if (kept.length <= touched.length) this.#replace(from, to, kept);
    else this.#rebuild([...this.#list(this.#head, from), ...kept, ...this.#list(to, this.#tail)]);
    for (const { count } of removed) this.#count -= count;
    if (this.#count === 0) this.#clear();
    return removed;
  }

  /** Takes everything out. */
  removeAll(): IdRange[] {
    const runs = this.#list(this.#head, this.#tail);
    this.#clear();
    return runs;
  }

  #list(from: number, to: number): IdRange[] {
    const runs: IdRange[] = [];
    for (let index = from; index < to; index++) {
      runs.push({ firstId: this.#firstIds[index]!, count: this.#counts[index]! });
    }
    return runs;
  }

  /** The index of the first run that ends at `id` or later, or that begins there or later. */
  #findRun(id: number, byBegin = false): number {
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const begin = this.#firstIds[middle]!;
      const at = byBegin ? begin : begin + this.#counts[middle]!;
      if (at < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Puts as many runs or fewer in the place of some; those in front move up, and mostly none is there. */
  #replace(from: number, to: number, runs: readonly IdRange[]): void {
    const at = to - runs.length;
    runs.forEach(({ firstId, count }, index) => {
      this.#firstIds[at + index] = firstId;
      this.#counts[at + index] = count;
    });
    if (at === from) return;
    const head = this.#head + at - from;
    this.#firstIds.copyWithin(head, this.#head, from);
    this.#counts.copyWithin(head, this.#head, from);
    this.#head = head;
  }

  /** Begins anew with these runs; how many ids there are stays as it is. */
  #rebuild(runs: readonly IdRange[]): void {
    const count = this.#count;
    this.#clear();
    for (const run of runs) this.append(run.firstId, run.count);
    this.#count = count;
  }

  #clear(): void {
    this.#head = 0;
    this.#tail = 0;
    this.#count = 0;
    if (this.#counts.length > CAPACITY_MIN * 64) this.#resize(CAPACITY_MIN);
  }

  /** Moves the runs to the front, or into twice the room if they would fill more than half of it. */
  #makeRoom(): void {
    const size = this.#tail - this.#head;
    const { length } = this.#counts;
    this.#resize(Math.max(CAPACITY_MIN, size * 2 > length ? length * 2 : length));
  }

  #resize(capacity: number): void {
    const firstIds = new Float64Array(capacity);
    const counts = new Uint32Array(capacity);
    firstIds.set(this.#firstIds.subarray(this.#head, this.#tail));
    counts.set(this.#counts.subarray(this.#head, this.#tail));
    this.#firstIds = firstIds;
    this.#counts = counts;
    this.#tail -= this.#head;
    this.#head = 0;
  }
}
