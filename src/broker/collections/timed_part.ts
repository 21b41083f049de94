/** The most runs of a part. */
export const RUNS_MAX = 256;

/** Numbers of one run: its time, its first id, how many ids it has, its traits. */
const WIDTH = 4;

/** Consecutive ids with a time. */
export interface PackedRun {
  readonly at: number;
  readonly firstId: number;
  readonly count: number;
  /** A whole number, below 2^53. */
  readonly traits: number;
}

/** Some runs whose ids are near each other, as a heap by time in one array of numbers: 32 bytes each. */
export class TimedPart {
  /** No run here has a smaller id. */
  firstId: number;
  /** No id here is as large. */
  endId = 0;
  /** Where it stands among the parts by time. */
  place = 0;
  /** How many runs were looked at or moved. */
  visits = 0;
  #numbers: number[] = [];

  constructor(firstId: number) {
    this.firstId = firstId;
  }

  get size(): number {
    return this.#numbers.length / WIDTH;
  }

  /** The earliest time; there must be a run. */
  get nextAt(): number {
    return this.#numbers[0]!;
  }

  /** The first id of that run. */
  get nextId(): number {
    return this.#numbers[1]!;
  }

  /** Adds a run; there must be room. */
  add({ at, firstId, count, traits }: PackedRun): void {
    const numbers = this.#numbers;
    this.firstId = Math.min(this.firstId, firstId);
    this.endId = Math.max(this.endId, firstId + count);
    const index = this.size;
    numbers.push(at, firstId, count, traits);
    const place = this.#openAbove(index, at, firstId);
    if (place !== index) this.#put(place, at, firstId, count, traits);
    // Most parts stay full for long: room for growth would be a third of all.
    if (this.size === RUNS_MAX) this.#numbers = numbers.slice();
  }

  /** Takes the earliest run out; there must be one. */
  takeFirst(): PackedRun {
    return this.#takeOut(0);
  }

  /** Takes out the runs that overlap the ids from `fromId` to below `toId`. */
  takeTouched(fromId: number, toId: number): PackedRun[] {
    const touched = this.#findTouched(fromId, toId);
    if (touched.length === 1) return [this.#takeOut(touched[0]!)];
    if (touched.length === 0) return [];
    const isTaken = new Set(touched);
    const all = this.list();
    this.#numbers = [];
    all.forEach((run, index) => isTaken.has(index) || this.add(run));
    return touched.map((index) => all[index]!);
  }

  /** The runs that overlap the ids from `fromId` to below `toId`, in no order. */
  list(fromId: number = 0, toId: number = Infinity): PackedRun[] {
    return this.#findTouched(fromId, toId).map((index) => this.#get(index));
  }

  /** The run with the smallest ids; there must be one. */
  findOldest(): PackedRun {
    const numbers = this.#numbers;
    this.visits += this.size;
    let oldest = 0;
    for (let at = WIDTH; at < numbers.length; at += WIDTH) {
      if (numbers[at + 1]! < numbers[oldest + 1]!) oldest = at;
    }
    return this.#get(oldest / WIDTH);
  }

  /** Takes the half with the larger ids out, into a part of its own. */
  split(): TimedPart {
    const runs = this.list().sort((one, other) => one.firstId - other.firstId);
    const upper = runs.splice(runs.length >>> 1);
    this.#numbers = [];
    this.endId = 0;
    for (const run of runs) this.add(run);
    const next = new TimedPart(upper[0]!.firstId);
    for (const run of upper) next.add(run);
    return next;
  }

  /** Adds all runs of the part behind it. */
  append(next: TimedPart): void {
    for (const run of next.list()) this.add(run);
    this.visits += next.visits;
  }

  #findTouched(fromId: number, toId: number): number[] {
    const numbers = this.#numbers;
    const touched: number[] = [];
    this.visits += this.size;
    for (let at = 0; at < numbers.length; at += WIDTH) {
      const firstId = numbers[at + 1]!;
      if (firstId < toId && firstId + numbers[at + 2]! > fromId) touched.push(at / WIDTH);
    }
    return touched;
  }

  #takeOut(index: number): PackedRun {
    const taken = this.#get(index);
    const numbers = this.#numbers;
    const traits = numbers.pop()!;
    const count = numbers.pop()!;
    const firstId = numbers.pop()!;
    const at = numbers.pop()!;
    if (index === this.size) return taken;
    const upper = this.#openAbove(index, at, firstId);
    const place = upper === index ? this.#openBelow(index, at, firstId) : upper;
    this.#put(place, at, firstId, count, traits);
    return taken;
  }

  /** Moves runs down that come after another one, from an open place on; returns the place that is open then. */
  #openAbove(from: number, at: number, firstId: number): number {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      this.visits++;
      if (!this.#isBefore(at, firstId, parent)) break;
      this.#move(parent, index);
      index = parent;
    }
    return index;
  }

  /** Moves runs up that come before another one, from an open place on; returns the place that is open then. */
  #openBelow(from: number, at: number, firstId: number): number {
    const { size } = this;
    let index = from;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= size) break;
      this.visits++;
      if (child + 1 < size && this.#isChildBefore(child + 1, child)) child++;
      if (this.#isBefore(at, firstId, child)) break;
      this.#move(child, index);
      index = child;
    }
    return index;
  }

  #isChildBefore(index: number, other: number): boolean {
    return this.#isBefore(this.#numbers[index * WIDTH]!, this.#numbers[index * WIDTH + 1]!, other);
  }

  #isBefore(at: number, firstId: number, index: number): boolean {
    const other = this.#numbers[index * WIDTH]!;
    return at < other || (at === other && firstId < this.#numbers[index * WIDTH + 1]!);
  }

  #get(index: number): PackedRun {
    const numbers = this.#numbers;
    const at = index * WIDTH;
    return {
      at: numbers[at]!,
      firstId: numbers[at + 1]!,
      count: numbers[at + 2]!,
      traits: numbers[at + 3]!,
    };
  }

  #put(index: number, at: number, firstId: number, count: number, traits: number): void {
    const numbers = this.#numbers;
    numbers[index * WIDTH] = at;
    numbers[index * WIDTH + 1] = firstId;
    numbers[index * WIDTH + 2] = count;
    numbers[index * WIDTH + 3] = traits;
  }

  #move(from: number, to: number): void {
    const numbers = this.#numbers;
    numbers[to * WIDTH] = numbers[from * WIDTH]!;
    numbers[to * WIDTH + 1] = numbers[from * WIDTH + 1]!;
    numbers[to * WIDTH + 2] = numbers[from * WIDTH + 2]!;
    numbers[to * WIDTH + 3] = numbers[from * WIDTH + 3]!;
  }
}
