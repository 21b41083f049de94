/**
 * Messages as bytes, and back, for tests.
 *
 * @module
 */

import {
  type BodyKind,
  decodeHeaders,
  encodeHeaders,
  encodeProperties,
  ENTRY_HEAD_BYTES,
  type MessageBatch,
  type PropertyWishes,
  readEntryHeaderBytes,
  readEntryKind,
  readEntrySize,
  readPropertyBytes,
  writeEntryHead,
} from "../../../protocol.ts";

/** A message before it is encoded. */
export interface PlainMessage {
  readonly kind: BodyKind;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** What it says of its own delivery. */
  readonly wishes?: PropertyWishes;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Encodes messages as a batch, at an offset in a larger buffer, as they would come from a socket.
 *
 * @param messages The messages.
 * @param margin How many foreign bytes lie before and behind the batch.
 */
export function encodeBatch(messages: readonly PlainMessage[], margin = 0): MessageBatch {
  const encoded = messages.map(({ kind, headers, body, wishes = {} }) => {
    const { flags, bytes: properties } = encodeProperties(wishes) ??
      { flags: 0, bytes: new Uint8Array(0) };
    const encodedHeaders = encodeHeaders(headers);
    const headerBytes = properties.length + encodedHeaders.length;
    const size = ENTRY_HEAD_BYTES + headerBytes + body.length;
    const bytes = new Uint8Array(size);
    const { priority } = wishes;
    writeEntryHead(bytes, 0, { size, kind, headerBytes, flags, priority });
    bytes.set(properties, ENTRY_HEAD_BYTES);
    bytes.set(encodedHeaders, ENTRY_HEAD_BYTES + properties.length);
    bytes.set(body, ENTRY_HEAD_BYTES + headerBytes);
    return bytes;
  });
  const bytes = encoded.reduce((sum, one) => sum + one.length, 0);
  const buffer = new Uint8Array(bytes + 2 * margin).fill(0xee);
  let offset = margin;
  for (const one of encoded) {
    buffer.set(one, offset);
    offset += one.length;
  }
  return { count: messages.length, buffer, start: margin, end: offset };
}

/** Encodes texts, or bodies of so many bytes, as a batch. */
export function batchOf(...bodies: readonly (string | number)[]): MessageBatch {
  return encodeBatch(bodies.map((body) => ({
    kind: typeof body === "string" ? 1 : 0,
    headers: {},
    body: typeof body === "string" ? encoder.encode(body) : new Uint8Array(body),
  })));
}

/** Decodes all messages of a batch. */
export function decodeBatch(batch: MessageBatch): PlainMessage[] {
  const { buffer, start, end } = batch;
  const messages: PlainMessage[] = [];
  for (let offset = start; offset < end;) {
    const size = readEntrySize(buffer, offset);
    const bodyAt = offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(buffer, offset);
    messages.push({
      kind: readEntryKind(buffer, offset) as BodyKind,
      headers: decodeHeaders(
        buffer.subarray(offset + ENTRY_HEAD_BYTES + readPropertyBytes(buffer, offset), bodyAt),
      ),
      body: buffer.slice(bodyAt, offset + size),
    });
    offset += size;
  }
  return messages;
}

/** Decodes the bodies of a batch as texts. */
export function textsOf(batch: MessageBatch): string[] {
  return decodeBatch(batch).map(({ body }) => decoder.decode(body));
}

/** The sizes of the entries of a batch, in bytes. */
export function sizesOf(batch: MessageBatch): number[] {
  const sizes: number[] = [];
  for (let offset = batch.start; offset < batch.end;) {
    sizes.push(readEntrySize(batch.buffer, offset));
    offset += sizes.at(-1)!;
  }
  return sizes;
}
