/**
 * Messages that a cursor looks at where they lie.
 *
 * @module
 */

import type { DeadLetter, MessageInfo, MessageState, PeekedMessages } from "../../../protocol.ts";
import { findEntries } from "../../protocol/messages/batch.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntryPriority,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import { decodeHeaders } from "../../protocol/messages/headers.ts";
import { readProperties, readPropertyBytes } from "../../protocol/messages/properties.ts";
import { decodeBody } from "../outgoing/body.ts";

/**
 * A message as it lies in its stream at one moment; looking at it changes nothing.
 *
 * @typeParam Body What its body is; it is not checked.
 */
export interface PeekedMessage<Body = unknown> {
  /** Its number in the stream. */
  readonly id: number;
  /** The stream. */
  readonly stream: string;
  /** What was sent: a string, bytes or a JSON value. */
  readonly body: Body;
  /** The body's bytes. */
  readonly bytes: Uint8Array;
  /** The headers that were sent with it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it waits to be taken, is held back, or is held by a follower. */
  readonly state: MessageState;
  /** How often it has been delivered; while a follower holds it, that delivery included. */
  readonly attempts: number;
  /** While it is held back: when it comes back, in milliseconds since 1970. */
  readonly dueAt?: number;
  /** While it is held: the name of the follower. */
  readonly follower?: string;
  /** Its priority: 0 to 9, 4 unless its sender said something else. */
  readonly priority: number;
  /** Its key, if it has one: messages of one key are worked on one at a time. */
  readonly key?: string;
  /** The id that its sender gave it, if it did. */
  readonly dedupId?: string;
  /** The time before which it is not delivered, in milliseconds since 1970, if it has one. */
  readonly deliverAt?: number;
  /** The time from which on it is not delivered, in milliseconds since 1970, if it has one. */
  readonly expiresAt?: number;
  /** What had happened to it before it came into a dead-letter stream, if it has. */
  readonly deadLetter?: DeadLetter;
}

/** Makes messages of an answer. */
export function readPeeked(stream: string, { infos, entries }: PeekedMessages): PeekedMessage[] {
  const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
  return findEntries(batch).map((offset, index) =>
    readPeekedMessage(stream, infos[index]!, entries, offset)
  );
}

function readPeekedMessage(
  stream: string,
  info: MessageInfo,
  entries: Uint8Array,
  offset: number,
): PeekedMessage {
  const headersAt = offset + ENTRY_HEAD_BYTES + readPropertyBytes(entries, offset);
  const bodyAt = offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(entries, offset);
  const bytes = entries.subarray(bodyAt, offset + readEntrySize(entries, offset));
  // Who waits for a reply is nobody's business.
  const { request: _, ...properties } = readProperties(entries, offset);
  const { id, state, attempts, dueAt, follower } = info;
  return {
    id,
    stream,
    body: decodeBody(readEntryKind(entries, offset), bytes),
    bytes,
    headers: decodeHeaders(entries.subarray(headersAt, bodyAt)),
    state,
    attempts,
    ...dueAt !== undefined && { dueAt },
    ...follower !== undefined && { follower },
    priority: readEntryPriority(entries, offset),
    ...properties,
  };
}
