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
  const encode = prepareTexts(bodies.filter((body) => typeof body === "string"));
  return encodeBatch(
    bodies.map((body) =>
      typeof body === "string"
        ? { kind: 1, body: encode(body) }
        : { kind: 0, body: new Uint8Array(body) }
    ),
  );
}

/**
 * Returns what encodes these texts, in their order. Tests make millions of them, and a memory of its own for each
 * costs more than all else: so they share one, unless some have characters of several bytes.
 */
function prepareTexts(texts: readonly string[]): (text: string) => Uint8Array {
  const joined = texts.join("");
  const bytes = encoder.encode(joined);
  if (bytes.length > joined.length) return (text) => encoder.encode(text);
  let at = 0;
  return ({ length }) => bytes.subarray(at, at += length);
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
