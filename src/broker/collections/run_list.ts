import { type IdRange, intersectRanges, subtractRanges } from "./id_ranges.ts";
import { type NotedRun, RunPart, RUNS_MAX } from "./run_part.ts";

/** Two neighbours that have no more runs than this together become one part. */
const MERGED_RUNS_MAX = RUNS_MAX / 2;

/** Shared by all unused lists: there may be a hundred thousand streams, and most have none. */
const NO_PARTS: RunPart[] = [];

/**
 * Runs of consecutive ids, sorted, each with a note, in parts of bounded size. Work at the front costs
 * the same for any number of runs; work elsewhere costs a binary search, and at most the moving of one
 * part's runs.
 *
 * ```text
 *   parts   ┌ run │ run │ run … ┐ ┌ run │ run … ┐ ┌ run … ┐      256 runs each at most, none empty
 *           └───────────────────┘ └─────────────┘ └───────┘
 * ```
 */
export class RunList {
  #parts = NO_PARTS;
  #count = 0;
  #visits = 0;

  get count(): number {
    return this.#count;
  }

  get size(): number {
    return this.#parts.reduce((sum, { size }) => sum + size, 0);
  }

  /** How many runs were ever visited or moved; tests bound this cost. */
  get visits(): number {
    return this.#parts.reduce((sum, { visits }) => sum + visits, this.#visits);
  }

  /** The first id; there must be one. */
  get firstId(): number {
    return this.#parts[0]!.firstId;
  }

  /** How many ids the first run has; there must be one. */
  get firstCount(): number {
    return this.#parts[0]!.firstCount;
  }

  /** The note of the first run; there must be one. */
  get firstNote(): number {
    return this.#parts[0]!.firstNote;
  }

  /** The id behind the last one; 0 if the list is empty. */
  get endId(): number {
    return this.#parts.length === 0 ? 0 : this.#parts[this.#parts.length - 1]!.endId;
  }

  /** Adds ids that are not here; neighbours with the same note become one run. */
  add(firstId: number, count: number, note: number = 0): void {
    if (count === 0) return;
    this.#count += count;
    const parts = this.#parts;
    if (parts.length === 0) {
      this.#parts = [new RunPart([firstId, count, note])];
      return;
    }
    const last = parts.length - 1;
    const isBehind = firstId >= parts[last]!.firstId;
    const index = isBehind ? last : Math.max(0, this.#findPart(firstId + 1, true) - 1);
    const part = parts[index]!;
    if (part.add(firstId, count, note)) return;
    // Runs that are added in order fill one part after the other.
    if (isBehind && firstId >= part.endId) {
      parts.push(new RunPart([firstId, count, note]));
      return;
    }
    const next = part.split();
    parts.splice(index + 1, 0, next);
    (firstId < next.firstId ? part : next).add(firstId, count, note);
  }

  /** Joins the first run, if it is alone in its part, with a continuing run in the next part. */
  joinFirst(): void {
    for (let next = this.#parts[1]; next !== undefined; next = this.#parts[1]) {
      const first = this.#parts[0]!;
      if (first.size > 1 || next.firstId !== first.endId) return;
      if (next.firstNote !== first.firstNote) return;
      const count = next.firstCount;
      first.add(next.firstId, count, next.firstNote);
      next.take(count);
      if (next.size > 0) return;
      this.#drop(1);
    }
  }

  /** Takes the first ids out, at most those of the first run. */
  take(count: number): void {
    if (count === 0) return;
    this.#count -= count;
    const first = this.#parts[0]!;
    first.take(count);
    if (first.size === 0) this.#drop(0);
  }

  /** Takes out ids, given as joined ranges; returns the ones that were here. */
  remove(ranges: readonly IdRange[]): NotedRun[] {
    const removed: NotedRun[] = [];
    for (const range of ranges) {
      if (this.#count === 0) break;
      // Dropping old messages takes mostly the first run.
      if (range.firstId === this.firstId && range.count <= this.firstCount) {
        removed.push({ ...range, note: this.firstNote });
        this.take(range.count);
        continue;
      }
      for (const run of this.takeTouched(range)) {
        const { note } = run;
        for (const part of intersectRanges(run, [range])) removed.push({ ...part, note });
        for (const { firstId, count } of subtractRanges(run, [range])) {
          this.add(firstId, count, note);
        }
      }
    }
    return removed;
  }

  /** Takes out whole runs that overlap a range. */
  takeTouched({ firstId, count }: IdRange): NotedRun[] {
    const taken: NotedRun[] = [];
    const endId = firstId + count;
    let index = this.#findPart(firstId + 1);
    while (index < this.#parts.length) {
      const part = this.#parts[index]!;
      if (part.firstId >= endId) break;
      const runs = part.takeTouched(firstId, endId);
      for (const run of runs) {
        taken.push(run);
        this.#count -= run.count;
      }
      if (part.size === 0) this.#drop(index);
      else index++;
    }
    if (taken.length > 0) this.#merge(index - 1);
    return taken;
  }

  removeAll(): NotedRun[] {
    const runs = this.list();
    this.#parts = NO_PARTS;
    this.#count = 0;
    return runs;
  }

  /** The runs that have some of the ids from `fromId` to below `toId`, in order. */
  list(fromId: number = 0, toId: number = Infinity): NotedRun[] {
    const runs: NotedRun[] = [];
    for (let index = this.#findPart(fromId + 1); index < this.#parts.length; index++) {
      const part = this.#parts[index]!;
      if (part.firstId >= toId) break;
      part.list(fromId, toId, runs);
    }
    return runs;
  }

  /** The index of the first part that ends at `id` or later, or that begins there or later. */
  #findPart(id: number, byBegin = false): number {
    let low = 0;
    let high = this.#parts.length;
    while (low < high) {
      this.#visits++;
      const middle = (low + high) >>> 1;
      const part = this.#parts[middle]!;
      if ((byBegin ? part.firstId : part.endId) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Joins a part with its neighbours, if they are small. */
  #merge(index: number): void {
    const parts = this.#parts;
    for (let first = index; first >= Math.max(0, index - 1); first--) {
      const part = parts[first];
      const next = parts[first + 1];
      if (part === undefined || next === undefined) continue;
      if (part.size + next.size > MERGED_RUNS_MAX) continue;
      part.append(next);
      this.#drop(first + 1);
    }
  }

  #drop(index: number): void {
    this.#visits += this.#parts[index]!.visits;
    if (this.#parts.length === 1) this.#parts = NO_PARTS;
    else this.#parts.splice(index, 1);
  }
}
