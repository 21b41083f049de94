import type { TagRange } from "../../../protocol.ts";
import type { BegunBatch } from "./begun_batch.ts";
import type { Share } from "./share.ts";

/** Consecutive deliveries of consecutive messages of one stream. */
export interface PendingRun {
  readonly firstTag: number;
  count: number;
  readonly share: Share;
  readonly firstId: number;
  /** How often the messages were delivered, this time included. */
  attempts: number;
  /** Undefined for the default. */
  readonly priority?: number | undefined;
  /** The number of their lane; undefined if they have none, or several. */
  readonly lane?: number | undefined;
  /** The numbers of their lanes, one for each message and 0 for none; undefined if they have the same one. */
  lanes?: readonly number[] | undefined;
  readonly deliveredAt: number;
  /** The deadline for their acknowledgement, once they are begun. */
  deadline: number;
  /** Whether a handler has them. */
  isBegun: boolean;
  /** Whether the follower must report them before a handler gets them: without a report, none has them. */
  readonly isDoubtful?: boolean | undefined;
  /** The batch in which a handler has them; undefined if it has them one by one. */
  batch?: BegunBatch | undefined;
  /** Whether they failed in a batch before, and are a batch of their own. */
  readonly isSuspect?: boolean | undefined;
  /** Whether they take up slots of the follower: see {@linkcode Gate.isLimit}. */
  isLimited?: boolean | undefined;
}

/**
 * The pending entry list: the deliveries that one follower has not acknowledged, by tag.
 *
 * Entries are kept as runs of consecutive tags, as they were delivered. An operation on a range of
 * tags cuts runs at the range's two ends and then handles whole runs. There are never more runs than
 * messages that a follower may hold.
 */
export class PendingList {
  #runs: PendingRun[] = [];
  #count = 0;
  #bytes = 0;
  #limitedCount = 0;
  #nextTag = 1;

  get count(): number {
    return this.#count;
  }

  /** The tag of the next delivery. */
  get nextTag(): number {
    return this.#nextTag;
  }

  /** The bytes of the messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many of the deliveries take up slots. */
  get limitedCount(): number {
    return this.#limitedCount;
  }

  get runs(): readonly PendingRun[] {
    return this.#runs;
  }

  /** Adds deliveries; their tags are higher than all before. */
  append(run: PendingRun, bytes: number): void {
    this.#runs.push(run);
    this.#count += run.count;
    this.#bytes += bytes;
    if (run.isLimited) this.#limitedCount += run.count;
    this.#nextTag = run.firstTag + run.count;
  }

  /** Lets deliveries take up slots from now on. */
  limit(firstTag: number, count: number): void {
    for (const run of this.find(firstTag, count)) {
      if (run.isLimited) continue;
      run.isLimited = true;
      this.#limitedCount += run.count;
    }
  }

  /** Finds the pending part of a range of tags, in whole runs. */
  find(firstTag: number, count: number): PendingRun[] {
    const from = this.#cut(firstTag);
    return this.#runs.slice(from, this.#cut(firstTag + count));
  }

  /** Takes out the pending part of a range of tags. The messages stay in their stores. */
  take(firstTag: number, count: number): PendingRun[] {
    const from = this.#cut(firstTag);
    const taken = this.#runs.splice(from, this.#cut(firstTag + count) - from);
    for (const run of taken) this.#discount(run);
    return taken;
  }

  /** Does the same as `find` for each range; one that lies in an earlier one may cut what was found there. */
  *findEach(ranges: readonly TagRange[]): Generator<PendingRun[]> {
    if (!areInOrder(ranges)) {
      for (const { firstTag, count } of ranges) yield this.find(firstTag, count);
      return;
    }
    const { parts, all } = this.#divide(ranges, true);
    this.#runs = all;
    yield* parts;
  }

