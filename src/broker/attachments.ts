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

/** The streams that a follower is to be tied to and is not yet. */
interface Rest {
  readonly streams: readonly Stream[];
  at: number;
}

/** Ties followers to streams. */
export class Attachments {
  /** How many steps it has taken, in all. */
  steps = 0;
  readonly #countMax: number;
  readonly #dispatcher: Dispatcher;
  /** What is left to do for followers of very many streams. */
  readonly #rests = new Map<Follower, Rest>();
  /** Those that there are, and those that are left to do. */
  #count = 0;

  readonly #isThere: (stream: Stream) => boolean;

  /**
   * @param countMax How many there may be.
   * @param dispatcher Hears of each.
   * @param isThere Whether a stream has not gone.
   */
  constructor(countMax: number, dispatcher: Dispatcher, isThere: (stream: Stream) => boolean) {
    this.#countMax = countMax;
    this.#dispatcher = dispatcher;
    this.#isThere = isThere;
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
    this.#count++;
    this.#tie(follower, stream);
  }

  /**
   * Ties a follower to many streams.
   *
   * @param follower The follower.
   * @param streams The streams.
   * @param countMax To how many of them at once; {@linkcode Attachments.addMore} does the rest.
   */
  addAll(follower: Follower, streams: readonly Stream[], countMax: number): void {
    this.#count += streams.length;
    this.#rests.set(follower, { streams, at: 0 });
    this.addMore(follower, countMax);
  }

  /** Ties a follower to more of the streams that are left; tells whether that was all. */
  addMore(follower: Follower, countMax: number): boolean {
    const rest = this.#rests.get(follower);
    if (rest === undefined) return true;
    const end = Math.min(rest.streams.length, rest.at + countMax);
    for (; rest.at < end; rest.at++) {
      const stream = rest.streams[rest.at]!;
      if (this.#isThere(stream)) this.#tie(follower, stream);
      else this.#count--;
    }
    if (end < rest.streams.length) return false;
    this.#rests.delete(follower);
    return true;
  }

  /** Takes a follower away from all its streams. */
  removeAll(follower: Follower): void {
    for (const attachment of follower.attachments.values()) this.remove(attachment);
    const rest = this.#rests.get(follower);
    if (rest === undefined) return;
    this.#count -= rest.streams.length - rest.at;
    this.#rests.delete(follower);
  }

  /** Takes an attachment away from both its ends. */
  remove(attachment: Attachment): void {
    attachment.line?.remove(attachment);
    attachment.follower.attachments.delete(attachment.stream);
    attachment.stream.attachments.delete(attachment);
    this.#count--;
    this.steps++;
  }

  #tie(follower: Follower, stream: Stream): void {
    const attachment = new Attachment(follower, stream);
    follower.attachments.set(stream, attachment);
    stream.attachments.add(attachment);
    this.steps += 2;
    this.#dispatcher.attach(attachment);
  }
}
