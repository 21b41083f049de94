import { PEL_ENTRIES_MAX } from "../limits.ts";

/** A delivery that is not acknowledged yet: one entry of a pending entry list. */
export interface PendingEntry {
  /** The stream that the message is in. */
  readonly stream: string;
  /** The message's id in that stream. */
  readonly id: number;
  /** The number of its deliveries, this one included. */
  readonly attempts: number;
  /** When it was delivered, in milliseconds since 1970. */
  readonly deliveredAt: number;
  /** How long ago that was, in milliseconds, by the broker's clock. */
  readonly ageMs: number;
  /** When it is taken back unless it is acknowledged or extended, in milliseconds since 1970. */
  readonly deadline: number;
}

/** The entries that the followers of one name hold. */
export interface PendingEntryList {
  /** The followers' name. */
  readonly follower: string;
  /** The number of messages they hold. */
  readonly count: number;
  /** The messages, in the order of delivery; at most 50,000 in one answer. */
  readonly entries: readonly PendingEntry[];
}

/**
 * Joins lists into one list for each name. Entries beyond the limit are left out.
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
  // Entries of followers with one name are listed in the order of delivery.
  for (const { entries } of joined.values()) {
    entries.sort((one, other) => one.deliveredAt - other.deliveredAt);
  }
  return [...joined.values()];
}