  /** Does the same as `take` for each range. */
  takeEach(ranges: readonly TagRange[]): PendingRun[][] {
    if (!areInOrder(ranges)) return ranges.map((range) => this.take(range.firstTag, range.count));
    const { parts, all } = this.#divide(ranges, false);
    this.#runs = all;
    for (const runs of parts) for (const run of runs) this.#discount(run);
    return parts;
  }

  takeAll(): PendingRun[] {
    const taken = this.#runs;
    this.#runs = [];
    this.#count = 0;
    this.#bytes = 0;
    this.#limitedCount = 0;
    for (const run of taken) if (run.share.isGuarded) run.share.noteSettled(run);
    return taken;
  }

  /** Takes out the deliveries of some shares. */
  takeOf(isTaken: (share: Share) => boolean): PendingRun[] {
    const taken: PendingRun[] = [];
    const kept: PendingRun[] = [];
    for (const run of this.#runs) (isTaken(run.share) ? taken : kept).push(run);
    this.#runs = kept;
    for (const run of taken) this.#discount(run);
    return taken;
  }

  #discount(run: PendingRun): void {
    const { share, firstId, count } = run;
    this.#count -= count;
    if (run.isLimited) this.#limitedCount -= count;
    if (share.isGuarded) share.noteSettled(run);
    this.#bytes -= share.store.backlog.measure(firstId, count);
  }

  /**
   * Divides the runs at the ends of ranges, in one pass over them.
   *
   * @returns The parts in each range, and all runs, with or without these.
   */
  #divide(
    ranges: readonly TagRange[],
    isKept: boolean,
  ): { parts: PendingRun[][]; all: PendingRun[] } {
    const runs = this.#runs;
    // What lies between ranges is copied in one piece.
    const pieces: PendingRun[][] = [];
    let index = 0;
    let rest: PendingRun | undefined;
    const parts = ranges.map(({ firstTag, count }) => {
      const own: PendingRun[] = [];
      const endTag = firstTag + count;
      if (rest === undefined || rest.firstTag + rest.count <= firstTag) {
        if (rest !== undefined) pieces.push([rest]);
        const from = Math.max(index, this.#countBefore(firstTag) - 1);
        pieces.push(runs.slice(index, from));
        index = from;
        rest = runs[index++];
      }
      while (rest !== undefined && rest.firstTag < endTag) {
        const run: PendingRun = rest;
        // What a cut leaves behind it is looked at next.
        const cutAt = run.firstTag < firstTag ? firstTag : endTag;
        rest = cutAt < run.firstTag + run.count ? cutOff(run, cutAt) : runs[index++];
        if (run.firstTag >= firstTag) own.push(run);
        else pieces.push([run]);
      }
      if (isKept) pieces.push(own);
      return own;
    });
    if (rest !== undefined) pieces.push([rest], runs.slice(index));
    // `flat` takes ten times as long.
    return { parts, all: ([] as PendingRun[]).concat(...pieces) };
  }

  /** Splits the run that contains `tag`, if there is one; returns the index of the run from `tag` on. */
  #cut(tag: number): number {
    const runs = this.#runs;
    const index = this.#countBefore(tag);
    const run = runs[index - 1];
    if (run === undefined || tag >= run.firstTag + run.count) return index;
    runs.splice(index, 0, cutOff(run, tag));
    return index;
  }

  /** How many runs begin before `tag`. */
  #countBefore(tag: number): number {
    const runs = this.#runs;
    let low = 0;
    let high = runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (runs[middle]!.firstTag < tag) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** From so many ranges on, one pass over all runs takes less time than a search for each. */
const MANY_RANGES = 8;

/** Whether there are many ranges, one behind the other. */
function areInOrder(ranges: readonly TagRange[]): boolean {
  if (ranges.length < MANY_RANGES) return false;
  let endTag = 0;
  return ranges.every(({ firstTag, count }) => {
    const isBehind = firstTag >= endTag;
    endTag = firstTag + count;
    return isBehind;
  });
}

/** Ends a run before a tag; returns what is cut off. */
function cutOff(run: PendingRun, tag: number): PendingRun {
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
