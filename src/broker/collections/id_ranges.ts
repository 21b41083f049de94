/** Messages with consecutive ids. */
export interface IdRange {
  readonly firstId: number;
  readonly count: number;
}

/** Sorts ranges by id and joins those that touch or overlap. */
export function joinRanges(ranges: readonly IdRange[]): IdRange[] {
  const sorted = [...ranges].sort(byFirstId);
  const joined: { firstId: number; count: number }[] = [];
  for (const { firstId, count } of sorted) {
    const last = joined.at(-1);
    if (last === undefined || last.firstId + last.count < firstId) joined.push({ firstId, count });
    else last.count = Math.max(last.count, firstId + count - last.firstId);
  }
  return joined;
}

/** The parts of a range that are in others, which are joined. */
export function intersectRanges(range: IdRange, others: readonly IdRange[]): IdRange[] {
  const end = range.firstId + range.count;
  const parts: IdRange[] = [];
  for (let index = findFrom(others, range.firstId); index < others.length; index++) {
    const other = others[index]!;
    if (other.firstId >= end) break;
    const from = Math.max(range.firstId, other.firstId);
    const to = Math.min(end, other.firstId + other.count);
    if (from < to) parts.push({ firstId: from, count: to - from });
  }
  return parts;
}

/** The parts of a range that are not in others, which are joined. */
export function subtractRanges(range: IdRange, others: readonly IdRange[]): IdRange[] {
  const rest: IdRange[] = [];
  let from = range.firstId;
  const end = range.firstId + range.count;
  for (const { firstId, count } of intersectRanges(range, others)) {
    if (firstId > from) rest.push({ firstId: from, count: firstId - from });
    from = firstId + count;
  }
  if (from < end) rest.push({ firstId: from, count: end - from });
  return rest;
}

/** Divides ranges into groups of so many ids, but for the last one. */
export function divideRanges(ranges: readonly IdRange[], countMax: number): IdRange[][] {
  const groups: IdRange[][] = [];
  let left = 0;
  for (let { firstId, count } of ranges) {
    while (count > 0) {
      if (left === 0) {
        groups.push([]);
        left = countMax;
      }
      const taken = Math.min(left, count);
      groups.at(-1)!.push({ firstId, count: taken });
      firstId += taken;
      count -= taken;
      left -= taken;
    }
  }
  return groups;
}

export function countIds(ranges: Iterable<IdRange>): number {
  let sum = 0;
  for (const { count } of ranges) sum += count;
  return sum;
}

/** Finds the range that contains an id; the ranges are disjoint and sorted. */
export function findRange<Range extends IdRange>(
  ranges: readonly Range[],
  id: number,
): Range | undefined {
  const range = ranges[findFrom(ranges, id)];
  return range !== undefined && range.firstId <= id ? range : undefined;
}

export function byFirstId(one: IdRange, other: IdRange): number {
  return one.firstId - other.firstId;
}

/** The index of the first range that ends behind an id. */
function findFrom(ranges: readonly IdRange[], id: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { firstId, count } = ranges[middle]!;
    if (firstId + count <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A cursor takes so many steps before it searches. */
const STEPS_MAX = 8;

/** Looks ids up in ranges, which are disjoint and sorted: a step for each id if these ascend. */
export class RangeCursor<Range extends IdRange> {
  readonly #ranges: readonly Range[];
  #index = 0;

  constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  /** The first range that ends behind an id, if there is one. */
  seek(id: number): Range | undefined {
    const ranges = this.#ranges;
    const before = ranges[this.#index - 1];
    if (before === undefined || before.firstId + before.count <= id) {
      for (let step = 0; step < STEPS_MAX; step++, this.#index++) {
        const range = ranges[this.#index];
        if (range === undefined || range.firstId + range.count > id) return range;
      }
    }
    this.#index = findFrom(ranges, id);
    return ranges[this.#index];
  }

  /** Calls back for those parts of a range that are in these. */
  cut(firstId: number, count: number, visit: (firstId: number, count: number) => void): void {
    const endId = firstId + count;
    for (let id = firstId; id < endId;) {
      const range = this.seek(id);
      if (range === undefined || range.firstId >= endId) return;
      const from = Math.max(id, range.firstId);
      id = Math.min(endId, range.firstId + range.count);
      visit(from, id - from);
    }
  }
}

/** The earlier of two ranges. */
export function olderOf<Range extends IdRange>(
  one: Range | undefined,
  other: Range | undefined,
): Range | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.firstId < other.firstId ? one : other;
}
