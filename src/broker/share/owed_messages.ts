import type { Attachment } from "./attachment.ts";
import type { OwedRun } from "../ready/parked_messages.ts";
import type { Share } from "./share.ts";

/** How many messages are offered at first, and at most. The number doubles while all of them are taken. */
const OFFER_MIN = 16;
const OFFER_MAX = 256;

/**
 * Offers a follower the messages that wait for keys that are lent to it, as long as it takes them all. Those that
 * it does not take, for there is no room for their bytes, or a limit is reached, are parked again: never more
 * than it has taken before, and a few.
 *
 * @param deliver Delivers ready messages to it.
 */
export function offerOwed(attachment: Attachment, deliver: () => void): void {
  const { share, follower } = attachment;
  const { keys, isPaused, isPostponed, store } = share;
  if (keys === undefined || isPaused || isPostponed || store.damage !== undefined) return;
  for (let size = OFFER_MIN; follower.room > 0; size = Math.min(size * 2, OFFER_MAX)) {
    const owed = keys.takeOwed(attachment, Math.min(size, follower.room));
    if (owed.length === 0) return;
    for (const { key: _, ...run } of owed) share.ready.giveBack(run);
    deliver();
    if (parkRest(share, owed)) return;
  }
}

/** Parks those that were not delivered; returns whether there were any. */
function parkRest(share: Share, owed: readonly OwedRun[]): boolean {
  const keys = share.keys!;
  let isLeft = false;
  for (const { key, ...run } of owed) {
    if (keys.isOut(run.firstId)) continue;
    // It may have expired meanwhile.
    for (const left of share.ready.remove([run])) keys.parkAgain({ ...left, key });
    isLeft = true;
  }
  return isLeft;
}
