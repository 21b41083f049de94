/**
 * Long answers, in pages.
 *
 * @module
 */

import { PEL_ENTRIES_MAX } from "../limits.ts";
import type { PendingEntry, PendingEntryList } from "./stream_info.ts";

/** Some of an answer that may be long. */
export interface Page<Item> {
  /** What there is, from where the question has said. */
  readonly items: readonly Item[];
  /** What to say as `after` to get what comes behind it; absent if there is no more. */
  readonly next?: number;
}

/**
 * Joins lists of followers of one name, and leaves entries out that are too many.
 *
 * @param lists The lists, several of them perhaps for one name.
 * @returns One list for each name, its entries in the order of delivery.
 */
export function joinLists(lists: Iterable<PendingEntryList>): PendingEntryList[] {
  const joined = new Map<string, { follower: string; count: number; entries: PendingEntry[] }>();
  let left = PEL_ENTRIES_MAX;
  for (const { follower, count, entries } of lists) {
    const list = joined.get(follower) ?? { follower, count: 0, entries: [] };
    joined.set(follower, list);
    list.count += count;
    for (const entry of entries.slice(0, left)) list.entries.push(entry);
    left = Math.max(0, left - entries.length);
  }
  // What followers of one name hold is told in the order of delivery, whoever of them holds it.
  for (const { entries } of joined.values()) {
    entries.sort((one, other) => one.deliveredAt - other.deliveredAt);
  }
  return [...joined.values()];
}
