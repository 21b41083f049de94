import type { DiskFile } from "../disk/disk.ts";
import { CHUNK_BYTES, type ReadAhead, type ReadPart } from "./read_ahead.ts";

/** The part of a file that a scan has in memory. */
export class ScanWindow {
  readonly #file: DiskFile;
  readonly #end: number;
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  view: DataView<ArrayBuffer> = new DataView(this.bytes.buffer);
  /** The offset and the index of its first byte, and how many there are. */
  #offset = 0;
  #start = 0;
  #length = 0;

  constructor(file: DiskFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** Whether so many bytes from an offset on are in the buffer. */
  covers(offset: number, length: number): boolean {
    return offset >= this.#offset && offset + length <= this.#offset + this.#length;
  }

  /** Brings a number of bytes from an offset on into the buffer, or all there are; returns the index. */
  reach(offset: number, length: number): number {
    const needed = Math.min(length, this.#end - offset);
    if (this.covers(offset, needed)) return this.#start + offset - this.#offset;
    const size = Math.min(Math.max(needed, CHUNK_BYTES), this.#end - offset);
    if (this.bytes.length < size) this.#setBytes(new Uint8Array(size));
    this.#offset = offset;
    this.#start = 0;
    this.#length = this.#file.read(this.bytes.subarray(0, size), offset);
    // Of a file that is shorter than it was, nothing else must be taken for its end.
    this.bytes.fill(0, this.#length, size);
    return 0;
  }

  /** The number of bytes from an index on. */
  countFrom(index: number): number {
    return this.#start + this.#length - index;
  }

  /**
   * Goes on to the next chunk, which has been read ahead, and begins to read the one behind it.
   *
   * @param offset The first byte that is wanted.
   * @param next What is read when this file has come to its end.
   */
  async advance(offset: number, ahead: ReadAhead, next?: ReadPart): Promise<void> {
    const part = { file: this.#file, start: offset, end: this.#end };
    const index = this.covers(offset, 0) ? this.#start + offset - this.#offset : 0;
    const rest = this.bytes.subarray(
      index,
      this.covers(offset, 0) ? this.#start + this.#length : 0,
    );
    const chunk = await ahead.take(part, offset, rest);
    ahead.recycle(this.bytes);
    this.#setBytes(chunk.buffer);
    this.#offset = chunk.offset;
    this.#start = chunk.start;
    this.#length = chunk.length;
    const end = chunk.offset + chunk.length;
    if (end < this.#end) ahead.begin(part, end);
    else if (next !== undefined) ahead.begin(next, next.start);
  }

  /** Gives its buffer back. */
  close(ahead: ReadAhead): void {
    ahead.recycle(this.bytes);
    this.#length = 0;
  }

  #setBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}
