import type { IdRange } from "./id_ranges.ts";

/** Consecutive ids with one note. */
export interface NotedRun extends IdRange {
  /** A whole number, below 2^53. */
  readonly note: number;
}

/** The most runs of a part. */
export const RUNS_MAX = 256;

/** Numbers of one run: its first id, how many ids it has, its note. */
const WIDTH = 3;

/** Some of the runs of a list, by id, in one array of numbers: 24 bytes each and no objects. */
export class RunPart {
  readonly #numbers: number[];
  /** Where the first run stands: room in front of it is used again. */
  #head = 0;
  /** How many runs were looked at or moved. */
  visits = 0;

  constructor(numbers: number[]) {
    this.#numbers = numbers;
  }

  get size(): number {
    return (this.#numbers.length - this.#head) / WIDTH;
  }

  get firstId(): number {
    return this.#numbers[this.#head]!;
  }

  get firstCount(): number {
    return this.#numbers[this.#head + 1]!;
  }

  get firstNote(): number {
    return this.#numbers[this.#head + 2]!;
  }

  /** The id behind the last one. */
  get endId(): number {
    const last = this.#numbers.length - WIDTH;
    return this.#numbers[last]! + this.#numbers[last + 1]!;
  }

  /** Adds a run, or joins it to its neighbours; returns whether there was room. */
  add(firstId: number, count: number, note: number): boolean {
    const numbers = this.#numbers;
    const end = numbers.length;
    const at = firstId >= this.endId ? end : this.#find(firstId + 1);
    const before = at - WIDTH;
    const goesOn = at > this.#head && numbers[before]! + numbers[before + 1]! === firstId &&
      numbers[before + 2] === note;
    const isFollowed = at < end && firstId + count === numbers[at] && numbers[at + 2] === note;
    if (goesOn) {
      numbers[before + 1]! += count;
      if (!isFollowed) return true;
      numbers[before + 1]! += numbers[at + 1]!;
      this.#cut(at, at + WIDTH);
      return true;
    }
    if (isFollowed) {
      numbers[at] = firstId;
      numbers[at + 1]! += count;
      return true;
    }
    if (this.size === RUNS_MAX) return false;
    if (at === end) numbers.push(firstId, count, note);
    else this.#insert(at, firstId, count, note);
    return true;
  }

  /** Takes the first ids out, at most those of the first run. */
  take(count: number): void {
    const numbers = this.#numbers;
    numbers[this.#head]! += count;
    numbers[this.#head + 1]! -= count;
    if (numbers[this.#head + 1] === 0) this.#cut(this.#head, this.#head + WIDTH);
  }

  /** Takes out the runs that overlap the ids from `fromId` to below `toId`. */
  takeTouched(fromId: number, toId: number): NotedRun[] {
    const runs: NotedRun[] = [];
    this.list(fromId, toId, runs);
    if (runs.length === 0) return runs;
    const from = this.#find(runs[0]!.firstId + 1);
    this.#cut(from, from + runs.length * WIDTH);
    return runs;
  }

  /** Lists the runs that overlap the ids from `fromId` to below `toId`. */
  list(fromId: number, toId: number, into: NotedRun[]): void {
    const numbers = this.#numbers;
    for (let at = this.#find(fromId + 1); at < numbers.length; at += WIDTH) {
      if (numbers[at]! >= toId) break;
      this.visits++;
      into.push({ firstId: numbers[at]!, count: numbers[at + 1]!, note: numbers[at + 2]! });
    }
  }

  /** Takes the second half out, into a part of its own. */
  split(): RunPart {
    const middle = this.#head + (this.size >>> 1) * WIDTH;
    const next = new RunPart(this.#numbers.splice(middle));
    this.visits += next.size;
    return next;
  }

  /** Adds all runs of the part behind it. */
  append(next: RunPart): void {
    this.visits += next.size;
    this.#numbers.push(...next.#numbers.slice(next.#head));
  }

  /** The place of the first run that ends at `id` or later. */
  #find(id: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      this.visits++;
      const middle = (low + high) >>> 1;
      const at = this.#head + middle * WIDTH;
      if (this.#numbers[at]! + this.#numbers[at + 1]! < id) low = middle + 1;
      else high = middle;
    }
    return this.#head + low * WIDTH;
  }

  #insert(at: number, firstId: number, count: number, note: number): void {
    const numbers = this.#numbers;
    if (at === this.#head && at > 0) {
      this.#head -= WIDTH;
      numbers[this.#head] = firstId;
      numbers[this.#head + 1] = count;
      numbers[this.#head + 2] = note;
    } else {
      this.visits += (numbers.length - at) / WIDTH;
      numbers.splice(at, 0, firstId, count, note);
    }
  }

  #cut(from: number, to: number): void {
    const numbers = this.#numbers;
    if (from > this.#head) {
      this.visits += (numbers.length - to) / WIDTH;
      numbers.splice(from, to - from);
      return;
    }
    this.#head = to;
    // Room at the front is given back once it is half of all.
    if (to * 2 <= numbers.length || to === numbers.length) return;
    this.visits += this.size;
    numbers.splice(0, to);
    this.#head = 0;
  }
}
