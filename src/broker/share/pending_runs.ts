import type { PendingRun } from "./pending_list.ts";

/** How many runs a chunk has at the most. */
const CHUNK_MAX = 128;

/** So many runs are looked at one by one before a search. */
const NEAR_MAX = 2;

/**
 * The runs of one follower, by tag, in chunks of bounded size: handlers of many keys end messages here and there, and
 * each one must not move thousands of runs.
 */
export class PendingRuns {
  #chunks: PendingRun[][] = [];
  /** The first tag of each chunk. */
  #firstTags: number[] = [];
  /** All runs in one list, until something changes. */
  #all: readonly PendingRun[] | undefined;

  get first(): PendingRun | undefined {
    return this.#chunks[0]?.[0];
  }

  get all(): readonly PendingRun[] {
    if (this.#chunks.length === 1) return this.#chunks[0]!;
    return this.#all ??= ([] as PendingRun[]).concat(...this.#chunks);
  }

  /** Adds a run; its tags are higher than all before. */
  push(run: PendingRun): void {
    this.#all = undefined;
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.length < CHUNK_MAX) last.push(run);
    else this.#addChunk(this.#chunks.length, [run]);
  }

  /** Takes all runs out, and puts others in their place. */
  replace(runs: readonly PendingRun[]): void {
    this.#chunks = [];
    this.#firstTags = [];
    this.#all = undefined;
    for (const run of runs) this.push(run);
  }

  /** Finds the part of a range of tags, in whole runs: those at its ends are cut. Perhaps takes it out. */
  cutOut(firstTag: number, count: number, isTaken: boolean): PendingRun[] {
    // A cut in the midst of a run would make a run without deliveries.
    if (count === 0) return [];
    const endTag = firstTag + count;
    const found: PendingRun[] = [];
    this.#all = undefined;
    for (let at = this.#findChunk(firstTag); at < this.#chunks.length;) {
      if (this.#firstTags[at]! >= endTag) break;
      const chunk = this.#chunks[at]!;
      if (isTaken) takeFrom(chunk, firstTag, endTag, found);
      else findIn(chunk, firstTag, endTag, found);
      at = this.#tidy(at);
    }
    return found;
  }

  /** Removes a chunk that is empty, or divides one that is too long; returns the place of the next one. */
  #tidy(at: number): number {
    const chunk = this.#chunks[at]!;
    if (chunk.length === 0) {
      this.#chunks.splice(at, 1);
      this.#firstTags.splice(at, 1);
      return at;
    }
    this.#firstTags[at] = chunk[0]!.firstTag;
    if (chunk.length <= CHUNK_MAX) return at + 1;
    this.#addChunk(at + 1, chunk.splice(chunk.length >> 1));
    return at + 2;
  }

  #addChunk(at: number, chunk: PendingRun[]): void {
    this.#chunks.splice(at, 0, chunk);
    this.#firstTags.splice(at, 0, chunk[0]!.firstTag);
  }

  /** The last chunk that begins at a tag or before it; the first one if none does. */
  #findChunk(tag: number): number {
    const firstTags = this.#firstTags;
    let low = 0;
    let high = firstTags.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (firstTags[middle]! <= tag) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Makes runs of their own of the part of a chunk that lies in a range of tags. */
function findIn(chunk: PendingRun[], firstTag: number, endTag: number, found: PendingRun[]): void {
  const from = cutAt(chunk, firstTag);
  const to = findEnd(chunk, endTag, from);
  const last = chunk[to - 1];
  if (to > from && endTag < last!.firstTag + last!.count) {
    chunk.splice(to, 0, cutRest(last!, endTag));
  }
  for (let index = from; index < to; index++) found.push(chunk[index]!);
}

/** Takes out the part of a chunk that lies in a range of tags. */
function takeFrom(
  chunk: PendingRun[],
  firstTag: number,
  endTag: number,
  taken: PendingRun[],
): void {
  let from = findRun(chunk, firstTag, 0);
  const run = chunk[from - 1];
  if (run !== undefined && firstTag < run.firstTag + run.count) {
    const part = cutRest(run, firstTag);
    // Most often it ends here, too: the list moves once, if at all.
    if (endTag < firstTag + part.count) chunk.splice(from, 0, cutRest(part, endTag));
    taken.push(part);
  }
  const to = findEnd(chunk, endTag, from);
  if (to === from) return;
  const last = chunk[to - 1]!;
  for (let index = from; index < to; index++) taken.push(chunk[index]!);
  if (endTag < last.firstTag + last.count) chunk[from++] = cutRest(last, endTag);
  if (to > from) chunk.splice(from, to - from);
}

/** Splits the run of a chunk that contains `tag`, if there is one; returns the index of the run from `tag` on. */
function cutAt(chunk: PendingRun[], tag: number): number {
  const index = findRun(chunk, tag, 0);
  const run = chunk[index - 1];
  if (run !== undefined && tag < run.firstTag + run.count) {
    chunk.splice(index, 0, cutRest(run, tag));
  }
  return index;
}

/** The index of the first run of a chunk that begins at `tag` or behind it, from an index on. */
function findRun(chunk: PendingRun[], tag: number, from: number): number {
  let low = from;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (chunk[middle]!.firstTag < tag) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** As {@linkcode findRun}, for an end that is near: most ranges have one run. */
function findEnd(chunk: PendingRun[], tag: number, from: number): number {
  let near = from;
  while (near < chunk.length && chunk[near]!.firstTag < tag) {
    if (++near > from + NEAR_MAX) return findRun(chunk, tag, near);
  }
  return near;
}

/** Leaves in a run what lies in front of `tag`; returns the rest. */
function cutRest(run: PendingRun, tag: number): PendingRun {
  const head = tag - run.firstTag;
  const rest = {
    ...run,
    firstTag: tag,
    firstId: run.firstId + head,
    count: run.count - head,
    lanes: run.lanes?.slice(head),
  };
  run.count = head;
  run.lanes = run.lanes?.slice(0, head);
  return rest;
}
