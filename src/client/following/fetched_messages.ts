import type { MessageBatch, TagRange } from "../../../protocol.ts";
import { readEntrySize } from "../../protocol/messages/entry.ts";
import { findEntryKey } from "../../protocol/messages/properties.ts";
import { type DeliveredBatch, DeliveredMessage } from "../deliveries/delivered_message.ts";

/** The first tag and id of a frame's messages, and their number. */
export interface FirstMessage {
  readonly firstTag: number;
  readonly firstId: number;
  readonly count: number;
}

/** Messages of one frame that have not been handed out yet. */
class FetchedBatch {
  readonly #batch: DeliveredBatch;
  #offset: number;
  nextTag: number;
  #nextId: number;
  left: number;

  constructor(batch: DeliveredBatch, { firstTag, firstId, count }: FirstMessage, offset: number) {
    this.#batch = batch;
    this.#offset = offset;
    this.nextTag = firstTag;
    this.#nextId = firstId;
    this.left = count;
  }

  take(): DeliveredMessage {
    const numbers = { id: this.#nextId, tag: this.nextTag };
    const message = new DeliveredMessage(this.#batch, this.#offset, numbers);
    this.skip();
    return message;
  }

  skip(): void {
    this.#offset += readEntrySize(this.#batch.bytes, this.#offset);
    this.nextTag++;
    this.#nextId++;
    this.left--;
  }

  get nextHasKey(): boolean {
    return findEntryKey(this.#batch.bytes, this.#offset) > 0;
  }

  has(tag: number): boolean {
    return tag >= this.nextTag && tag < this.nextTag + this.left;
  }
}

/**
 * Batches up to the first size are copied into shared buffers of the second size. When messages come one by
 * one, a buffer for each would cost more than all the rest.
 */
const SHARED_PART_MAX = 2048;
const SHARED_BYTES = 16 * 1024;

/**
 * The number of finished batches kept before the list is cut, which takes time in proportion to its length.
 */
const HEAD_MAX = 256;

const NOTHING = new Uint8Array(0);

/** The messages that a follower has fetched and not handed out, grouped by frame. */
export class FetchedMessages {
  /** The last tag received over this link. */
  lastTag = 0;
  #batches: FetchedBatch[] = [];
  /** The index of the first remaining batch. */
  #head = 0;
  #count = 0;
  /** Tags in the batches whose messages the broker has taken back. */
  readonly #gone = new Set<number>();
  /** The buffer that small batches are copied into, and the size of its used part. */
  #shared = NOTHING;
  #sharedBytes = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds the messages of a frame, copied unless they are its own: the decoder reuses its buffer. */
  add(
    batch: Omit<DeliveredBatch, "bytes">,
    first: FirstMessage,
    { buffer, start, end, isOwn = false }: MessageBatch,
  ): void {
    this.#count += first.count;
    if (isOwn) {
      this.#batches.push(new FetchedBatch({ ...batch, bytes: buffer }, first, start));
      return;
    }
    const size = end - start;
    if (size > SHARED_PART_MAX) {
      const copy = { ...batch, bytes: buffer.slice(start, end) };
      this.#batches.push(new FetchedBatch(copy, first, 0));
      return;
    }
    if (this.#sharedBytes + size > this.#shared.length) {
      this.#shared = new Uint8Array(SHARED_BYTES);
      this.#sharedBytes = 0;
    }
    const offset = this.#sharedBytes;
    this.#shared.set(buffer.subarray(start, end), offset);
    this.#sharedBytes += size;
    this.#batches.push(new FetchedBatch({ ...batch, bytes: this.#shared }, first, offset));
  }

  /** Whether the next message has a key; there must be one. */
  get nextHasKey(): boolean {
    return this.#batches[this.#head]!.nextHasKey;
  }

  /** Takes the next message; there must be one. */
  take(): DeliveredMessage {
    const batch = this.#batches[this.#head]!;
    const message = batch.take();
    this.#count--;
    if (this.#gone.size > 0) this.#skipGone();
    else if (batch.left === 0) this.#head++;
    if (this.#head >= HEAD_MAX || this.#count === 0) this.#compact();
    return message;
  }

  /**
   * Removes messages that the broker has taken back.
   *
   * @returns The tags that are not here, because their messages have been handed out.
   */
  drop({ firstTag, count }: TagRange): number[] {
    this.#compact();
    const others: number[] = [];
    for (let tag = firstTag; tag < firstTag + count; tag++) {
      if (!this.#batches.some((batch) => batch.has(tag))) others.push(tag);
      else if (!this.#gone.has(tag)) {
        this.#gone.add(tag);
        this.#count--;
      }
    }
    this.#skipGone();
    return others;
  }

  /** Removes all; returns the tags. */
  takeAll(): TagRange[] {
    this.#compact();
    const ranges: TagRange[] = [];
    for (const { nextTag, left } of this.#batches) {
      if (this.#gone.size === 0) ranges.push({ firstTag: nextTag, count: left });
      else {
        for (let tag = nextTag; tag < nextTag + left; tag++) {
          if (!this.#gone.has(tag)) ranges.push({ firstTag: tag, count: 1 });
        }
      }
    }
    this.#clear();
    return ranges;
  }

  /** Begins on a new link. */
  restart(): void {
    this.#clear();
    this.lastTag = 0;
  }

  #clear(): void {
    this.#batches = [];
    this.#head = 0;
    this.#count = 0;
    this.#gone.clear();
    this.#shared = NOTHING;
    this.#sharedBytes = 0;
  }

  /** Skips messages that were taken back. */
  #skipGone(): void {
    for (; this.#head < this.#batches.length; this.#head++) {
      const batch = this.#batches[this.#head]!;
      while (batch.left > 0 && this.#gone.delete(batch.nextTag)) batch.skip();
      if (batch.left > 0) return;
    }
  }

  /** Drops the finished batches. */
  #compact(): void {
    if (this.#head === 0) return;
    if (this.#count === 0) this.#batches.length = 0;
    else this.#batches.splice(0, this.#head);
    this.#head = 0;
  }
}
