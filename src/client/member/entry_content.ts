// What is in an entry of a batch, decoded only when it is looked at: of messages, replies and messages
// that a cursor peeks at.

import { BodyKind } from "../../../protocol.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import { decodeHeaders } from "../../protocol/messages/headers.ts";
import { readPropertyBytes } from "../../protocol/messages/properties.ts";

/** A byte order mark is a character like any other: a body arrives as what was sent. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The bytes of an entry's body. */
export function bytesOf(batch: Uint8Array, offset: number): Uint8Array {
  return batch.subarray(headersEnd(batch, offset), offset + readEntrySize(batch, offset));
}

/** What an entry's body was when it was sent: a string, bytes or a JSON value. */
export function bodyOf(batch: Uint8Array, offset: number): unknown {
  const bytes = bytesOf(batch, offset);
  const kind = readEntryKind(batch, offset);
  if (kind === BodyKind.bytes) return bytes;
  const text = decoder.decode(bytes);
  return kind === BodyKind.json ? JSON.parse(text) : text;
}

/** The headers of an entry. */
export function headersOf(batch: Uint8Array, offset: number): Readonly<Record<string, string>> {
  const start = offset + ENTRY_HEAD_BYTES + readPropertyBytes(batch, offset);
  return decodeHeaders(batch.subarray(start, headersEnd(batch, offset)));
}

function headersEnd(batch: Uint8Array, offset: number): number {
  return offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(batch, offset);
}
