import type { Borrower } from "../ready/borrower.ts";
import { NumberLine } from "../tables/number_line.ts";
import type { FollowerState } from "./follower_state.ts";
import type { Share } from "./share.ts";

/** How many of those that wait are looked at: the first ones wait for messages, and not only for room. */
const RIVALS_MAX = 4;

/**
 * One follower at one share of a stream that its bind matches. It always stands in exactly one queue:
 *
 * - among the share's *waiting* followers, when the share had nothing for it;
 * - among the follower's *turns*, when the share has messages and the follower no room;
 * - among the follower's *stalled* ones, when it has no slots for the share's messages.
 *
 * Moving between the queues is all of the dispatcher's bookkeeping; a move costs the same for any
 * number of streams and followers.
 */
export class Attachment implements Borrower {
  readonly follower: FollowerState;
  readonly share: Share;
  queue: AttachmentQueue | undefined;
  previous: Attachment | undefined;
  next: Attachment | undefined;
  owed: NumberLine | undefined = undefined;

  constructor(follower: FollowerState, share: Share) {
    this.follower = follower;
    this.share = share;
  }

  get ordersKeys(): boolean {
    return this.follower.ordersKeys;
  }

  /** A part of what it may hold for each message that it works on: others find room beside a busy key. */
  get keyRoom(): number {
    const { credit, slots } = this.follower;
    return Math.max(1, Math.floor(credit.messages / slots));
  }

  get hasRivals(): boolean {
    let other = this.share.waiting.first;
    for (let left = RIVALS_MAX; other !== undefined && left > 0; other = other.next, left--) {
      if (other !== this && other.follower.room > 0) return true;
    }
    return false;
  }

  owe(key: number): void {
    (this.owed ??= new NumberLine()).add(key);
    this.follower.owing.add(this);
  }
}

/** A queue of attachments: first in, first out; removing any of them costs the same. */
export class AttachmentQueue {
  #first: Attachment | undefined;
  #last: Attachment | undefined;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get first(): Attachment | undefined {
    return this.#first;
  }

  /** Moves an attachment from its present queue to the end of this one. */
  append(attachment: Attachment): void {
    attachment.queue?.remove(attachment);
    attachment.queue = this;
    attachment.previous = this.#last;
    if (this.#last === undefined) this.#first = attachment;
    else this.#last.next = attachment;
    this.#last = attachment;
    this.#count++;
  }

  remove(attachment: Attachment): void {
    const { previous, next } = attachment;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    attachment.queue = undefined;
    attachment.previous = undefined;
    attachment.next = undefined;
    this.#count--;
  }
}

/** The attachments of a follower to shares whose messages it has no slots for: the shares count them. */
export class StalledQueue extends AttachmentQueue {
  override append(attachment: Attachment): void {
    super.append(attachment);
    attachment.share.stalledCount++;
  }

  override remove(attachment: Attachment): void {
    super.remove(attachment);
    attachment.share.stalledCount--;
  }
}
