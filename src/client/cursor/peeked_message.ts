import type { DeadLetter, MessageState, PeekedMessages } from "../../../protocol.ts";
import { findEntries } from "../../protocol/messages/batch.ts";
import { readEntryPriority } from "../../protocol/messages/entry.ts";
import { readProperties } from "../../protocol/messages/properties.ts";
import { bodyOf, bytesOf, headersOf } from "../member/entry_content.ts";

/**
 * A message as it is in its stream at one moment. Looking at it changes nothing.
 *
 * @typeParam Body The type of the body; it is not checked.
 */
export interface PeekedMessage<Body = unknown> {
  /** The message's number in its stream: 1, 2, 3 … */
  readonly id: number;
  /** The stream. */
  readonly stream: string;
  /** The body: a string, bytes or a JSON value, as it was sent. */
  readonly body: Body;
  /** The body's bytes. */
  readonly bytes: Uint8Array;
  /** The headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** `ready` to be delivered, `delayed`, or `pending` at a follower. */
  readonly state: MessageState;
  /** How many times the message has been delivered, the delivery under way included. */
  readonly attempts: number;
  /** Delayed messages: when the message is ready again, in milliseconds since 1970. */
  readonly dueAt?: number;
  /** Pending messages: the name of the follower. */
  readonly follower?: string;
  /** The priority, 0 to 9. */
  readonly priority: number;
  /** The key, if there is one; messages with the same key are processed one at a time. */
  readonly key?: string;
  /** The sender's dedup id, if there is one. */
  readonly dedupId?: string;
  /** The message is not delivered before this time, in milliseconds since 1970. */
  readonly deliverAt?: number;
  /** The message is not delivered from this time on, in milliseconds since 1970. */
  readonly expiresAt?: number;
  /** In a dead-letter stream: where the message comes from, and why. */
  readonly deadLetter?: DeadLetter;
}

/** Makes messages of an answer. */
export function readPeeked(stream: string, { infos, entries }: PeekedMessages): PeekedMessage[] {
  const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
  return findEntries(batch).map((offset, index) => {
    const { id, state, attempts, dueAt, follower } = infos[index]!;
    // Where a reply goes is between the requester and the follower.
    const { request: _, ...properties } = readProperties(entries, offset);
    return {
      id,
      stream,
      body: bodyOf(entries, offset),
      bytes: bytesOf(entries, offset),
      headers: headersOf(entries, offset),
      state,
      attempts,
      ...dueAt !== undefined && { dueAt },
      ...follower !== undefined && { follower },
      priority: readEntryPriority(entries, offset),
      ...properties,
    };
  });
}
