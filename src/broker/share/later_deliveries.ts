import { joinRanges } from "../collections/id_ranges.ts";
import type { FollowerState } from "./follower_state.ts";
import type { PendingRun } from "./pending_list.ts";
import { findTags } from "./pending_ranges.ts";

/**
 * Takes deliveries that no handler has from a follower, if earlier ones of the same keys come back: they must
 * not be handed out before those.
 *
 * @param runs The ones that come back; the follower does not hold them any more.
 * @returns The others, by tag.
 */
export function takeLater(follower: FollowerState, runs: readonly PendingRun[]): PendingRun[] {
  if (!follower.ordersKeys) return [];
  const { pending } = follower;
  const taken: PendingRun[] = [];
  for (const run of runs) {
    const { share } = run;
    const later = share.keys?.findLater(run) ?? [];
    if (later.length === 0) continue;
    const ids = joinRanges(later.map((firstId) => ({ firstId, count: 1 })));
    for (const held of [...pending.runs]) {
      if (held.share !== share || held.isBegun) continue;
      for (const { firstTag, count } of findTags(held, ids)) {
        taken.push(...pending.take(firstTag, count));
      }
    }
  }
  return taken.sort((one, other) => one.firstTag - other.firstTag);
}
