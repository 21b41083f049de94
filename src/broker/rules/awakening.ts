import type { RuleContext } from "./rule_context.ts";
import type { Returns } from "./returns.ts";
import type { Store } from "../store/store.ts";

/** The interval at which expired messages of a stream are taken out together, in milliseconds. */
const EXPIRY_MS = 20;

/** Does the work that is due in a stream, and sets its alarm for the next. */
export function wakeStream(
  { number }: Store,
  now: number,
  { state, dispatcher, clock }: RuleContext,
  returns: Returns,
): void {
  const stream = state.router.getNumbered(number);
  if (stream === undefined) return;
  const { share } = stream;
  const hasExpired = stream.expiries.nextAt <= now;
  if (hasExpired) returns.expire(share, now);
  if (share.releaseDue(now) || share.isPostponed) {
    share.isPostponed = false;
    dispatcher.noteReady(share);
  }
  // The dispatcher checks expiry itself; others may wait, so that many expire together.
  const expireAt = Math.max(stream.expiries.nextAt, hasExpired ? now + EXPIRY_MS : now);
  const { dedupIds, options: { dedupWindowMs } } = stream;
  dedupIds.prune(now, dedupWindowMs);
  const forgetAt = dedupIds.nextAt(dedupWindowMs);
  const laneAt = share.wakeLanes(now);
  clock.set(stream.alarm, Math.min(share.delayed.nextAt, expireAt, forgetAt, laneAt));
}
