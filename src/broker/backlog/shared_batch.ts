import type { MessageBatch } from "../../../protocol.ts";

/** A batch is shared between streams if its copies would have so many bytes. */
const COPIES_BYTES_MIN = 8 * 1024 * 1024;

/** A smaller batch is not worth a slab of its own in each stream. */
const BATCH_BYTES_MIN = 4 * 1024;

/**
 * A batch in bytes of its own that never change, which all its streams hold: one batch to thousands of streams
 * takes the memory and the time of one copy.
 */
export class SharedBatch implements MessageBatch {
  readonly count: number;
  readonly buffer: Uint8Array;
  readonly start = 0;
  readonly end: number;
  /** The checksum of the bytes, once it is known. */
  checksum: number | undefined;

  constructor({ count, buffer, start, end }: MessageBatch) {
    this.count = count;
    this.buffer = buffer.slice(start, end);
    this.end = end - start;
  }
}

/** Gives a batch in the form that costs its streams the least. */
export function shareBatch(batch: MessageBatch, streamCount: number): MessageBatch {
  const size = batch.end - batch.start;
  const isWorthIt = size >= BATCH_BYTES_MIN && size * streamCount >= COPIES_BYTES_MIN;
  if (isWorthIt && streamCount > 1) return new SharedBatch(batch);
  // None of several streams has it alone.
  return batch.isOwn && streamCount > 1 ? { ...batch, isOwn: false } : batch;
}
