import { type IdRange, RangeCursor } from "../collections/id_ranges.ts";

/** Numbers of one run: its first id, how many ids it has, its time, its traits. */
const WIDTH = 4;

/** The runs of a full chunk; the only chunk of a short list is smaller. */
const CHUNK_RUNS = 4096;
const CHUNK_RUNS_MIN = 4;

/** Calls back for a run. */
export type RunVisitor = (firstId: number, count: number, at: number, traits: number) => void;

/**
 * Runs of ids, each with a time and traits, in the order in which they came: they are only added, and looked at
 * once in the end. 32 bytes each and no objects, in chunks, which are let go one by one.
 */
export class GatheredRuns {
  #chunks: Float64Array<ArrayBuffer>[] = [];
  #size = 0;
  /** Whether they came by id. */
  #isSorted = true;
  #lastId = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a run, or joins it to the last one. */
  add(firstId: number, count: number, at: number, traits: number): void {
    let chunk = this.#chunks.at(-1);
    let end = this.#lastEnd;
    if (chunk !== undefined) {
      const last = end - WIDTH;
      const goesOn = chunk[last]! + chunk[last + 1]! === firstId && chunk[last + 2] === at &&
        chunk[last + 3] === traits;
      if (goesOn) {
        chunk[last + 1]! += count;
        return;
      }
    }
    if (chunk === undefined || end === chunk.length) {
      chunk = this.#grow(chunk);
      end = this.#lastEnd;
    }
    chunk[end] = firstId;
    chunk[end + 1] = count;
    chunk[end + 2] = at;
    chunk[end + 3] = traits;
    this.#size++;
    if (firstId < this.#lastId) this.#isSorted = false;
    this.#lastId = firstId;
  }

  /** Visits all runs in their order. */
  visit(visit: RunVisitor): void {
    for (let index = 0; index < this.#size; index++) {
      const [firstId, count] = [this.#number(index, 0), this.#number(index, 1)];
      visit(firstId, count, this.#number(index, 2), this.#number(index, 3));
    }
  }

  /** Visits all runs in their order, and lets them go. */
  *takeAll(visit: RunVisitor): Generator<void> {
    const chunks = this.#chunks.reverse();
    let left = this.#size;
    this.#clear();
    for (let chunk = chunks.pop(); chunk !== undefined; chunk = chunks.pop()) {
      const end = Math.min(left * WIDTH, chunk.length);
      for (let at = 0; at < end; at += WIDTH) {
        visit(chunk[at]!, chunk[at + 1]!, chunk[at + 2]!, chunk[at + 3]!);
      }
      left -= end / WIDTH;
      // At once: the collector would come for it much later.
      chunk.buffer.transfer(0);
      yield;
    }
  }

  /** Keeps those parts of runs that are among others, which are joined. */
  keep(wanted: readonly IdRange[]): void {
    const cursor = new RangeCursor(wanted);
    const steps = this.takeAll((firstId, count, at, traits) => {
      cursor.cut(firstId, count, (from, length) => this.add(from, length, at, traits));
    });
    while (!steps.next().done);
  }

  /** Sorts them by id; those with the same first id stay in their order. */
  sort(): void {
    if (this.#isSorted) return;
    const size = this.#size;
    const firstIds = new Float64Array(size);
    const order = new Uint32Array(size);
    for (let index = 0; index < size; index++) {
      order[index] = index;
      firstIds[index] = this.#number(index, 0);
    }
    order.sort((one, other) => firstIds[one]! - firstIds[other]! || one - other);
    const sorted = new GatheredRuns();
    for (const index of order) {
      const [firstId, count] = [firstIds[index]!, this.#number(index, 1)];
      sorted.add(firstId, count, this.#number(index, 2), this.#number(index, 3));
    }
    this.#chunks = sorted.#chunks;
    this.#size = sorted.#size;
    this.#isSorted = true;
    this.#lastId = sorted.#lastId;
  }

  /** One of the numbers of a run. */
  #number(index: number, which: number): number {
    const chunk = this.#chunks[Math.floor(index / CHUNK_RUNS)]!;
    return chunk[index % CHUNK_RUNS * WIDTH + which]!;
  }

  /** The first id of a run; `Infinity` behind the last one. */
  firstIdOf(index: number): number {
    return index < this.#size ? this.#number(index, 0) : Infinity;
  }

  /** The id behind a run. */
  endIdOf(index: number): number {
    return this.#number(index, 0) + this.#number(index, 1);
  }

  atOf(index: number): number {
    return this.#number(index, 2);
  }

  traitsOf(index: number): number {
    return this.#number(index, 3);
  }

  /** Where the next run goes in the last chunk. */
  get #lastEnd(): number {
    return (this.#size - (this.#chunks.length - 1) * CHUNK_RUNS) * WIDTH;
  }

  #grow(last: Float64Array<ArrayBuffer> | undefined): Float64Array<ArrayBuffer> {
    const isFull = last === undefined || last.length === CHUNK_RUNS * WIDTH;
    const isFirst = this.#chunks.length === 0;
    if (isFull) {
      const grown = new Float64Array((isFirst ? CHUNK_RUNS_MIN : CHUNK_RUNS) * WIDTH);
      this.#chunks.push(grown);
      return grown;
    }
    const grown = new Float64Array(last.length * 2);
    grown.set(last);
    this.#chunks[this.#chunks.length - 1] = grown;
    return grown;
  }

  #clear(): void {
    this.#chunks = [];
    this.#size = 0;
    this.#isSorted = true;
    this.#lastId = 0;
  }
}

/** Looks runs up by ascending ids; of runs that overlap, the first one counts. */
export class GatheredCursor {
  readonly #runs: GatheredRuns;
  #index = 0;
  /** Whether the last id that was looked up is in a run. */
  isHere = false;

  /** @param runs What is looked up in, sorted; undefined if there is nothing. */
  constructor(runs: GatheredRuns = new GatheredRuns()) {
    runs.sort();
    this.#runs = runs;
  }

  /** Looks an id up; returns the id up to which the answer is the same. */
  seek(id: number): number {
    const runs = this.#runs;
    while (this.#index < runs.size && runs.endIdOf(this.#index) <= id) this.#index++;
    const firstId = runs.firstIdOf(this.#index);
    this.isHere = firstId <= id;
    return this.isHere ? runs.endIdOf(this.#index) : firstId;
  }

  /** The time of the run. */
  get at(): number {
    return this.#runs.atOf(this.#index);
  }

  /** The traits of the run; undefined if there is none. */
  get traits(): number | undefined {
    return this.isHere ? this.#runs.traitsOf(this.#index) : undefined;
  }
}
