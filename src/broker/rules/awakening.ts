import type { RuleContext } from "./rule_context.ts";
import type { Returns } from "./returns.ts";
import type { Store } from "../store/store.ts";

/** Expired messages are taken out of a stream together, so many milliseconds apart. */
const EXPIRY_MS = 20;

/** Does what is due in a stream, and has it woken again when something is due next. */
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
  clock.set(stream.alarm, Math.min(share.delayed.nextAt, expireAt, forgetAt));
}
