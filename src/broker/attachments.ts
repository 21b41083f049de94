/**
 * All attachments of followers to streams, and how many there may be.
 *
 * @module
 */

import { BrokerError } from "../../protocol.ts";
import { Attachment } from "./attachment.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Follower } from "./follower.ts";
import type { Stream } from "./stream.ts";

/** Ties followers to streams. */
export class Attachments {
  readonly #countMax: number;
  readonly #dispatcher: Dispatcher;
  #count = 0;

  /**
   * @param countMax How many there may be.
   * @param dispatcher Hears of each.
   */
  constructor(countMax: number, dispatcher: Dispatcher) {
    this.#countMax = countMax;
    this.#dispatcher = dispatcher;
  }

  /** Throws if there would be too many: patterns can make millions of few bytes. */
  check(code: "TOO_MANY_STREAMS" | "TOO_MANY_MEMBERS", count: number): void {
    if (this.#count + count <= this.#countMax) return;
    throw new BrokerError(
      code,
      `Cannot attach followers to streams ${count} more times: they are attached ` +
        `${this.#count} times, limit is ${this.#countMax}`,
    );
  }

  /** Ties a follower to a stream. */
  add(follower: Follower, stream: Stream): void {
    const attachment = new Attachment(follower, stream);
    follower.attachments.set(stream, attachment);
    stream.attachments.add(attachment);
    this.#count++;
    this.#dispatcher.attach(attachment);
  }

  /** Takes an attachment away from both its ends. */
  remove(attachment: Attachment): void {
    attachment.line?.remove(attachment);
    attachment.follower.attachments.delete(attachment.stream);
    attachment.stream.attachments.delete(attachment);
    this.#count--;
  }
}
