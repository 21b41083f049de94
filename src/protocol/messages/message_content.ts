import { findEntries, type MessageBatch } from "./batch.ts";
import {
  type BodyKind,
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntryPriority,
  readEntrySize,
  writeEntryHead,
} from "./entry.ts";
import { decodeHeaders, encodeHeaders } from "./headers.ts";
import { type MessageProperties, readProperties, readPropertyBytes } from "./properties.ts";
import { encodeProperties, findPropertyMistake, type PropertyWishes } from "./property_wishes.ts";

/** A message to send. */
export interface MessageContent {
  /** The kind of the body before it became bytes. */
  readonly kind: BodyKind;
  /** The body; of text and JSON, UTF-8. */
  readonly body: Uint8Array;
  /** Names and values; none if there are no headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The properties that the sender chooses; absent if there are none. */
  readonly wishes?: PropertyWishes;
}

/** A received message. */
export interface ReceivedMessage {
  /** The kind of the body before it became bytes. */
  readonly kind: BodyKind;
  /** The body, a copy; of text and JSON, UTF-8. */
  readonly body: Uint8Array;
  /** Names and values. */
  readonly headers: Record<string, string>;
  /** Its priority, 0 to 9. */
  readonly priority: number;
  /** Its properties. */
  readonly properties: MessageProperties;
}

const none = new Uint8Array(0);

/**
 * Encodes messages, for a `publish` or a `reply` frame.
 *
 * @param messages The messages, 1 to 4,096 of them in one frame.
 * @returns Their entries, in a buffer of their own.
 * @throws {TypeError} If headers are not a plain object of strings.
 * @throws {RangeError} If headers or properties are not allowed.
 *
 * @example A message and what becomes of it
 * ```ts
 * import { BodyKind, decodeBatch, encodeBatch } from "@simplemq/simplemq/protocol";
 * import { assertEquals } from "@std/assert";
 *
 * const body = new TextEncoder().encode("hello");
 * const batch = encodeBatch([{ kind: BodyKind.text, body, wishes: { key: "ann" } }]);
 * const [message] = decodeBatch(batch);
 * assertEquals(new TextDecoder().decode(message?.body), "hello");
 * assertEquals(message?.properties.key, "ann");
 * ```
 */
export function encodeBatch(messages: readonly MessageContent[]): MessageBatch {
  const parts = messages.map(encodeParts);
  const buffer = new Uint8Array(parts.reduce((sum, { size }) => sum + size, 0));
  let at = 0;
  messages.forEach(({ kind, body, wishes }, index) => {
    const { size, flags, properties, headers } = parts[index]!;
    const headerBytes = properties.length + headers.length;
    const priority = wishes?.priority;
    writeEntryHead(buffer, at, { size, kind, headerBytes, flags, priority });
    buffer.set(properties, at + ENTRY_HEAD_BYTES);
    buffer.set(headers, at + ENTRY_HEAD_BYTES + properties.length);
    buffer.set(body, at + ENTRY_HEAD_BYTES + headerBytes);
    at += size;
  });
  return { count: messages.length, buffer, start: 0, end: buffer.length };
}

/** What an entry has between its head and its body, and how large it is. */
interface EntryParts {
  readonly size: number;
  readonly flags: number;
  readonly properties: Uint8Array;
  readonly headers: Uint8Array;
}

function encodeParts({ body, headers, wishes = {} }: MessageContent): EntryParts {
  const mistake = findPropertyMistake(wishes);
  if (mistake !== undefined) throw new RangeError(`Cannot encode a message: ${mistake}`);
  const { flags, bytes: properties } = encodeProperties(wishes) ?? { flags: 0, bytes: none };
  const encoded = headers === undefined ? none : encodeHeaders(headers, "Cannot encode a message");
  const size = ENTRY_HEAD_BYTES + properties.length + encoded.length + body.length;
  return { size, flags, properties, headers: encoded };
}

/**
 * Decodes the messages of a batch that the broker has sent.
 *
 * @param batch A batch from `readBatch`, or the entries of a `messages` frame.
 * @returns The messages, in their order.
 */
export function decodeBatch(batch: MessageBatch): ReceivedMessage[] {
  const { buffer } = batch;
  return findEntries(batch).map((offset) => {
    const headersAt = offset + ENTRY_HEAD_BYTES + readPropertyBytes(buffer, offset);
    const bodyAt = offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(buffer, offset);
    return {
      kind: readEntryKind(buffer, offset) as BodyKind,
      body: buffer.slice(bodyAt, offset + readEntrySize(buffer, offset)),
      headers: decodeHeaders(buffer.subarray(headersAt, bodyAt)),
      priority: readEntryPriority(buffer, offset),
      properties: readProperties(buffer, offset),
    };
  });
}
