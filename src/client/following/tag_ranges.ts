/**
 * Tags, collected as ranges: what is acknowledged in order takes up one range.
 *
 * @module
 */

import type { TagRange } from "../../../protocol.ts";

/** Ranges of tags that wait to be sent. */
export class TagRanges {
  #ranges: { firstTag: number; count: number }[] = [];

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** Adds consecutive tags; tells whether they are the first. */
  add(firstTag: number, count = 1): boolean {
    const last = this.#ranges.at(-1);
    if (last !== undefined && last.firstTag + last.count === firstTag) last.count += count;
    else return this.#ranges.push({ firstTag, count }) === 1;
    return false;
  }

  /** Takes all of them. */
  take(): TagRange[] {
    const taken = this.#ranges;
    this.#ranges = [];
    return taken;
  }

  /** Forgets all of them. */
  clear(): void {
    this.#ranges = [];
  }
}
