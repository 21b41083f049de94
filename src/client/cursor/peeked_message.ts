import type { MessageState, PeekedMessages } from "../../../protocol.ts";
import { findEntries } from "../../protocol/messages/batch.ts";
import { readEntryPriority } from "../../protocol/messages/entry.ts";
import { readProperties } from "../../protocol/messages/properties.ts";
import { TRACE_PARENT } from "../../protocol/messages/trace_parent.ts";
import {
  bodyOf,
  bytesOf,
  headersOf,
  type StreamMessage,
  tellTrace,
} from "../member/entry_content.ts";

/**
 * A message as it is in its stream at one moment. Looking at it changes nothing. A body that was sent as
 * JSON by a client of another kind, and is none, is a `Uint8Array` here.
 *
 * @typeParam Body The type of the body; it is not checked.
 */
export interface PeekedMessage<Body = unknown> extends StreamMessage<Body> {
  /** `ready` to be delivered, `delayed`, or `pending` at a follower. */
  readonly state: MessageState;
  /** How often it was postponed; absent if it never was. */
  readonly postponed?: number;
  /** Delayed messages: when the message is ready again, in milliseconds since 1970. */
  readonly dueAt?: number;
  /** `true` if its sender waits for a reply. */
  readonly isRequest?: boolean;
  /** Pending messages: the name of the follower. */
  readonly follower?: string;
}

/** A body as it was sent. One that says it is JSON and is none is bytes: it must not hide the others. */
function lookAtBody(entries: Uint8Array, offset: number): unknown {
  try {
    return bodyOf(entries, offset);
  } catch {
    return bytesOf(entries, offset);
  }
}

/** Reads the messages of an answer. */
export function readPeeked(stream: string, { infos, entries }: PeekedMessages): PeekedMessage[] {
  const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
  return findEntries(batch).map((offset, index) => {
    const { id, state, attempts, postponed, storedAt, dueAt, follower } = infos[index]!;
    // The reply address concerns only the requester and the follower.
    const { request, deadLetter, redrives: _redrives, ...properties } = readProperties(
      entries,
      offset,
    );
    const headers = headersOf(entries, offset);
    const { [TRACE_PARENT]: traceparent } = headers;
    return {
      id,
      stream,
      body: lookAtBody(entries, offset),
      bytes: bytesOf(entries, offset),
      headers,
      ...traceparent !== undefined && { traceparent },
      state,
      attempts,
      ...postponed !== undefined && { postponed },
      ...storedAt !== undefined && { storedAt },
      ...dueAt !== undefined && { dueAt },
      ...follower !== undefined && { follower },
      priority: readEntryPriority(entries, offset),
      ...request !== undefined && { isRequest: true },
      ...properties,
      ...deadLetter && { deadLetter: tellTrace(deadLetter, headers) },
    };
  });
}
