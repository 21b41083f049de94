// The deliveries that followers hold, entry by entry.

import {
  BrokerError,
  type Page,
  type PendingEntry,
  type PendingEntryList,
} from "../../../protocol.ts";
import { PEL_ENTRIES_MAX } from "../../protocol/limits.ts";
import type { FollowerState } from "../share/follower_state.ts";

/** A page of pending entry lists ends with the follower that reaches this number of entries. */
const PAGE_ENTRIES_MAX = 2000;

/** The most followers in one page of pending entry lists. */
const PAGE_FOLLOWERS_MAX = 1000;

/** The followers to list. */
export interface PelQuestion {
  readonly name?: string | undefined;
  /** Only those with higher numbers. */
  readonly after: number;
  readonly now: number;
}

/** Lists the deliveries of followers, follower by follower, up to the size of a page. */
export function listPels(
  followers: Iterable<FollowerState>,
  { name, after, now }: PelQuestion,
): Page<PendingEntryList> {
  const items: PendingEntryList[] = [];
  let entryCount = 0;
  let last = after;
  for (const follower of followers) {
    if (follower.number <= after || (name !== undefined && follower.name !== name)) continue;
    if (items.length >= PAGE_FOLLOWERS_MAX || entryCount >= PAGE_ENTRIES_MAX) {
      return { items, next: last };
    }
    const { pending: { count } } = follower;
    const entries: PendingEntry[] = [];
    entryCount += addEntries(follower, entries, { countMax: PEL_ENTRIES_MAX, now });
    items.push({ follower: follower.name, count, entries });
    last = follower.number;
  }
  if (items.length > 0 || name === undefined || after > 0) return { items };
  throw new BrokerError(
    "FOLLOWER_NOT_FOUND",
    `Cannot find follower "${name}": no follower of that name is connected`,
  );
}

/** All pages. */
export function* listAllPels(
  followers: Iterable<FollowerState>,
  question: Omit<PelQuestion, "after">,
): Generator<PendingEntryList> {
  for (let after: number | undefined = 0; after !== undefined;) {
    const page: Page<PendingEntryList> = listPels(followers, { ...question, after });
    yield* page.items;
    after = page.next;
  }
}

/** Adds a follower's deliveries as single entries, at most `countMax`; returns their number. */
function addEntries(
  follower: FollowerState,
  entries: PendingEntry[],
  { countMax, now }: { readonly countMax: number; readonly now: number },
): number {
  let left = countMax;
  for (const run of follower.pending.runs) {
    const { share: { store }, firstId, count, attempts, deliveredAt } = run;
    const deadline = follower.deadlineOf(run);
    const ageMs = Math.max(0, Math.round(now - deliveredAt));
    const times = {
      deliveredAt: Math.floor(store.calendar.dateOf(deliveredAt)),
      ageMs,
      deadline: Math.ceil(store.calendar.dateOf(deadline)),
    };
    for (let index = 0; index < count; index++) {
      if (left-- === 0) return countMax;
      const id = firstId + index;
      entries.push({ stream: store.name, id, attempts, ...times });
    }
  }
  return countMax - left;
}
