/** A connection, as a link needs it. */
export interface Duplex {
  /** Reads some bytes into the buffer; resolves to their number, or to `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes; resolves to their number. */
  write(bytes: Uint8Array): Promise<number>;
  /** The memory that it takes up for bytes that were not read yet, if it keeps any. */
  readonly heldBytes?: number;
  /** Ends both directions; reads and writes under way are rejected or end. */
  close(): void;
}

/** The most bytes under way in one direction of a pipe. */
const PIPE_BYTES_MAX = 256 * 1024;

/** Makes a connection inside this process; returns its two ends. */
export function createPipe(): [Duplex, Duplex] {
  const there = new PipeDirection();
  const back = new PipeDirection();
  return [new PipeEnd(there, back), new PipeEnd(back, there)];
}

/** One direction of a pipe: bytes that have been written and not been read. */
class PipeDirection {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isClosed = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  async write(bytes: Uint8Array): Promise<number> {
    while (this.#bytes >= PIPE_BYTES_MAX && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#wakeWriter = resolve);
    }
    if (this.#isClosed) {
      throw Object.assign(new Error("the pipe is closed"), { code: "EPIPE" });
    }
    const chunk = bytes.slice(0, PIPE_BYTES_MAX);
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#wakeReader?.();
    this.#wakeReader = undefined;
    return chunk.length;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
    }
    const chunk = this.#chunks[0];
    if (chunk === undefined) return null;
    const part = chunk.subarray(0, buffer.length);
    buffer.set(part);
    if (part.length === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(part.length);
    this.#bytes -= part.length;
    this.#wakeWriter?.();
    this.#wakeWriter = undefined;
    return part.length;
  }

  close(): void {
    this.#isClosed = true;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }
}

class PipeEnd implements Duplex {
  readonly #outward: PipeDirection;
  readonly #inward: PipeDirection;

  constructor(outward: PipeDirection, inward: PipeDirection) {
    this.#outward = outward;
    this.#inward = inward;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#inward.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#outward.write(bytes);
  }

  close(): void {
    this.#outward.close();
    this.#inward.close();
  }
}
