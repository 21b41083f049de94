import type { BegunBatch } from "./begun_batch.ts";
import { PendingRuns } from "./pending_runs.ts";
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
  readonly #runs = new PendingRuns();
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

  /** The oldest deliveries; undefined if there are none. */
  get first(): PendingRun | undefined {
    return this.#runs.first;
  }

  get runs(): readonly PendingRun[] {
    return this.#runs.all;
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
    return this.#runs.cutOut(firstTag, count, false);
  }

  /** Takes out the pending part of a range of tags. The messages stay in their stores. */
  take(firstTag: number, count: number): PendingRun[] {
    const taken = this.#runs.cutOut(firstTag, count, true);
    for (const run of taken) this.#discount(run);
    return taken;
  }

  takeAll(): PendingRun[] {
    const taken = [...this.#runs.all];
    this.#runs.replace([]);
    this.#count = 0;
    this.#bytes = 0;
    this.#limitedCount = 0;
    for (const run of taken) if (run.share.isGuarded) run.share.noteSettled(run);
    return taken;
  }

  /** Takes out some deliveries. */
  takeOf(isTaken: (run: PendingRun) => boolean): PendingRun[] {
    const taken: PendingRun[] = [];
    const kept: PendingRun[] = [];
    for (const run of this.#runs.all) (isTaken(run) ? taken : kept).push(run);
    this.#runs.replace(kept);
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
}
