/**
 * The bytes of one stream's messages, found by message id.
 *
 * Batches are copied into slabs as they come; a message is an offset in a slab and costs no object.
 * A slab is let go when all its messages are, wherever it stands. When few of its messages are left,
 * those are copied into slabs of their own size, so that messages that stay pin little beside
 * themselves: four times their bytes at most, and some hundred bytes each.
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

/** A slab begins with room for so many offsets. */
const OFFSETS_MIN = 16;

/** What a slab costs beside the bytes of its messages, roughly: two buffers and three objects. */
const SLAB_OVERHEAD_BYTES = 600;

/** Consecutive messages and their bytes. */
class Slab {
  readonly firstId: number;
  readonly bytes: Uint8Array;
  /** Where each message begins, and behind the last one where the next would. */
  offsets: Uint32Array;
  count = 0;
  /** How many of its messages are still wanted. */
  live = 0;
  /** The bytes of those. */
  liveBytes = 0;
  /** Which of its messages are gone: not there before the first one is. */
  #gone: Uint8Array | undefined;

  constructor(firstId: number, capacity: number, offsetCount = OFFSETS_MIN) {
    this.firstId = firstId;
    this.bytes = new Uint8Array(capacity);
    this.offsets = new Uint32Array(offsetCount);
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
    this.liveBytes += end - start;
  }

  /** Lets go of messages, by index; returns how many bytes they were. */
  forget(from: number, to: number): number {
    const bytes = this.offsets[to]! - this.offsets[from]!;
    this.live -= to - from;
    this.liveBytes -= bytes;
    // The last slab may still grow, and it is the only one whose room is of use.
    if (this.#gone === undefined || this.#gone.length < this.count) {
      const gone = new Uint8Array(this.offsets.length);
      if (this.#gone !== undefined) gone.set(this.#gone);
      this.#gone = gone;
    }
    this.#gone.fill(1, from, to);
    return bytes;
  }

  /** Whether its messages would take a quarter of the room, each run of them in a slab of its own. */
  get isSparse(): boolean {
    return (this.liveBytes + this.live * SLAB_OVERHEAD_BYTES) * 4 <= this.bytes.length;
  }

  /** Copies what is left of it into slabs of the right size. */
  split(): Slab[] {
    const slabs: Slab[] = [];
    for (let index = 0; index < this.count; index++) {
      if (this.#gone?.[index] === 1) continue;
      let end = index + 1;
      while (end < this.count && this.#gone?.[end] !== 1) end++;
      slabs.push(this.#copy(index, end));
      index = end;
    }
    return slabs;
  }

  #copy(from: number, to: number): Slab {
    const start = this.offsets[from]!;
    const end = this.offsets[to]!;
    const slab = new Slab(this.firstId + from, end - start, to - from + 1);
    slab.append({ count: to - from, buffer: this.bytes, start, end });
    return slab;
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

  /** The bytes of memory that its slabs take up. */
  get slabBytes(): number {
    let bytes = 0;
    for (const slab of this.#slabs) bytes += slab.bytes.length + slab.offsets.byteLength;
    return bytes;
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
      id += to - from;
      if (slab.live === to - from) {
        bytes += slab.liveBytes;
        this.#slabs.splice(slabIndex, 1);
        continue;
      }
      bytes += slab.forget(from, to);
      // The last slab is still being filled.
      const isSplit = slabIndex < this.#slabs.length - 1 && slab.isSparse;
      const slabs = isSplit ? slab.split() : [slab];
      if (isSplit) this.#slabs.splice(slabIndex, 1, ...slabs);
      slabIndex += slabs.length;
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
