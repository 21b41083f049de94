/**
 * What is due in a stream at a time, and when it is to be looked at again.
 *
 * @module
 */

import type { BrokerParts } from "./broker_parts.ts";
import type { Returns } from "./deliveries.ts";
import type { Stream } from "../stream/stream.ts";

/** Expired messages are taken out of a stream together, so many milliseconds apart. */
const EXPIRY_MS = 20;

/** Does what is due in a stream, and has it woken again when something is due next. */
export function wakeStream(
  stream: Stream,
  now: number,
  { state, dispatcher, clock, returns }: Pick<BrokerParts, "state" | "dispatcher" | "clock"> & {
    readonly returns: Returns;
  },
): void {
  if (state.router.getNumbered(stream.number) !== stream) return;
  const hasExpired = stream.expiries.nextAt <= now;
  if (hasExpired) returns.expire(stream, now);
  if (stream.releaseDue(now) || stream.isPostponed) {
    stream.isPostponed = false;
    dispatcher.noteReady(stream);
  }
  // Who delivers looks for itself: where many expire, what only has to go can go together.
  const expireAt = Math.max(stream.expiries.nextAt, hasExpired ? now + EXPIRY_MS : now);
  const { dedupIds, options: { dedupWindowMs } } = stream;
  dedupIds.prune(now, dedupWindowMs);
  const forgetAt = dedupIds.nextAt(dedupWindowMs);
  clock.set(stream.alarm, Math.min(stream.delayed.nextAt, expireAt, forgetAt));
}
