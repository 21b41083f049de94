// The content of an entry in a batch: of messages, replies and peeked messages.

import { BodyKind } from "../../../protocol.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import { decodeHeaders } from "../../protocol/messages/headers.ts";
import { readPropertyBytes } from "../../protocol/messages/properties.ts";

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
