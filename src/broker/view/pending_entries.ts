// The deliveries that followers hold, entry by entry.

import {
  BrokerError,
  type Page,
  type PendingEntry,
  type PendingEntryList,
} from "../../../protocol.ts";
import { PEL_ENTRIES_MAX } from "../../protocol/limits.ts";
import type { PelView } from "../engine.ts";
import { countPostponements } from "../failures/failure.ts";
import type { FollowerState } from "../share/follower_state.ts";
import type { PendingRun } from "../share/pending_list.ts";
import type { Share } from "../share/share.ts";

/** A page of pending entry lists ends with the follower that reaches this number of entries. */
const PAGE_ENTRIES_MAX = 2000;

/** The most followers in one page of pending entry lists. */
const PAGE_FOLLOWERS_MAX = 1000;

/** The most steps of a filter for one page. */
const PAGE_STEPS_MAX = 4096;

/** The followers to list. */
export interface PelQuestion {
  readonly name?: string | undefined;
  /** Only those with higher numbers. */
  readonly after: number;
  readonly now: number;
  /** The deliveries that are seen; all by default. */
  readonly view?: PelView | undefined;
}

/** What a view shows of streams and followers; each stream is looked up once. */
export class PelSight {
  /** The cost so far, in steps. */
  steps = 0;
  readonly #view: PelView | undefined;
  readonly #seen = new Map<Share, boolean>();

  constructor(view: PelView | undefined) {
    this.#view = view;
  }

  sees(share: Share): boolean {
    if (this.#view === undefined) return true;
    this.steps++;
    const known = this.#seen.get(share);
    if (known !== undefined) return known;
    const isSeen = this.#allows(share.store.name);
    this.#seen.set(share, isSeen);
    return isSeen;
  }

  /** The deliveries of a follower that are seen. */
  runsOf({ pending: { runs } }: FollowerState): readonly PendingRun[] {
    return this.#view === undefined ? runs : runs.filter(({ share }) => this.sees(share));
  }

  seesSome({ pending: { runs } }: FollowerState): boolean {
    return runs.some(({ share }) => this.sees(share));
  }

  /** Whether a follower without seen deliveries is seen: the user's own, or one of a seen stream. */
  seesIdle({ owner, bind: { bindType, routeString } }: FollowerState): boolean {
    if (this.#view === undefined || owner === this.#view.owner) return true;
    return bindType === "direct" && this.#allows(routeString);
  }

  #allows(stream: string): boolean {
    const { filter } = this.#view!;
    this.steps += filter.steps;
    return filter.allows(stream);
  }
}

/** Lists the deliveries of followers, follower by follower, up to the size of a page. */
export function listPels(
  followers: Iterable<FollowerState>,
  { name, after, now, view }: PelQuestion,
): Page<PendingEntryList> {
  const sight = new PelSight(view);
  const items: PendingEntryList[] = [];
  let entryCount = 0;
  let last = after;
  for (const follower of followers) {
    if (follower.number <= after || (name !== undefined && follower.name !== name)) continue;
    const isFull = items.length >= PAGE_FOLLOWERS_MAX || entryCount >= PAGE_ENTRIES_MAX;
    // The first page of one name tells whether there is such a follower.
    const isLong = sight.steps >= PAGE_STEPS_MAX && (items.length > 0 || name === undefined);
    if (isFull || isLong) return { items, next: last };
    last = follower.number;
    const runs = sight.runsOf(follower);
    if (runs.length === 0 && !sight.seesIdle(follower)) continue;
    const entries: PendingEntry[] = [];
    entryCount += addEntries(follower, runs, entries, { countMax: PEL_ENTRIES_MAX, now });
    const count = runs.reduce((sum, { count }) => sum + count, 0);
    items.push({ follower: follower.name, count, entries });
  }
  if (items.length > 0 || name === undefined || after > 0) return { items };
  throw explainMissing(name);
}

/** The followers of one name that are seen; throws if there are none. */
export function findFollowers(
  followers: Iterable<FollowerState>,
  name: string,
  sight: PelSight,
): FollowerState[] {
  const found = [...followers].filter((follower) =>
    follower.name === name && (sight.seesSome(follower) || sight.seesIdle(follower))
  );
  if (found.length > 0) return found;
  throw explainMissing(name);
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

function explainMissing(name: string): BrokerError {
  return new BrokerError(
    "FOLLOWER_NOT_FOUND",
    `Cannot find follower "${name}": no follower of that name is connected`,
  );
}

/** Adds a follower's deliveries as single entries, at most `countMax`; returns their number. */
function addEntries(
  follower: FollowerState,
  runs: readonly PendingRun[],
  entries: PendingEntry[],
  { countMax, now }: { readonly countMax: number; readonly now: number },
): number {
  let left = countMax;
  for (const run of runs) {
    const { share: { store, notes: { failures } }, firstId, count, attempts, deliveredAt } = run;
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
      const postponed = failures.size === 0 ? 0 : countPostponements(failures.get(id));
      const entry = { stream: store.name, id, attempts, ...times };
      entries.push(postponed === 0 ? entry : { ...entry, postponed });
    }
  }
  return countMax - left;
}
