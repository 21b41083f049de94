import type { RuleContext } from "./rule_context.ts";
import type { Returns } from "./returns.ts";
import type { Store } from "../store/store.ts";

/** The interval at which expired messages of a stream are taken out together, in milliseconds. */
const EXPIRY_MS = 20;

/** Work that is left for the next turn waits so long, in milliseconds. */
const TURN_MS = 1;

/** Does the work that is due in a stream, as much as there is time for, and sets its alarm for the next. */
export function wakeStream(
  { number }: Store,
  now: number,
  context: RuleContext,
  returns: Returns,
): void {
  const { dispatcher, clock, turns } = context;
  const stream = context.state.router.getNumbered(number);
  if (stream === undefined) return;
  const { share } = stream;
  const hasExpired = stream.expiries.nextAt <= now;
  if (hasExpired) returns.expire(share, now);
  const areLeft = stream.expiries.nextAt <= now;
  const readyBefore = share.ready.count;
  turns.spend((size) => share.releaseDue(now, size) ? "more" : "done");
  if (share.ready.count > readyBefore || share.isPostponed) {
    // As long as not all that has expired is gone, nothing is delivered.
    if (!areLeft) share.isPostponed = false;
    dispatcher.noteReady(share);
  }
  // The dispatcher checks expiry itself; others may wait, so that many expire together.
  const expireAt = Math.max(stream.expiries.nextAt, hasExpired && !areLeft ? now + EXPIRY_MS : now);
  const { dedupIds, options: { dedupWindowMs } } = stream;
  turns.spend((size) => dedupIds.prune(now, dedupWindowMs, size) ? "done" : "more");
  const forgetAt = dedupIds.nextAt(dedupWindowMs);
  const laneAt = share.wakeLanes(now);
  const nextAt = Math.min(share.delayed.nextAt, expireAt, forgetAt);
  // By the time that it is now: the streams for which this turn had no time come first in the next one.
  clock.set(stream.alarm, Math.min(Math.max(context.now() + TURN_MS, nextAt), laneAt));
}
