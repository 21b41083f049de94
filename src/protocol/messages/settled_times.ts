/**
 * What a client says as a span, as a time of the broker's: in place, in the buffer that the batch lies
 * in, so that a client's clock does not matter.
 *
 * @module
 */

import { type MessageBatch, readEntrySize } from "./batch.ts";
import { FLAGS_AT, PROPERTIES_AT, readTime, TIME_BYTES, writeTime } from "./entry_bytes.ts";
import { PropertyFlag, readEntryFlags } from "./properties.ts";

/** The flags that say that a time is a span. */
const SPAN_FLAGS = PropertyFlag.isDelay | PropertyFlag.isTtl;

/** Puts times in the place of spans in a batch of a client; the calendar is ahead of `now`. */
export function settleTimes(batch: MessageBatch, now: number, aheadMs = 0): void {
  const { buffer, end } = batch;
  // Times are whole numbers; a message comes rather later than earlier.
  const sentAt = Math.ceil(now);
  for (let offset = batch.start; offset < end; offset += readEntrySize(buffer, offset)) {
    const flags = readEntryFlags(buffer, offset);
    if ((flags & SPAN_FLAGS) === 0) continue;
    let at = offset + PROPERTIES_AT;
    let deliverableAt = sentAt;
    let isDated = false;
    if (flags & PropertyFlag.deliverAt) {
      const time = readTime(buffer, at);
      if (flags & PropertyFlag.isDelay) {
        deliverableAt = sentAt + time;
        writeTime(buffer, at, deliverableAt);
      } else if (time > sentAt + aheadMs) {
        deliverableAt = time;
        isDated = true;
      }
      at += TIME_BYTES;
    }
    if ((flags & PropertyFlag.isTtl) === 0) continue;
    writeTime(buffer, at, deliverableAt + readTime(buffer, at));
    // Whoever begins to live on a date ends on one.
    if (isDated) buffer[offset + FLAGS_AT] = flags & ~PropertyFlag.isTtl;
  }
}
