import { joinBytes, writeU32 } from "../bytes.ts";
import type { DeadLetter, Redriven } from "./dead_letter.ts";
import {
  ENTRY_HEAD_BYTES,
  MORE_FLAG,
  readEntryFlags,
  readEntryHeaderBytes,
  readEntrySize,
  writeEntryFlags,
  writeEntryHeaderBytes,
} from "./entry.ts";
import { copyLane } from "./more_properties.ts";
import { locateProperties, PropertyFlag } from "./properties.ts";
import { encodeStory } from "./property_wishes.ts";

const none = new Uint8Array(0);

/**
 * Copies the entry at `offset` with another story, or none. Its times are left out: a dead letter neither
 * waits nor expires, and one that is sent back is meant to be processed. A request for a reply is left
 * out, too: its sender no longer waits. A lane is kept, and a coalesce id is not.
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
  const flags = readEntryFlags(buffer, offset);
  const lane = flags & MORE_FLAG ? copyLane(buffer, at.more) : none;
  const rest = buffer.subarray(at.end, offset + readEntrySize(buffer, offset));
  const written = story === undefined ? none : encodeStory(story);
  const copy = joinBytes([head, key, dedupId, written, lane, rest]);
  const kept = flags & (PropertyFlag.key | PropertyFlag.dedupId) |
    (lane.length > 0 ? MORE_FLAG : 0);
  const before = at.end - offset - ENTRY_HEAD_BYTES;
  const after = key.length + dedupId.length + written.length + lane.length;
  writeU32(copy, 0, copy.length);
  writeEntryFlags(copy, 0, story === undefined ? kept : kept | PropertyFlag.story);
  writeEntryHeaderBytes(copy, 0, readEntryHeaderBytes(buffer, offset) - before + after);
  return copy;
}
