import type { DiskFile } from "../disk/disk.ts";

/** The bytes that are read at a time. */
export const CHUNK_BYTES: number = 4 * 1024 * 1024;

/** The bytes before a chunk that the end of the one before may be put into. */
const REST_BYTES_MAX = 1024 * 1024;

/** A part of a file that is read from its beginning to its end. */
export interface ReadPart {
  readonly file: DiskFile;
  readonly start: number;
  readonly end: number;
}

/** Bytes of a file, with room before them. */
export interface Chunk {
  readonly buffer: Uint8Array<ArrayBuffer>;
  /** The index of the first byte. */
  readonly start: number;
  readonly length: number;
  /** The offset of the first byte in the file. */
  readonly offset: number;
}

/** A chunk that is being read on another thread. */
interface Reading {
  readonly file: DiskFile;
  readonly offset: number;
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly length: Promise<number>;
}

/**
 * Reads files of a journal a chunk ahead: the next one comes from the disk, on another thread, while the
 * present one is used. It has two buffers, which take turns; a short file has some of its own.
 */
export class ReadAhead {
  #reading: Reading | undefined;
  #spare: Uint8Array<ArrayBuffer>[] = [];

  /** Begins to read a chunk of a part, unless one is being read. */
  begin({ file, end }: ReadPart, offset: number): void {
    if (this.#reading !== undefined || offset >= end) return;
    const size = Math.min(CHUNK_BYTES, end - offset);
    // A short file needs no large buffer.
    const buffer = this.#spare.pop() ?? new Uint8Array(REST_BYTES_MAX + size);
    const into = buffer.subarray(REST_BYTES_MAX, REST_BYTES_MAX + size);
    const length = file.readLater(into, offset);
    // Whoever takes it hears of the error; perhaps nobody does.
    length.catch(() => {});
    this.#reading = { file, offset, buffer, length };
  }

  /**
   * Takes the chunk that an offset of a part is in, or that begins with it.
   *
   * @param rest The bytes that the caller has from the offset on; they are put before the chunk.
   */
  async take(part: ReadPart, offset: number, rest: Uint8Array): Promise<Chunk> {
    const reading = this.#reading;
    const isNext = reading !== undefined && reading.file === part.file &&
      reading.offset === offset + rest.length && rest.length <= REST_BYTES_MAX;
    if (isNext) return await this.#finish(reading, rest);
    await this.settle();
    this.begin(part, offset);
    return await this.#finish(this.#reading!, rest.subarray(0, 0));
  }

  /** Gives a buffer back that is not used any more. */
  recycle(buffer: Uint8Array<ArrayBuffer>): void {
    if (buffer.length === REST_BYTES_MAX + CHUNK_BYTES) this.#spare.push(buffer);
  }

  /** Waits for a chunk that is being read, and drops it. */
  async settle(): Promise<void> {
    const reading = this.#reading;
    if (reading === undefined) return;
    await reading.length.catch(() => {});
    this.#reading = undefined;
    this.recycle(reading.buffer);
  }

  async #finish({ offset, buffer, length }: Reading, rest: Uint8Array): Promise<Chunk> {
    try {
      const start = REST_BYTES_MAX - rest.length;
      const count = await length;
      buffer.set(rest, start);
      return { buffer, start, length: rest.length + count, offset: offset - rest.length };
    } finally {
      this.#reading = undefined;
    }
  }
}
