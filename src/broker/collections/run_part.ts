import type { IdRange } from "./id_ranges.ts";

/** Consecutive ids and what is noted of all of them. */
export interface NotedRun extends IdRange {
  /** A whole number, below 2^53. */
  readonly note: number;
}

/** A part has so many runs at most. */
export const RUNS_MAX = 256;

/** A part whose room is used up begins anew with what it has, unless that is more than this. */
const RUNS_MOVED_MAX = RUNS_MAX * 3 / 4;

/** Room for so many runs at first: mostly there is one. */
const RUNS_MIN = 2;

/** Numbers of one run: its first id, how many ids it has, its note. */
const WIDTH = 3;

/** Some of the runs of a list, by id, in one typed array: 24 bytes each, and no object. */
export class RunPart {
  #numbers = new Float64Array(RUNS_MIN * WIDTH);
  /** Where the first run stands, and behind the last one. */
  #head = 0;
  #tail = 0;
  /** How many runs were looked at or moved. */
  visits = 0;

  static of(firstId: number, count: number, note: number): RunPart {
    const part = new RunPart();
    part.#put(0, firstId, count, note);
    part.#tail = WIDTH;
    return part;
  }

  get size(): number {
    return (this.#tail - this.#head) / WIDTH;
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

  /** Behind the last id. */
  get endId(): number {
    const last = this.#tail - WIDTH;
    return this.#numbers[last]! + this.#numbers[last + 1]!;
  }

  /** Adds a run, or joins it to its neighbours; returns whether there was room. */
  add(firstId: number, count: number, note: number): boolean {
    const numbers = this.#numbers;
    const at = firstId >= this.endId ? this.#tail : this.#find(firstId + 1);
    const before = at - WIDTH;
    const goesOn = at > this.#head && numbers[before]! + numbers[before + 1]! === firstId &&
      numbers[before + 2] === note;
    const isFollowed = at < this.#tail && firstId + count === numbers[at] &&
      numbers[at + 2] === note;
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
    return this.#insert(at, firstId, count, note);
  }

  /** Takes the first ids out: not more than the first run has. */
  take(count: number): void {
    const numbers = this.#numbers;
    numbers[this.#head]! += count;
    numbers[this.#head + 1]! -= count;
    if (numbers[this.#head + 1] === 0) this.#head += WIDTH;
  }

  /** Takes those runs out that have some of the ids from `fromId` to below `toId`. */
  takeTouched(fromId: number, toId: number): NotedRun[] {
    const from = this.#find(fromId + 1);
    let to = from;
    const runs: NotedRun[] = [];
    for (; to < this.#tail && this.#numbers[to]! < toId; to += WIDTH) runs.push(this.#get(to));
    this.visits += runs.length;
    this.#cut(from, to);
    return runs;
  }

  /** Lists those runs that have some of the ids from `fromId` to below `toId`. */
  list(fromId: number, toId: number, into: NotedRun[]): void {
    for (let at = this.#find(fromId + 1); at < this.#tail; at += WIDTH) {
      if (this.#numbers[at]! >= toId) break;
      this.visits++;
      into.push(this.#get(at));
    }
  }

  /** Takes the second half out, into a part of its own. */
  split(): RunPart {
    const middle = this.#head + (this.size >>> 1) * WIDTH;
    const next = new RunPart();
    next.#numbers = new Float64Array(RUNS_MAX * WIDTH);
    next.#numbers.set(this.#numbers.subarray(middle, this.#tail));
    next.#tail = this.#tail - middle;
    this.#tail = middle;
    this.visits += next.size;
    return next;
  }

  /** Adds all runs of the part behind it. */
  append(next: RunPart): void {
    const runs = next.#numbers.subarray(next.#head, next.#tail);
    this.visits += next.size;
    if (this.#tail + runs.length > this.#numbers.length) this.#resize(this.size + next.size);
    this.#numbers.set(runs, this.#tail);
    this.#tail += runs.length;
  }

  /** Where the first run stands that ends at `id` or later. */
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

  #get(at: number): NotedRun {
    const numbers = this.#numbers;
    return { firstId: numbers[at]!, count: numbers[at + 1]!, note: numbers[at + 2]! };
  }

  #put(at: number, firstId: number, count: number, note: number): void {
    this.#numbers[at] = firstId;
    this.#numbers[at + 1] = count;
    this.#numbers[at + 2] = note;
  }

  #insert(at: number, firstId: number, count: number, note: number): boolean {
    if (at === this.#head && at > 0) {
      this.#head -= WIDTH;
      this.#put(this.#head, firstId, count, note);
      return true;
    }
    let place = at;
    if (this.#tail === this.#numbers.length) {
      if (this.size > RUNS_MOVED_MAX) return false;
      place -= this.#head;
      this.#resize(Math.min(RUNS_MAX, this.size * 2));
    }
    this.visits += (this.#tail - place) / WIDTH;
    if (place < this.#tail) this.#numbers.copyWithin(place + WIDTH, place, this.#tail);
    this.#put(place, firstId, count, note);
    this.#tail += WIDTH;
    return true;
  }

  /** Closes a gap; what is on its shorter side moves. */
  #cut(from: number, to: number): void {
    if (from === to) return;
    const inFront = from - this.#head;
    const behind = this.#tail - to;
    this.visits += Math.min(inFront, behind) / WIDTH;
    if (inFront < behind) {
      this.#numbers.copyWithin(this.#head + to - from, this.#head, from);
      this.#head += to - from;
    } else {
      this.#numbers.copyWithin(from, to, this.#tail);
      this.#tail -= to - from;
    }
    const room = this.#numbers.length / WIDTH;
    if (this.size * 4 < room && room > RUNS_MIN * 8) this.#resize(this.size * 2);
  }

  /** Gives it room for so many runs, with the first of them in front. */
  #resize(capacity: number): void {
    const numbers = new Float64Array(Math.max(RUNS_MIN, capacity) * WIDTH);
    numbers.set(this.#numbers.subarray(this.#head, this.#tail));
    this.visits += this.size;
    this.#numbers = numbers;
    this.#tail -= this.#head;
    this.#head = 0;
  }
}
