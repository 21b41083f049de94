/**
 * The bytes of one stream's messages, found by message id.
 *
 * Batches are copied into slabs as they come; a message is an offset in a slab and costs no object.
 * A slab is let go when all its messages are, wherever it stands, so that one message that stays
 * pins one slab and nothing else.
 *
 * ```text
 *   slabs    ┌ firstId 1 ───────┐ ┌ firstId 900 ─────┐      (ids between slabs: gone)
 *   bytes    │entry│entry│entry…│ │entry│entry│…     │
 *   offsets  │0    │108  │216  …│ │0    │1031 │…     │      count + 1 of them
 *            └──────────────────┘ └──────────────────┘
 * ```
 *
 * @module
 */

import { type MessageBatch, readEntrySize } from "../../protocol.ts";
import { invariant } from "./invariant.ts";

/** A stream with few messages should be small: ten thousand streams are not unusual. */
const SLAB_BYTES_MIN = 1024;

/** A slab of this size holds some 2,400 messages of 100 bytes, and is freed in one piece. */
const SLAB_BYTES_MAX = 256 * 1024;

/** Consecutive messages and their bytes. */
class Slab {
  readonly firstId: number;
  readonly bytes: Uint8Array;
  /** Where each message begins, and behind the last one where the next would. */
  offsets = new Uint32Array(16);
  count = 0;
  /** How many of its messages are still wanted. */
  live = 0;

  constructor(firstId: number, capacity: number) {
    this.firstId = firstId;
    this.bytes = new Uint8Array(capacity);
  }

  /** How many bytes are in use. */
  get used(): number {
    return this.offsets[this.count]!;
  }

  append(batch: MessageBatch): void {
    const { buffer, start, end, count } = batch;
    let slabOffset = this.used;
    this.bytes.set(buffer.subarray(start, end), slabOffset);
    this.#reserveOffsets(this.count + count + 1);
    const { offsets } = this;
    let index = this.count;
    for (let offset = start; offset < end;) {
      const size = readEntrySize(buffer, offset);
      offset += size;
      slabOffset += size;
      offsets[++index] = slabOffset;
    }
    this.count = index;
    this.live += count;
  }

  #reserveOffsets(needed: number): void {
    if (needed <= this.offsets.length) return;
    const grown = new Uint32Array(Math.max(needed, this.offsets.length * 2));
    grown.set(this.offsets);
    this.offsets = grown;
  }
}

/** The messages of one stream that are not gone yet. */
export class Backlog {
  #slabs: Slab[] = [];
  #bytes = 0;

  /** The bytes of the messages that are not gone. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a batch whose first message has the id `firstId`, the highest so far. */
  append(firstId: number, batch: MessageBatch): void {
    const size = batch.end - batch.start;
    let slab = this.#slabs.at(-1);
    if (
      slab === undefined || slab.firstId + slab.count !== firstId ||
      slab.used + size > slab.bytes.length
    ) {
      const wish = Math.min(SLAB_BYTES_MAX, (slab?.bytes.length ?? SLAB_BYTES_MIN / 2) * 2);
      slab = new Slab(firstId, Math.max(wish, size));
      this.#slabs.push(slab);
    }
    slab.append(batch);
    this.#bytes += size;
  }

  /**
   * Finds messages.
   *
   * @param firstId The first one.
   * @param countMax How many at most.
   * @param bytesMax How many bytes at most; one message is found however large it is.
   * @returns As many as lie together, one at least.
   */
  read(firstId: number, countMax: number, bytesMax: number): MessageBatch {
    const slab = this.#slabs[this.#find(firstId)]!;
    const { offsets } = slab;
    const index = firstId - slab.firstId;
    const start = offsets[index]!;
    let endIndex = Math.min(index + countMax, slab.count);
    if (offsets[endIndex]! - start > bytesMax) {
      endIndex = Math.max(index + 1, findLast(offsets, start + bytesMax, index, endIndex));
    }
    return { count: endIndex - index, buffer: slab.bytes, start, end: offsets[endIndex]! };
  }

  /**
   * Lets go of consecutive messages.
   *
   * @returns How many bytes they were.
   */
  forget(firstId: number, count: number): number {
    let bytes = 0;
    let slabIndex = this.#find(firstId);
    let id = firstId;
    while (id < firstId + count) {
      const slab = this.#slabs[slabIndex]!;
      const from = id - slab.firstId;
      const to = Math.min(from + firstId + count - id, slab.count);
      invariant(from >= 0 && to > from, "forgotten messages are in the backlog");
      bytes += slab.offsets[to]! - slab.offsets[from]!;
      slab.live -= to - from;
      id += to - from;
      if (slab.live === 0) this.#slabs.splice(slabIndex, 1);
      else slabIndex++;
    }
    this.#bytes -= bytes;
    return bytes;
  }

  /** Tells how many bytes consecutive messages have. */
  measure(firstId: number, count: number): number {
    let bytes = 0;
    let slabIndex = this.#find(firstId);
    let id = firstId;
    while (id < firstId + count) {
      const slab = this.#slabs[slabIndex++]!;
      const from = id - slab.firstId;
      const to = Math.min(from + firstId + count - id, slab.count);
      bytes += slab.offsets[to]! - slab.offsets[from]!;
      id += to - from;
    }
    return bytes;
  }

  /** The index of the slab that holds a message. */
  #find(id: number): number {
    const slabs = this.#slabs;
    let low = 0;
    let high = slabs.length - 1;
    // Most calls are about the oldest slab.
    if (high >= 0 && id < slabs[0]!.firstId + slabs[0]!.count) high = 0;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (slabs[middle]!.firstId <= id) low = middle;
      else high = middle - 1;
    }
    const slab = slabs[low];
    invariant(
      slab !== undefined && id >= slab.firstId && id < slab.firstId + slab.count,
      "a message is in the backlog until it is forgotten",
    );
    return low;
  }
}

/** The last index between `low` and `high` whose offset is not above `limit`. */
function findLast(offsets: Uint32Array, limit: number, low: number, high: number): number {
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (offsets[middle]! <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
