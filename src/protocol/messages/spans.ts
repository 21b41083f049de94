import { readU64, writeU64 } from "../bytes.ts";
import type { MessageBatch } from "./batch.ts";
import { readEntryFlags, readEntrySize, writeEntryFlags } from "./entry.ts";
import { locateProperties, PropertyFlag } from "./properties.ts";

/** The flags of messages whose times are spans. */
export const SPAN_FLAGS: number = PropertyFlag.isDelay | PropertyFlag.isTtl;

/**
 * Puts times of the broker's in the place of the spans in a batch of a client, in the buffer that the
 * batch lies in, so that a client's clock does not matter. The calendar is ahead of `now`.
 */
export function resolveSpans(batch: MessageBatch, now: number, aheadMs = 0): void {
  const { buffer, end } = batch;
  // Times are whole numbers; a message comes rather later than earlier.
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
    // What begins to live on a date ends on one.
    if (isDated) writeEntryFlags(buffer, offset, flags & ~PropertyFlag.isTtl);
  }
}
