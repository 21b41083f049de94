/**
 * Which messages of a stream wait to be taken, in the order of their ids.
 *
 * Fresh messages, never delivered, are one range at the end. Messages that came back are runs in
 * front of it, in a heap by id: coming back and going out again cost the logarithm of the number of
 * runs, and a run of a thousand messages costs as much as one of one.
 *
 * Where the ids of what is added do not go on, because messages in between are held back, the fresh
 * range becomes a run, and another one begins.
 *
 * Invariant: the runs are disjoint, and all of them lie before the fresh range.
 *
 * @module
 */

import { type IdRange, intersectRanges, subtractRanges } from "./id_ranges.ts";

/** Consecutive messages that have been delivered equally often. */
export interface ReadyRun {
  /** The id of the first one. */
  readonly firstId: number;
  /** How many. */
  readonly count: number;
  /** How often they have been delivered, as far as it counts. */
  readonly attempts: number;
}

/** A run in the heap; its front is cut off as messages leave. */
interface ReturnedRun {
  firstId: number;
  count: number;
  readonly attempts: number;
}

/** The ready messages of one stream. */
export class ReadyList {
  #returned: ReturnedRun[] = [];
  #returnedCount = 0;
  #freshId: number;
  #freshCount = 0;

  /**
   * Creates an empty list.
   *
   * @param nextId The id that the stream's next message will have.
   */
  constructor(nextId: number) {
    this.#freshId = nextId;
  }

  /** How many messages are ready. */
  get count(): number {
    return this.#returnedCount + this.#freshCount;
  }

  /** The runs that came back, in no order. */
  get returned(): readonly ReadyRun[] {
    return this.#returned;
  }

  /** Adds messages that have just been stored, behind all others. */
  append(firstId: number, count: number): void {
    if (this.#freshCount > 0 && this.#freshId + this.#freshCount !== firstId) this.#endFresh();
    if (this.#freshCount === 0) this.#freshId = firstId;
    this.#freshCount += count;
  }

  /** Adds messages that came back, in their old place. */
  giveBack(run: ReadyRun): void {
    // What was held back may lie behind messages that came after it.
    if (this.#freshCount > 0 && run.firstId > this.#freshId) this.#endFresh();
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
    if (this.#freshCount === 0) return removed;
    const fresh = { firstId: this.#freshId, count: this.#freshCount, attempts: 0 };
    const parts = intersectRanges(fresh, ranges);
    if (parts.length === 0) return removed;
    for (const part of parts) removed.push({ ...part, attempts: 0 });
    this.#freshCount = 0;
    for (const { firstId, count } of subtractRanges(fresh, ranges)) this.append(firstId, count);
    return removed;
  }

  /** Takes everything out. */
  removeAll(): ReadyRun[] {
    const removed: ReadyRun[] = this.#returned;
    if (this.#freshCount > 0) {
      removed.push({ firstId: this.#freshId, count: this.#freshCount, attempts: 0 });
    }
    this.#returned = [];
    this.#returnedCount = 0;
    this.#freshCount = 0;
    return removed;
  }

  /** Makes a run of the fresh range. */
  #endFresh(): void {
    const run = { firstId: this.#freshId, count: this.#freshCount, attempts: 0 };
    this.#freshCount = 0;
    this.#addReturned(run);
  }

  #addReturned({ firstId, count, attempts }: ReadyRun): void {
    const heap = this.#returned;
    heap.push({ firstId, count, attempts });
    this.#returnedCount += count;
    siftUp(heap, heap.length - 1);
  }

  /** The first messages to go, or `undefined` if none is ready. */
  peek(): ReadyRun | undefined {
    const returned = this.#returned[0];
    if (returned !== undefined) return this.#mergeFirst(returned);
    if (this.#freshCount === 0) return undefined;
    return { firstId: this.#freshId, count: this.#freshCount, attempts: 0 };
  }

  /** Takes the first `count` messages out: not more than the first run has. */
  take(count: number): void {
    const returned = this.#returned[0];
    if (returned === undefined) {
      this.#freshId += count;
      this.#freshCount -= count;
      return;
    }
    // The rest of a run still comes first: the other runs are disjoint and lie behind it.
    returned.firstId += count;
    returned.count -= count;
    this.#returnedCount -= count;
    if (returned.count === 0) removeFirst(this.#returned);
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
