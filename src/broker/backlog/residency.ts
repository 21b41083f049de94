import { AgedMap } from "../collections/aged_map.ts";
import type { Pager } from "./pager.ts";
import type { Slab } from "./slab.ts";

/** A slab of this size holds some 2,400 messages of 100 bytes, and is freed in one piece. */
export const SLAB_BYTES_MAX: number = 256 * 1024;

/** This part of the limit is for bytes that were read back. */
const LOADED_SHARE = 1 / 8;

/**
 * Other things leave this part of the room for bytes that never left: with less, each message of streams that
 * are published to by turns would page another stream's slab out, and get a slab of its own.
 */
const KEPT_SHARE_MIN = 1 / 4;

/** The least room for bytes that were read back. */
const LOADED_BYTES_MIN = 4 * SLAB_BYTES_MAX;

/** What a slab takes beside its bytes and its offsets: objects, and their places in lists (measured). */
const SLAB_OBJECT_BYTES = 1000;

/** How many unused buffers of full size are kept. */
const SPARE_COUNT_MAX = 32;

/** Smaller buffers are left to the collector of garbage: to free them costs more than they take. */
const FREED_BYTES_MIN = 4096;

export interface ResidencyOptions {
  readonly bytesMax: number;
  /** Reads bytes back; without it all stay in memory. */
  readonly pager: Pager | undefined;
}

/**
 * Which messages have their bytes in memory, over all streams, so that a long backlog does not fill
 * memory.
 *
 * The oldest messages are delivered first. While there is room, bytes stay in memory; beyond the limit,
 * the newest are paged out, because they are needed last. Bytes that are read back, just before
 * delivery, push each other out in their order of arrival. What the broker remembers of the others takes
 * memory, too, and leaves less room for bytes, but some always.
 */
export class Residency {
  /** The most bytes of memory, if a pager can read others back. */
  readonly bytesMax: number;
  readonly #pager: Pager | undefined;
  readonly #keptMax: number;
  readonly #loadedMax: number;
  /** Slabs that never left memory, in order of arrival. */
  readonly #kept = new AgedMap<Slab, Slab>();
  /** Those of them that take no more messages, in the order in which they were full. */
  readonly #sealed = new AgedMap<Slab, Slab>();
  /** Slabs that were read back, in that order. */
  readonly #loaded = new AgedMap<Slab, Slab>();
  /** Unused buffers of full size. */
  readonly #spare: Uint8Array[] = [];
  #keptBytes = 0;
  /** Memory that is booked for other things than messages. */
  #bookedBytes = 0;
  #loadedBytes = 0;
  /** What sealed slabs take beside their bytes, wherever those are. */
  #sideBytes = 0;

  constructor({ bytesMax, pager }: ResidencyOptions) {
    this.bytesMax = bytesMax;
    this.#pager = pager;
    this.#loadedMax = Math.max(LOADED_BYTES_MIN, bytesMax * LOADED_SHARE);
    this.#keptMax = Math.max(0, bytesMax - this.#loadedMax);
  }

  /** How many bytes the slabs take up in memory, those of shared batches in each slab. */
  get bytes(): number {
    return this.#keptBytes + this.#loadedBytes;
  }

  /** How many bytes of memory are booked for other things than messages. */
  get bookedBytes(): number {
    return this.#bookedBytes;
  }

  /** Books memory for other things than messages, or gives it back; it reduces the room for messages. */
  book(bytes: number): void {
    this.#bookedBytes += bytes;
  }

  /** Makes room for what was booked: bytes are paged out. Nobody uses bytes of slabs meanwhile. */
  trim(): void {
    if (this.#pager !== undefined) this.#trimKept();
  }

  allocate(size: number): Uint8Array {
    if (size !== SLAB_BYTES_MAX) return new Uint8Array(size);
    return this.#spare.pop() ?? new Uint8Array(size);
  }

  /** Notes a new slab, with its bytes in memory, and makes room for it. */
  add(slab: Slab): void {
    this.#keptBytes += slab.bytes.length;
    if (this.#pager !== undefined) this.#trimKept();
    this.#kept.set(slab, slab);
  }

  /** Notes that a slab does not grow any more. */
  seal(slab: Slab): void {
    if (slab.isSealed) return;
    this.#seal(slab);
    if (this.#pager === undefined) return;
    if (this.#kept.has(slab)) this.#sealed.set(slab, slab);
  }

  /** Forgets a slab that is gone. */
  remove(slab: Slab): void {
    if (slab.isSealed) this.#sideBytes -= SLAB_OBJECT_BYTES + slab.sideBytes;
    this.#letGo(slab, slab.bytes, slab.isShared);
  }

  /** Brings a slab's bytes into memory; throws if they cannot be read back. */
  load(slab: Slab): void {
    if (slab.isResident) return;
    const size = slab.used > SLAB_BYTES_MAX / 2 ? Math.max(SLAB_BYTES_MAX, slab.used) : slab.used;
    const bytes = this.allocate(size);
    try {
      slab.pageIn(this.#pager!, bytes);
    } catch (error) {
      this.#recycle(bytes);
      throw error;
    }
    this.#loaded.set(slab, slab);
    this.#loadedBytes += bytes.length;
    while (this.#loadedBytes > this.#loadedMax && this.#loaded.size > 1) {
      this.#pageOut(this.#loaded.oldest!);
    }
  }

  /** Pages out the newest slabs that take no more messages; without such slabs, the oldest ones. */
  #trimKept(): void {
    const room = Math.max(this.#keptMax * KEPT_SHARE_MIN, this.#keptMax - this.#otherBytes);
    while (this.#keptBytes > room) {
      const { newest } = this.#sealed;
      if (newest !== undefined) {
        this.#pageOut(newest);
        continue;
      }
      const { oldest } = this.#kept;
      if (oldest === undefined) return;
      this.#seal(oldest);
      this.#pageOut(oldest);
    }
  }

  /** Memory that is not for the bytes of messages. */
  get #otherBytes(): number {
    return this.#bookedBytes + this.#sideBytes;
  }

  #seal(slab: Slab): void {
    slab.seal();
    this.#sideBytes += SLAB_OBJECT_BYTES + slab.sideBytes;
  }

  #pageOut(slab: Slab): void {
    const { bytes, isShared } = slab;
    slab.pageOut(this.#pager!);
    this.#letGo(slab, bytes, isShared);
  }

  #letGo(slab: Slab, bytes: Uint8Array, isShared: boolean): void {
    if (this.#kept.delete(slab)) {
      this.#sealed.delete(slab);
      this.#keptBytes -= bytes.length;
    } else if (this.#loaded.delete(slab)) this.#loadedBytes -= bytes.length;
    else return;
    if (!isShared) this.#recycle(bytes);
  }

  #recycle(bytes: Uint8Array): void {
    if (bytes.length === SLAB_BYTES_MAX && this.#spare.length < SPARE_COUNT_MAX) {
      this.#spare.push(bytes);
    } else if (bytes.length >= FREED_BYTES_MIN) {
      // At once: the collector would come for it much later.
      (bytes.buffer as ArrayBuffer).transfer(0);
    }
  }
}
