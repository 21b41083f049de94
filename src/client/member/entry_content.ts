// The content of an entry in a batch: of messages, replies and peeked messages.

import { BodyKind, type DeadLetter } from "../../../protocol.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import { decodeHeaders } from "../../protocol/messages/headers.ts";
import { parseTraceParent, TRACE_PARENT } from "../../protocol/messages/trace_parent.ts";
import { readPropertyBytes } from "../../protocol/messages/properties.ts";

/**
 * A body with its headers, as it was sent.
 *
 * @typeParam Body The type of the body; it is not checked.
 */
export interface ReceivedContent<Body = unknown> {
  /** The body: a string, bytes or a JSON value. */
  readonly body: Body;
  /** The body's bytes. */
  readonly bytes: Uint8Array;
  /** The headers. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A message of a stream, whether a follower has taken it or a cursor looks at it.
 *
 * @typeParam Body The type of the body; it is not checked.
 */
export interface StreamMessage<Body = unknown> extends ReceivedContent<Body> {
  /** The stream. */
  readonly stream: string;
  /** The message's number in its stream: 1, 2, 3 … */
  readonly id: number;
  /** The number of deliveries of the message, the present one included. */
  readonly attempts: number;
  /**
   * When the message was stored in the stream, by the broker's clock, in milliseconds since 1970; a dead letter
   * when it became one. Absent if the broker is of an earlier version, or does not know it.
   */
  readonly storedAt?: number | undefined;
  /** The key, if there is one; messages with the same key are processed one at a time. */
  readonly key?: string | undefined;
  /** The lane, if there is one: whose message it is. */
  readonly lane?: string | undefined;
  /** The priority, 0 to 9. */
  readonly priority: number;
  /** The sender's dedup id, if there is one. */
  readonly dedupId?: string | undefined;
  /** The earliest time of delivery, in milliseconds since 1970, if there is one. */
  readonly deliverAt?: number | undefined;
  /** The time from which the message is not delivered, in milliseconds since 1970, if there is one. */
  readonly expiresAt?: number | undefined;
  /** The trace and span that the message was sent in, as W3C Trace Context says, if it has that header. */
  readonly traceparent?: string | undefined;
  /** In a dead-letter stream: the origin of the message, and why it is there. */
  readonly deadLetter?: DeadLetter | undefined;
}

/** Adds the trace of the message to the story of a dead letter. */
export function tellTrace(
  story: DeadLetter,
  headers: Readonly<Record<string, string>>,
): DeadLetter {
  const { traceId } = parseTraceParent(headers[TRACE_PARENT]) ?? {};
  return traceId === undefined ? story : { ...story, traceId };
}

/** A byte order mark is kept: a body arrives as it was sent. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function bytesOf(batch: Uint8Array, offset: number): Uint8Array {
  return batch.subarray(headersEnd(batch, offset), offset + readEntrySize(batch, offset));
}

export function bodyOf(batch: Uint8Array, offset: number): unknown {
  const bytes = bytesOf(batch, offset);
  const kind = readEntryKind(batch, offset);
  if (kind === BodyKind.bytes) return bytes;
  const text = decoder.decode(bytes);
  return kind === BodyKind.json ? JSON.parse(text) : text;
}

export function headersOf(batch: Uint8Array, offset: number): Readonly<Record<string, string>> {
  const start = offset + ENTRY_HEAD_BYTES + readPropertyBytes(batch, offset);
  return decodeHeaders(batch.subarray(start, headersEnd(batch, offset)));
}

function headersEnd(batch: Uint8Array, offset: number): number {
  return offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(batch, offset);
}
