/**
 * Which messages of one priority wait to be taken, in the order of their ids.
 *
 * Fresh messages, never delivered, are one run mostly: there are more where messages in between are
 * held back, or have another priority. What came back, or was held back, is put where its ids belong,
 * and leaves together with its neighbours if those were delivered equally often.
 *
 * @module
 */

import type { IdRange } from "../collections/id_ranges.ts";
import { type NotedRun, RunList } from "../collections/run_list.ts";

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

/** The ready messages of one stream that have the same priority. */
export class ReadyList {
  /** The notes are attempts. */
  readonly #runs = new RunList();
  /** How many messages were delivered before. */
  #returnedCount = 0;

  /** How many messages are ready. */
  get count(): number {
    return this.#runs.count;
  }

  /** How many runs were ever looked at or moved: what it all costs. */
  get visits(): number {
    return this.#runs.visits;
  }

  /** The runs that were delivered before, among those that have some of the ids of a range. */
  listReturned(fromId?: number, toId?: number): ReadyRun[] {
    if (this.#returnedCount === 0) return [];
    return this.#runs.list(fromId, toId).filter(({ note }) => note > 0).map(asReady);
  }

  /** The runs that have some of the ids of a range. */
  list(fromId?: number, toId?: number): IdRange[] {
    return this.#runs.list(fromId, toId);
  }

  /** Adds messages that were never delivered, mostly behind all others. */
  append(firstId: number, count: number): void {
    this.#runs.add(firstId, count);
  }

  /** Adds messages that came back, in their old place. */
  giveBack({ firstId, count, attempts }: ReadyRun): void {
    if (attempts > 0) this.#returnedCount += count;
    this.#runs.add(firstId, count, attempts);
  }

  /**
   * Takes messages out, wherever they stand.
   *
   * @param ranges Which, joined.
   * @returns What of them was here.
   */
  remove(ranges: readonly IdRange[]): ReadyRun[] {
    const removed = this.#runs.remove(ranges);
    if (this.#returnedCount > 0) {
      for (const { count, note } of removed) if (note > 0) this.#returnedCount -= count;
    }
    return removed.map(asReady);
  }

  /** Takes everything out. */
  removeAll(): ReadyRun[] {
    this.#returnedCount = 0;
    return this.#runs.removeAll().map(asReady);
  }

  /** The first messages to go, or `undefined` if none is ready. */
  peek(): ReadyRun | undefined {
    const runs = this.#runs;
    if (runs.count === 0) return undefined;
    runs.joinFirst();
    return { firstId: runs.firstId, count: runs.firstCount, attempts: runs.firstNote };
  }

  /** Takes the first `count` messages out: not more than the first run has. */
  take(count: number): void {
    if (this.#returnedCount > 0 && this.#runs.firstNote > 0) this.#returnedCount -= count;
    this.#runs.take(count);
  }
}

function asReady({ firstId, count, note }: NotedRun): ReadyRun {
  return { firstId, count, attempts: note };
}
