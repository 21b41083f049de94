import { readU64, writeU64 } from "../bytes.ts";
import type { MessageBatch } from "./batch.ts";
import { readEntryFlags, readEntrySize, writeEntryFlags } from "./entry.ts";
import { locateProperties, PropertyFlag } from "./properties.ts";

/** The flags of messages whose times are spans. */
export const SPAN_FLAGS: number = PropertyFlag.isDelay | PropertyFlag.isTtl;

/**
 * Replaces the spans in a client's batch by times of the broker, in the buffer that the batch lies in. So a
 * client's clock does not matter. The calendar is ahead of `now` by `aheadMs`.
 */
export function resolveSpans(batch: MessageBatch, now: number, aheadMs = 0): void {
  const { buffer, end } = batch;
  // Times are whole numbers; rounded up, a message comes late rather than early.
  const sentAt = Math.ceil(now);
  for (let offset = batch.start; offset < end; offset += readEntrySize(buffer, offset)) {
    const flags = readEntryFlags(buffer, offset);
    if ((flags & SPAN_FLAGS) === 0) continue;
    const at = locateProperties(buffer, offset);
    let deliverableAt = sentAt;
    let isDated = false;
    if (flags & PropertyFlag.deliverAt) {
      const time = readU64(buffer, at.deliverAt);
      if (flags & PropertyFlag.isDelay) {
        deliverableAt = sentAt + time;
        writeU64(buffer, at.deliverAt, deliverableAt);
      } else if (time > sentAt + aheadMs) {
        deliverableAt = time;
        isDated = true;
      }
    }
    if ((flags & PropertyFlag.isTtl) === 0) continue;
    writeU64(buffer, at.expiresAt, deliverableAt + readU64(buffer, at.expiresAt));
    // A life that begins on a date also ends on one.
    if (isDated) writeEntryFlags(buffer, offset, flags & ~PropertyFlag.isTtl);
  }
}
