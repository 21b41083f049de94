import type { MessageBatch } from "../../../protocol.ts";
import { readEntrySize } from "../../protocol/messages/entry.ts";
import { invariant } from "../invariant.ts";
import type { Pager, Place, Segment } from "./pager.ts";
import { StoredTimes } from "./stored_times.ts";
import { SharedBatch } from "./shared_batch.ts";

/** The offsets that a new slab has room for. */
export const OFFSETS_MIN = 16;

/** The rough cost of a slab beside its messages, in bytes: two buffers and four objects. */
const SLAB_OVERHEAD_BYTES = 750;

/** Batches in the store with gaps below this between them are read in one piece. */
const READ_GAP_MAX = 16 * 1024;

/** The most bytes that are read in one piece, unless one batch is larger. */
const READ_BYTES_MAX = 1024 * 1024;

/** Stands for the bytes of a slab that are not in memory. */
const NOTHING = new Uint8Array(0);

/** Stands for the extents of a slab with one batch, as most of very many streams are: an array takes 400 bytes. */
const JUST_ONE = new Uint32Array(0);

export interface SlabOptions {
  readonly firstId: number;
  readonly bytes: Uint8Array;
  /** How many offsets there is room for at first. */
  readonly offsetCount?: number;
  /** The part of the store that all its batches are in. */
  readonly segment: Segment | undefined;
  /** Whether its size tells nothing of the batches that follow. */
  readonly isSingle?: boolean;
  /** When its messages were stored, if that is known before they are added. */
  readonly times?: StoredTimes | undefined;
}

/**
 * Consecutive messages of a stream and their bytes.
 *
 * A message is an offset in a slab and costs no object. The bytes are in memory, or, where an engine
 * has written them down, only in its store: then the slab knows the places of its batches and can be
 * filled again.
 *
 * ```text
 *   bytes    │entry│entry│entry│entry│…     │     not there when paged out
 *   offsets  │0    │108  │216  │400  │…     │     count + 1 of them, always there
 *   extents  │offset 4168│index 3, offset 9000│…              one for each batch
 *   times    │3 messages, 12 ms later 40 messages, …           one for each time
 * ```
 */
export class Slab {
  readonly firstId: number;
  /** The part of the store that its messages were written to; none if they were not. */
  readonly segment: Segment | undefined;
  /** Whether its size tells nothing of the batches that follow. */
  readonly isSingle: boolean;
  /** Its messages, or nothing while they are only in the store. */
  bytes: Uint8Array;
  /** Where each message begins, and behind the last one where the next would. */
  offsets: Uint32Array;
  /** How many messages were added, gone ones included. */
  count = 0;
  /** How many of its messages are live. */
  live = 0;
  liveBytes = 0;
  isSealed = false;
  /** When its messages were stored. */
  readonly times: StoredTimes;
  /** Which of its messages are gone; undefined while none is. */
  #gone: Uint8Array | undefined;
  /** The offset of the first batch in the segment; its index is 0. */
  #firstOffset = 0;
  /** Pairs of a message's index and its offset in the segment, one for each batch behind the first. */
  #extents = JUST_ONE;
  #extentCount = 0;
  /** Whose bytes these are, while they are other slabs' bytes, too. */
  #shared: SharedBatch | undefined;
  /** The checksum of the bytes, since they were paged out. */
  #checksum = 0;

  constructor(
    { firstId, bytes, offsetCount = OFFSETS_MIN, segment, isSingle = false, times }: SlabOptions,
  ) {
    this.isSingle = isSingle;
    this.firstId = firstId;
    this.segment = segment;
    this.bytes = bytes;
    this.times = times ?? new StoredTimes();
    this.offsets = new Uint32Array(offsetCount);
  }

  /** How many bytes its messages have, gone ones included. */
  get used(): number {
    return this.offsets[this.count]!;
  }

  /** The bytes of memory beside the messages; they stay the same once it is sealed. */
  get sideBytes(): number {
    return this.offsets.byteLength + this.#extents.byteLength + this.times.memoryBytes;
  }

  get isResident(): boolean {
    return this.bytes.length > 0;
  }

  /** Whether its bytes are other slabs' bytes, too, which never change. */
  get isShared(): boolean {
    return this.#shared !== undefined;
  }

