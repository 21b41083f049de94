/**
 * What followers hold, told entry by entry.
 *
 * @module
 */

import {
  BrokerError,
  PEL_ENTRIES_MAX,
  type PendingEntry,
  type PendingEntryList,
} from "../../protocol.ts";
import type { Follower } from "./follower.ts";
import type { PendingRun } from "./pending_list.ts";

/** Tells what followers hold, by the followers' names. */
export function listByFollower(followers: Iterable<Follower>, now: number): PendingEntryList[] {
  const lists = new Map<string, { follower: string; count: number; entries: PendingEntry[] }>();
  let left = PEL_ENTRIES_MAX;
  for (const { name, pending } of followers) {
    const list = lists.get(name) ?? { follower: name, count: 0, entries: [] };
    lists.set(name, list);
    list.count += pending.count;
    left -= addEntries(pending.runs, list.entries, { countMax: left, now });
  }
  for (const { entries } of lists.values()) entries.sort(byDelivery);
  return [...lists.values()];
}

/** Tells what the followers of one name hold. */
export function listOfFollower(
  followers: Iterable<Follower>,
  name: string,
  now: number,
): PendingEntry[] {
  const entries: PendingEntry[] = [];
  let isKnown = false;
  for (const follower of followers) {
    if (follower.name !== name) continue;
    isKnown = true;
    const countMax = PEL_ENTRIES_MAX - entries.length;
    addEntries(follower.pending.runs, entries, { countMax, now });
  }
  if (isKnown) return entries.sort(byDelivery);
  throw new BrokerError(
    "FOLLOWER_NOT_FOUND",
    `Cannot find follower "${name}": none of that name is connected`,
  );
}

/** What followers of one name hold is told in the order of delivery, whoever of them holds it. */
function byDelivery(one: PendingEntry, other: PendingEntry): number {
  return one.deliveredAt - other.deliveredAt;
}

/** Writes runs down as single entries, `countMax` at most; returns how many. */
function addEntries(
  runs: readonly PendingRun[],
  entries: PendingEntry[],
  { countMax, now }: { readonly countMax: number; readonly now: number },
): number {
  let left = countMax;
  for (const { stream, firstId, count, attempts, deliveredAt, deadline } of runs) {
    const ageMs = Math.max(0, Math.round(now - deliveredAt));
    const times = { deliveredAt: Math.floor(deliveredAt), ageMs, deadline: Math.ceil(deadline) };
    for (let index = 0; index < count; index++) {
      if (left-- === 0) return countMax;
      const id = firstId + index;
      entries.push({ stream: stream.name, id, attempts, ...times });
    }
  }
  return countMax - left;
}
