/**
 * Which messages of one priority wait to be taken, in the order of their ids.
 *
 * Fresh messages, never delivered, are runs in a line, mostly one: there are more where messages in
 * between are held back, or have another priority. Messages that came back, and those that were held
 * back, are runs in a heap by id: coming back and going out again cost the logarithm of the number of
 * runs, and a run of a thousand messages costs as much as one of one. What has the smallest id goes
 * first, whichever of the two it is in.
 *
 * @module
 */

import { type IdRange, intersectRanges, subtractRanges } from "./id_ranges.ts";
import { RunLine } from "./run_line.ts";

/** Consecutive messages that have been delivered equally often. */
export interface ReadyRun {
  /** The id of the first one. */
  readonly firstId: number;
  /** How many. */
  readonly count: number;
  /** How often they have been delivered, as far as it counts. */
  readonly attempts: number;
  /** Their priority; not there if it is the usual one. */
  readonly priority?: number | undefined;
}

/** A run in the heap; its front is cut off as messages leave. */
interface ReturnedRun {
  firstId: number;
  count: number;
  readonly attempts: number;
}

/** The ready messages of one stream that have the same priority. */
export class ReadyList {
  #returned: ReturnedRun[] = [];
  #returnedCount = 0;
  readonly #fresh = new RunLine();

  /** How many messages are ready. */
  get count(): number {
    return this.#returnedCount + this.#fresh.count;
  }

  /** The runs that came back, in no order. */
  get returned(): readonly ReadyRun[] {
    return this.#returned;
  }

  /** Adds messages that were never delivered, mostly behind all others. */
  append(firstId: number, count: number): void {
    if (firstId >= this.#fresh.endId) this.#fresh.append(firstId, count);
    else this.#addReturned({ firstId, count, attempts: 0 });
  }

  /** Adds messages that came back, in their old place. */
  giveBack(run: ReadyRun): void {
    this.#addReturned(run);
  }

  /**
   * Takes messages out, wherever they stand.
   *
   * @param ranges Which, joined.
   * @returns What of them was here.
   */
  remove(ranges: readonly IdRange[]): ReadyRun[] {
    const removed: ReadyRun[] = [];
    const before = this.#returned;
    const isTouched = (run: ReadyRun) => intersectRanges(run, ranges).length > 0;
    if (before.some(isTouched)) {
      this.#returned = [];
      this.#returnedCount = 0;
      for (const run of before) {
        const { attempts } = run;
        for (const part of intersectRanges(run, ranges)) removed.push({ ...part, attempts });
        for (const part of subtractRanges(run, ranges)) this.#addReturned({ ...part, attempts });
      }
    }
    for (const part of this.#fresh.remove(ranges)) removed.push({ ...part, attempts: 0 });
    return removed;
  }

  /** Takes everything out. */
  removeAll(): ReadyRun[] {
    const fresh = this.#fresh.removeAll().map((run) => ({ ...run, attempts: 0 }));
    const removed: ReadyRun[] = this.#returned.concat(fresh);
    this.#returned = [];
    this.#returnedCount = 0;
    return removed;
  }

  #addReturned({ firstId, count, attempts }: ReadyRun): void {
    const heap = this.#returned;
    heap.push({ firstId, count, attempts });
    this.#returnedCount += count;
    siftUp(heap, heap.length - 1);
  }

  /** The first messages to go, or `undefined` if none is ready. */
  peek(): ReadyRun | undefined {
    const returned = this.#firstReturned;
    if (returned !== undefined) return this.#mergeFirst(returned);
    if (this.#fresh.count === 0) return undefined;
    return { firstId: this.#fresh.firstId, count: this.#fresh.firstCount, attempts: 0 };
  }

  /** Takes the first `count` messages out: not more than the first run has. */
  take(count: number): void {
    const returned = this.#firstReturned;
    if (returned === undefined) return this.#fresh.take(count);
    // The rest of a run still comes first: the other runs are disjoint and lie behind it.
    returned.firstId += count;
    returned.count -= count;
    this.#returnedCount -= count;
    if (returned.count === 0) removeFirst(this.#returned);
  }

  /** The first run that came back, if no fresh one comes before it. */
  get #firstReturned(): ReturnedRun | undefined {
    const returned = this.#returned[0];
    if (returned === undefined || this.#fresh.count === 0) return returned;
    return returned.firstId < this.#fresh.firstId ? returned : undefined;
  }

  /** Joins to the first run those that go on where it ends, so that they leave in one piece. */
  #mergeFirst(first: ReturnedRun): ReadyRun {
    const heap = this.#returned;
    for (;;) {
      const next = heap[secondOf(heap)];
      if (next === undefined || next.firstId !== first.firstId + first.count) return first;
      if (next.attempts !== first.attempts) return first;
      const { firstId, count } = first;
      removeFirst(heap);
      // The next run is the heap's first now, and stays it when it begins earlier.
      first = heap[0]!;
      first.firstId = firstId;
      first.count += count;
    }
  }
}

/** The index of the second smallest element of a heap. */
function secondOf(heap: readonly ReturnedRun[]): number {
  const left = heap[1];
  const right = heap[2];
  return right !== undefined && left !== undefined && right.firstId < left.firstId ? 2 : 1;
}

function siftUp(heap: ReturnedRun[], index: number): void {
  const run = heap[index]!;
  while (index > 0) {
    const parent = (index - 1) >>> 1;
    if (heap[parent]!.firstId <= run.firstId) break;
    heap[index] = heap[parent]!;
    index = parent;
  }
  heap[index] = run;
}

function removeFirst(heap: ReturnedRun[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = index * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.firstId < heap[child]!.firstId) child++;
    if (last.firstId <= heap[child]!.firstId) break;
    heap[index] = heap[child]!;
    index = child;
  }
  heap[index] = last;
}
