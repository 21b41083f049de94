/**
 * An attachment ties one follower to one stream that its bind matches, and always stands in exactly
 * one line:
 *
 * - in the stream's line of *waiting* followers, when the stream had nothing for it;
 * - in the follower's line of *turns*, when the stream has messages and the follower no room.
 *
 * Moving between the two lines is the whole of the dispatcher's bookkeeping, and each move costs the
 * same however many streams and followers there are.
 *
 * @module
 */

import type { Follower } from "./follower.ts";
import type { Stream } from "../stream/stream.ts";

/** One follower at one stream. */
export class Attachment {
  /** The follower. */
  readonly follower: Follower;
  /** The stream. */
  readonly stream: Stream;
  /** The line that it stands in. */
  line: AttachmentLine | undefined;
  /** Its neighbours in that line. */
  previous: Attachment | undefined;
  next: Attachment | undefined;

  constructor(follower: Follower, stream: Stream) {
    this.follower = follower;
    this.stream = stream;
  }
}

/** A line of attachments: first come, first served; leaving it from anywhere costs the same. */
export class AttachmentLine {
  #first: Attachment | undefined;
  #last: Attachment | undefined;
  #count = 0;

  /** How many stand in it. */
  get count(): number {
    return this.#count;
  }

  /** The one whose turn it is. */
  get first(): Attachment | undefined {
    return this.#first;
  }

  /** Puts an attachment at the end, out of whatever line it stands in now. */
  append(attachment: Attachment): void {
    attachment.line?.remove(attachment);
    attachment.line = this;
    attachment.previous = this.#last;
    if (this.#last === undefined) this.#first = attachment;
    else this.#last.next = attachment;
    this.#last = attachment;
    this.#count++;
  }

  /** Takes an attachment out. */
  remove(attachment: Attachment): void {
    const { previous, next } = attachment;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    attachment.line = undefined;
    attachment.previous = undefined;
    attachment.next = undefined;
    this.#count--;
  }
}
