// The queues in which followers wait for messages of a share, or for room of their own.

import type { Attachment } from "./attachment.ts";
import type { FollowerState } from "./follower_state.ts";
import type { Share } from "./share.ts";

/** Whether there may be something for a follower that has room. */
export function isAsking({ turns, owing }: FollowerState): boolean {
  return turns.count > 0 || owing.size > 0;
}

/** Moves an attachment to the end of the queue that it belongs to now. */
export function enqueue(attachment: Attachment): void {
  const { share, follower } = attachment;
  if (!canDeliver(share)) share.waiting.append(attachment);
  else if (follower.slotRoom === 0 && share.needsSlots) follower.stalled.append(attachment);
  else if (follower.room === 0) follower.turns.append(attachment);
  else attachment.queue!.append(attachment);
}

/** Has a follower take part again in shares that it had no slots for. */
export function resumeStalled(follower: FollowerState): void {
  if (follower.slotRoom === 0) return;
  for (let first = follower.stalled.first; first; first = follower.stalled.first) {
    follower.turns.append(first);
  }
}

/** Has the followers take part again that had no slots for a share, which has other messages now. */
export function resumeStalledOf(share: Share): void {
  for (const attachment of share.attachments) {
    if (attachment.queue === attachment.follower.stalled) share.waiting.append(attachment);
  }
}

/** Whether a share has something that may be delivered now. */
export function canDeliver({ ready, isPaused, isPostponed, store }: Share): boolean {
  return ready.hasNext && !isPaused && !isPostponed && store.damage === undefined;
}
