/** Messages as bytes, and back, for tests. */

import {
  decodeBatch,
  encodeBatch,
  type MessageBatch,
  type ReceivedMessage,
} from "../../../protocol.ts";
import { readEntrySize } from "../../../src/protocol/messages/entry.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Puts a batch into a larger buffer, between so many foreign bytes, as it would come from a socket. */
export function embedBatch({ count, buffer: entries }: MessageBatch, margin: number): MessageBatch {
  const buffer = new Uint8Array(entries.length + 2 * margin).fill(0xee);
  buffer.set(entries, margin);
  return { count, buffer, start: margin, end: margin + entries.length };
}

/** Encodes texts, or bodies of so many bytes, as a batch. */
export function batchOf(...bodies: readonly (string | number)[]): MessageBatch {
  return encodeBatch(bodies.map((body) => ({
    kind: typeof body === "string" ? 1 : 0,
    body: typeof body === "string" ? encoder.encode(body) : new Uint8Array(body),
  })));
}

/** Decodes the messages of a batch, without what they say of their own delivery. */
export function contentsOf(
  batch: MessageBatch,
): Pick<ReceivedMessage, "kind" | "headers" | "body">[] {
  return decodeBatch(batch).map(({ kind, headers, body }) => ({ kind, headers, body }));
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
