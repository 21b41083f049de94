import { type IdRange, intersectRanges, subtractRanges } from "./id_ranges.ts";
import { type NotedRun, RunPart, RUNS_MAX } from "./run_part.ts";

/** Two neighbours that have no more runs than this together become one part. */
const MERGED_RUNS_MAX = RUNS_MAX / 2;

/** What an unused list has: there are a hundred thousand streams, and most have nothing. */
const NO_PARTS: RunPart[] = [];

/**
 * Runs of consecutive ids in the order of their ids, each with a note, in parts of bounded size. What
 * is first costs the same however many runs there are; what stands anywhere else costs a search by
 * halves and the moving of a part's runs at most.
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

  /** How many runs were ever looked at or moved to find others or to make room: what it all costs. */
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

  /** Behind the last id; 0 if there is none. */
  get endId(): number {
    return this.#parts.length === 0 ? 0 : this.#parts[this.#parts.length - 1]!.endId;
  }

  /** Adds ids that are not here; they are joined with neighbours of the same note. */
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
    // What comes in order fills one part after the other.
    if (isBehind && firstId >= part.endId) {
      parts.push(new RunPart([firstId, count, note]));
      return;
    }
    const next = part.split();
    parts.splice(index + 1, 0, next);
    (firstId < next.firstId ? part : next).add(firstId, count, note);
  }

  /** Joins the first run to what goes on from it in the next part, if it is alone in its own. */
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

  /** Takes the first ids out: not more than the first run has. */
  take(count: number): void {
    if (count === 0) return;
    this.#count -= count;
    const first = this.#parts[0]!;
    first.take(count);
    if (first.size === 0) this.#drop(0);
  }

  /** Takes ids out, wherever they stand; `ranges` are joined. Returns what of them was here. */
  remove(ranges: readonly IdRange[]): NotedRun[] {
    const removed: NotedRun[] = [];
    for (const range of ranges) {
      if (this.#count === 0) break;
      // What makes room for others is mostly the first.
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

  /** Takes those runs out that have some of a range's ids, as a whole. */
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

  /** Puts a part together with its neighbours, if they are small. */
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