  hasRoom(firstId: number, size: number, segment: Segment | undefined): boolean {
    return !this.isSealed && this.segment === segment && this.firstId + this.count === firstId &&
      this.used + size <= this.bytes.length;
  }

  /**
   * Adds a batch; one that is shared, or its own, is the only one, and the slab was made with its bytes.
   *
   * @param storedAt When it was stored, if the slab does not know that yet.
   */
  append(batch: MessageBatch, place: Place | undefined, storedAt?: number): void {
    const { buffer, start, end, count } = batch;
    if (storedAt !== undefined) this.times.append(this.count, storedAt);
    let slabOffset = this.used;
    if (place !== undefined) this.#addExtent(this.count, place.offset);
    if (batch instanceof SharedBatch) this.#shared = batch;
    else if (!batch.isOwn) copyBytes(buffer, start, end, this.bytes, slabOffset);
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
    this.#count(count, end - start);
  }

  /** Takes no more messages, and gives up the room for them. */
  seal(): void {
    this.isSealed = true;
    this.times.seal();
    if (this.offsets.length > this.count + 1) this.offsets = this.offsets.slice(0, this.count + 1);
    const length = Math.max(0, this.#extentCount - 1) * 2;
    if (this.#extents.length > length) this.#extents = this.#extents.slice(0, length);
  }

  /** Removes live messages, by index; returns their bytes. */
  forget(from: number, to: number): number {
    const bytes = this.offsets[to]! - this.offsets[from]!;
    this.#count(from - to, -bytes);
    // The last slab may still grow, and it is the only one whose room is of use.
    if (this.#gone === undefined || this.#gone.length < this.count) {
      const gone = new Uint8Array(this.offsets.length);
      if (this.#gone !== undefined) gone.set(this.#gone);
      this.#gone = gone;
    }
    this.#gone.fill(1, from, to);
    return bytes;
  }

  /** Removes all live messages; returns their bytes. */
  forgetAll(): number {
    const { live, liveBytes } = this;
    this.#count(-live, -liveBytes);
    this.#gone = undefined;
    return liveBytes;
  }

  /** The first message that is not gone, from an index on; `count` if there is none. */
  findLive(from: number): number {
    if (this.live === 0) return this.count;
    if (this.#gone === undefined) return from;
    let index = from;
    while (index < this.count && this.#gone[index] === 1) index++;
    return index;
  }

  /** The first message that is gone, from an index on; `count` if there is none. */
  findGone(from: number): number {
    if (this.live === 0) return from;
    const index = this.#gone?.indexOf(1, from) ?? -1;
    return index < 0 || index > this.count ? this.count : index;
  }

  /** Whether its messages would take a quarter of the room, each run of them in a slab of its own. */
  get isSparse(): boolean {
    return (this.liveBytes + this.live * SLAB_OVERHEAD_BYTES) * 4 <= this.bytes.length;
  }

  /** Copies the messages between two indices, whose bytes are in memory, into a slab of their size. */
  copy(from: number, to: number): Slab {
    const start = this.offsets[from]!;
    const end = this.offsets[to]!;
    const { segment } = this;
    const slab = new Slab({
      firstId: this.firstId + from,
      bytes: new Uint8Array(end - start),
      offsetCount: to - from + 1,
      segment,
      times: StoredTimes.of(this.times.list(from, to)),
    });
    copyBytes(this.bytes, start, end, slab.bytes, 0);
    for (let index = from; index <= to; index++) {
      slab.offsets[index - from] = this.offsets[index]! - start;
    }
    slab.count = to - from;
    this.#copyExtents(from, to, slab);
    for (let index = from; index < to;) {
      const live = this.findLive(index);
      const end = Math.min(this.findGone(live), to);
      if (live >= to) break;
      slab.#count(end - live, this.offsets[end]! - this.offsets[live]!);
      index = end;
    }
    if (slab.live < slab.count) slab.#gone = this.#gone!.slice(from, to);
    return slab;
  }

  /** Pages the bytes out: they are in the store. */
  pageOut(pager: Pager): void {
    const checksum = this.#shared?.checksum ?? pager.checksum(this.bytes.subarray(0, this.used));
    if (this.#shared !== undefined) this.#shared.checksum = checksum;
    this.#shared = undefined;
    this.#checksum = checksum;
    this.bytes = NOTHING;
  }

  /** Reads the bytes back; `bytes` has room for them. */
  pageIn(pager: Pager, bytes: Uint8Array): void {
    const segment = this.segment!;
    for (let first = 0; first < this.#extentCount;) {
      const next = this.#findSpan(first);
      this.#readSpan(pager, first, next, bytes);
      first = next;
    }
    if (pager.checksum(bytes.subarray(0, this.used)) !== this.#checksum) {
      throw pager.explainDamage(segment, this.#firstOffset);
    }
    this.bytes = bytes;
  }

  /** Counts messages that come or go, here and in the segment. */
  #count(count: number, bytes: number): void {
    this.live += count;
    this.liveBytes += bytes;
    if (this.segment === undefined) return;
    this.segment.liveCount += count;
    this.segment.liveBytes += bytes;
  }

  #addExtent(index: number, offset: number): void {
    if (this.#extentCount++ === 0) {
      invariant(index === 0, "the first batch of a slab begins it");
      this.#firstOffset = offset;
      return;
    }
    const at = (this.#extentCount - 2) * 2;
    if (at === this.#extents.length) {
      const grown = new Uint32Array(Math.max(2, at * 2));
      grown.set(this.#extents);
      this.#extents = grown;
    }
    this.#extents[at] = index;
    this.#extents[at + 1] = offset;
  }

  #copyExtents(from: number, to: number, slab: Slab): void {
    for (let extent = 0; extent < this.#extentCount; extent++) {
      const index = this.#extentIndex(extent);
      const end = this.#extentEnd(extent);
      if (index >= to || end <= from) continue;
      const first = Math.max(index, from);
      const skipped = this.offsets[first]! - this.offsets[index]!;
      slab.#addExtent(first - from, this.#extentOffset(extent) + skipped);
    }
  }

  /** The index of the first message of an extent. */
  #extentIndex(extent: number): number {
    return extent === 0 ? 0 : this.#extents[extent * 2 - 2]!;
  }

  /** Where an extent begins in the segment. */
  #extentOffset(extent: number): number {
    return extent === 0 ? this.#firstOffset : this.#extents[extent * 2 - 1]!;
  }

  /** The index behind the last message of an extent. */
  #extentEnd(extent: number): number {
    return extent + 1 < this.#extentCount ? this.#extentIndex(extent + 1) : this.count;
  }

  /** Finds how many extents from one on lie so near to each other that one read is best. */
  #findSpan(first: number): number {
    const start = this.#extentOffset(first);
    let end = start + this.#extentBytes(first);
    let next = first + 1;
    for (; next < this.#extentCount; next++) {
      const offset = this.#extentOffset(next);
      const nextEnd = offset + this.#extentBytes(next);
      if (offset < end || offset - end > READ_GAP_MAX || nextEnd - start > READ_BYTES_MAX) break;
      end = nextEnd;
    }
    return next;
  }

  #extentBytes(extent: number): number {
    const index = this.#extentIndex(extent);
    return this.offsets[this.#extentEnd(extent)]! - this.offsets[index]!;
  }

  /** Reads the extents from `first` to below `next` in one piece, each to its place in `bytes`. */
  #readSpan(pager: Pager, first: number, next: number, bytes: Uint8Array): void {
    const start = this.#extentOffset(first);
    const last = next - 1;
    const length = this.#extentOffset(last) + this.#extentBytes(last) - start;
    const to = this.offsets[this.#extentIndex(first)]!;
    if (next === first + 1) {
      return pager.read(this.segment!, start, bytes.subarray(to, to + length));
    }
    const span = new Uint8Array(length);
    pager.read(this.segment!, start, span);
    for (let extent = first; extent < next; extent++) {
      const offset = this.#extentOffset(extent) - start;
      const to = this.offsets[this.#extentIndex(extent)]!;
      copyBytes(span, offset, offset + this.#extentBytes(extent), bytes, to);
    }
  }

  #reserveOffsets(needed: number): void {
    if (needed <= this.offsets.length) return;
    const grown = new Uint32Array(Math.max(needed, this.offsets.length * 2));
    grown.set(this.offsets);
    this.offsets = grown;
  }
}

function copyBytes(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  offset: number,
): void {
  to.set(from.subarray(start, end), offset);
}
