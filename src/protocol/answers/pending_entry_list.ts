import { PEL_ENTRIES_MAX } from "../limits.ts";

/** A delivery that is not acknowledged yet: one entry of a pending entry list. */
export interface PendingEntry {
  /** The stream that the message is in. */
  readonly stream: string;
  /** The message's id in that stream. */
  readonly id: number;
  /** The number of its deliveries, this one included. */
  readonly attempts: number;
  /** How often it was postponed before; absent if it never was. */
  readonly postponed?: number;
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
  const joined: { follower: string; count: number; entries: PendingEntry[]; index: number }[] = [];
  let left = PEL_ENTRIES_MAX;
  const shortened = [...lists].map((list, index) => {
    const entries = list.entries.slice(0, left);
    left -= entries.length;
    return { ...list, entries, index };
  });
  // Names come from clients, which could choose some that collide in a map.
  for (const { follower, count, entries, index } of shortened.sort(byFollower)) {
    const last = joined.at(-1);
    if (last?.follower !== follower) joined.push({ follower, count, entries, index });
    else {
      last.count += count;
      for (const entry of entries) last.entries.push(entry);
    }
  }
  // Entries of followers with one name are listed in the order of delivery.
  for (const { entries } of joined) entries.sort((one, two) => one.deliveredAt - two.deliveredAt);
  return joined.sort((one, other) => one.index - other.index)
    .map(({ follower, count, entries }) => ({ follower, count, entries }));
}

function byFollower({ follower: one }: PendingEntryList, { follower: two }: PendingEntryList) {
  return one < two ? -1 : one > two ? 1 : 0;
}
