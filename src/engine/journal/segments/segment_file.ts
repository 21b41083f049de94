import type { Segment } from "../../../broker/backlog/pager.ts";
import { type DiskFile, DiskFullError, writeAll } from "../disk/disk.ts";

/** A group is small if so many of it fit into the zeros ahead: to write those takes longer, once for so many. */
const SMALL_PER_AHEAD = 32;

/** What all segments have ahead. */
let zeros = new Uint8Array(0);

/** So many small groups in a row are worth zeros: those ahead of large ones would be written for nothing. */
const SMALL_COUNT_MIN = 4;

const NAME_RULE = /^[0-9a-f]{16}\.journal$/;

export function nameSegment(base: number): string {
  return `${base.toString(16).padStart(16, "0")}.journal`;
}

/** The position that a segment of this name begins at; `undefined` for names of other files. */
export function readSegmentName(name: string): number | undefined {
  return NAME_RULE.test(name) ? Number.parseInt(name, 16) : undefined;
}

/**
 * Sums over the segments of one journal, kept up to date: there may be thousands of segments, and the sums
 * are needed for every group.
 */
export class SegmentTotals {
  /** How many bytes they have. */
  bytes = 0;
  /** The number of live messages in them. */
  liveCount = 0;
  /** The bytes of the live messages. */
  liveBytes = 0;
}

/** A segment, with its file open while it may have messages. */
export class SegmentFile implements Segment {
  readonly base: number;
  #size = 0;
  #liveCount = 0;
  #liveBytes = 0;
  /** Its own sums, until it belongs to a journal. */
  #totals = new SegmentTotals();
  /** How many records with messages were written to it and are not counted yet. */
  underwayCount = 0;
  /** The bytes of its head and its checkpoint. */
  headBytes = 0;
  /** Where the next segment is to begin; behind it there are no zeros. */
  bytesMax: number = Infinity;
  /** How many open backups still need it. */
  holdCount = 0;
  /** Whether some of it cannot be read: then it must not be removed. */
  isDamaged = false;
  #file: DiskFile;
  /** Where the zeros ahead end; infinite if there are to be none any more. */
  #aheadEnd = 0;
  #smallCount = 0;
  /** The bytes of small groups, and of zeros that large ones have taken the place of. */
  #smallBytes = 0;
  #wastedBytes = 0;

  constructor(base: number, file: DiskFile, size: number) {
    this.base = base;
    this.#file = file;
    this.size = size;
  }

  /** How many bytes of it are in use. */
  get size(): number {
    return this.#size;
  }

  set size(size: number) {
    this.#totals.bytes += size - this.#size;
    this.#size = size;
  }

  get liveCount(): number {
    return this.#liveCount;
  }

  set liveCount(count: number) {
    this.#totals.liveCount += count - this.#liveCount;
    this.#liveCount = count;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  set liveBytes(bytes: number) {
    this.#totals.liveBytes += bytes - this.#liveBytes;
    this.#liveBytes = bytes;
  }

  /** Counts its messages in other sums from now on. */
  countIn(totals: SegmentTotals): void {
    const { size, liveCount, liveBytes } = this;
    this.size = this.liveCount = this.liveBytes = 0;
    this.#totals = totals;
    this.size = size;
    this.liveCount = liveCount;
    this.liveBytes = liveBytes;
  }

  get end(): number {
    return this.base + this.size;
  }

  /** Whether nothing in it is needed by the streams. */
  get isWaste(): boolean {
    return this.liveCount === 0 && this.underwayCount === 0 && !this.isDamaged;
  }

  get isFree(): boolean {
    return this.isWaste && this.holdCount === 0;
  }

  get name(): string {
    return nameSegment(this.base);
  }

  get file(): DiskFile {
    return this.#file;
  }

  /** Continues with another handle of its file; the present one is closed. */
  replaceFile(file: DiskFile): void {
    this.#file.close();
    this.#file = file;
  }

  /**
   * Puts zeros ahead of a group that is about to be written, unless there are some, or groups are too large to
   * gain from them. Returns how many.
   */
  prepare(bytes: number): number {
    const { aheadBytes = 0 } = this.#file;
    const end = this.size + bytes;
    if (bytes * SMALL_PER_AHEAD > aheadBytes) {
      this.#smallCount = 0;
      if (this.#isAhead) this.#wastedBytes += Math.min(bytes, this.#aheadEnd - this.size);
      return 0;
    }
    this.#smallCount++;
    this.#smallBytes += bytes;
    const isWorthIt = this.#smallCount >= SMALL_COUNT_MIN && this.#wastedBytes <= this.#smallBytes;
    if (!isWorthIt || end <= this.#aheadEnd) return 0;
    const count = Math.min(aheadBytes, this.bytesMax - end);
    if (count <= 0) return 0;
    try {
      if (zeros.length < count) zeros = new Uint8Array(aheadBytes);
      writeAll(this.#file, zeros.subarray(0, count), end);
      this.#aheadEnd = end + count;
      return count;
    } catch (error) {
      if (!(error instanceof DiskFullError)) throw error;
      this.cutOff();
      return 0;
    }
  }

  /** Cuts off what is behind its end; from now on there are no zeros ahead. */
  cutOff(): void {
    this.#file.truncate(this.size);
    this.#aheadEnd = Infinity;
  }

  /** Cuts zeros off that are behind its end: hardly anything comes any more. */
  finish(): void {
    if (this.#isAhead) this.cutOff();
  }

  get #isAhead(): boolean {
    return this.#aheadEnd > this.size && this.#aheadEnd < Infinity;
  }

  /** Writes pieces of bytes at its end, all or none of which count; returns their offset. */
  append(...pieces: readonly Uint8Array[]): number {
    const offset = this.size;
    let end = offset;
    for (const bytes of pieces) {
      writeAll(this.#file, bytes, end);
      end += bytes.length;
    }
    this.size = end;
    return offset;
  }
}
