import { joinBytes, writeU32 } from "../bytes.ts";
import type { DeadLetter, Redriven } from "./dead_letter.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryFlags,
  readEntryHeaderBytes,
  readEntrySize,
  writeEntryFlags,
  writeEntryHeaderBytes,
} from "./entry.ts";
import { locateProperties, PropertyFlag } from "./properties.ts";
import { encodeStory } from "./property_wishes.ts";

/**
 * Copies the entry at `offset` with another story, or none. Its times are left out: a dead letter neither
 * waits nor expires, and one that is sent back is meant to be processed. A request for a reply is left
 * out, too: its sender no longer waits.
 */
export function copyWithStory(
  buffer: Uint8Array,
  offset: number,
  story: DeadLetter | Redriven | undefined,
): Uint8Array {
  const at = locateProperties(buffer, offset);
  const head = buffer.subarray(offset, offset + ENTRY_HEAD_BYTES);
  const key = buffer.subarray(at.key, at.request);
  const dedupId = buffer.subarray(at.dedupId, at.story);
  const rest = buffer.subarray(at.end, offset + readEntrySize(buffer, offset));
  const written = story === undefined ? new Uint8Array(0) : encodeStory(story);
  const copy = joinBytes([head, key, dedupId, written, rest]);
  const kept = readEntryFlags(buffer, offset) & (PropertyFlag.key | PropertyFlag.dedupId);
  const before = at.end - offset - ENTRY_HEAD_BYTES;
  const after = key.length + dedupId.length + written.length;
  writeU32(copy, 0, copy.length);
  writeEntryFlags(copy, 0, story === undefined ? kept : kept | PropertyFlag.story);
  writeEntryHeaderBytes(copy, 0, readEntryHeaderBytes(buffer, offset) - before + after);
  return copy;
}
