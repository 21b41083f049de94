import { joinBytes, writeU32 } from "../bytes.ts";
import { findEntries, type MessageBatch } from "./batch.ts";
import {
  MORE_FLAG,
  readEntryFlags,
  readEntryHeaderBytes,
  readEntrySize,
  writeEntryFlags,
  writeEntryHeaderBytes,
} from "./entry.ts";
import { locateProperties } from "./properties.ts";

/**
 * A batch for a client that knows no further properties: without them. It is the same one if no message
 * has any.
 */
export function toPlainBatch(batch: MessageBatch): MessageBatch {
  const { buffer, count } = batch;
  const offsets = findEntries(batch);
  if (!offsets.some((offset) => readEntryFlags(buffer, offset) & MORE_FLAG)) return batch;
  const plain = joinBytes(offsets.map((offset) => copyPlain(buffer, offset)));
  return { count, buffer: plain, start: 0, end: plain.length };
}

function copyPlain(buffer: Uint8Array, offset: number): Uint8Array {
  const end = offset + readEntrySize(buffer, offset);
  const flags = readEntryFlags(buffer, offset);
  if ((flags & MORE_FLAG) === 0) return buffer.subarray(offset, end);
  const at = locateProperties(buffer, offset);
  const moreBytes = at.end - at.more;
  const copy = joinBytes([buffer.subarray(offset, at.more), buffer.subarray(at.end, end)]);
  writeU32(copy, 0, copy.length);
  writeEntryFlags(copy, 0, flags & ~MORE_FLAG);
  writeEntryHeaderBytes(copy, 0, readEntryHeaderBytes(buffer, offset) - moreBytes);
  return copy;
}
