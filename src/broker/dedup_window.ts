/**
 * The message ids that a stream has seen lately, so that a message that is sent again, by whomever,
 * is stored once. Bounded by time and by count; the oldest are forgotten first.
 *
 * @module
 */

import { DEDUP_COUNT_MAX } from "../../protocol.ts";

/** A message that was stored under a message id, or is about to be. */
export interface RememberedMessage {
  /** Its id in the stream. */
  readonly id: number;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
  /** Whether it is durable. */
  isStored: boolean;
}

/** A message id that is remembered, as a snapshot has it. */
export interface MessageIdSnapshot {
  /** The message id. */
  readonly messageId: string;
  /** The id of the message in its stream. */
  readonly id: number;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
}

/** The message ids of one stream. */
export class DedupWindow {
  readonly #messages = new Map<string, RememberedMessage>();
  readonly #countMax: number;

  /**
   * Creates a window without message ids.
   *
   * @param countMax How many are remembered.
   */
  constructor(countMax: number = DEDUP_COUNT_MAX) {
    this.#countMax = countMax;
  }

  /** How many message ids are remembered. */
  get size(): number {
    return this.#messages.size;
  }

  /** The message that came under a message id within the window, if there was one. */
  find(messageId: string, now: number, windowMs: number): RememberedMessage | undefined {
    const message = this.#messages.get(messageId);
    return message !== undefined && message.at + windowMs > now ? message : undefined;
  }

  /** Remembers a message, and forgets those that are too old or too many. */
  add(messageId: string, message: RememberedMessage, windowMs: number): void {
    // Those that came last stand at the end, also if their message id was used before.
    this.#messages.delete(messageId);
    this.#messages.set(messageId, message);
    for (const [oldest, { at }] of this.#messages) {
      const isOld = at + windowMs <= message.at;
      if (!isOld && this.#messages.size <= this.#countMax) break;
      this.#messages.delete(oldest);
    }
  }

  /** Forgets a message that was not stored after all. */
  delete(messageId: string, id: number): void {
    if (this.#messages.get(messageId)?.id === id) this.#messages.delete(messageId);
  }

  /** Tells which message ids there are whose messages are durable. */
  takeSnapshot(): MessageIdSnapshot[] {
    const snapshot: MessageIdSnapshot[] = [];
    for (const [messageId, { id, at, isStored }] of this.#messages) {
      if (isStored) snapshot.push({ messageId, id, at });
    }
    return snapshot;
  }
}
