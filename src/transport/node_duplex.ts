import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Duplex } from "./duplex.ts";

/** Above so many unread bytes nothing more is taken from the system, and below so many it is again. */
const PAUSE_BYTES = 64 * 1024;
const RESUME_BYTES = 16 * 1024;

/** The most bytes of one write: what a slow reader takes is noticed in steps of this size. */
const WRITE_BYTES_MAX = 256 * 1024;

/** Where a socket's bytes come from. */
export interface SocketSource {
  /** Takes nothing more from the system. */
  hold(): void;
  /** Takes it again. */
  release(): void;
  /** Whether memory for received bytes is short. */
  readonly isThrifty?: boolean;
  /** The memory that it takes up for bytes that were not passed on yet. */
  readonly heldBytes?: number;
}

/** A call of `read` that waits. */
interface Reader {
  readonly buffer: Uint8Array;
  readonly resolve: (count: number | null) => void;
  readonly reject: (error: unknown) => void;
}

/** An open socket of node:net or node:tls, as a link needs it. */
export class NodeDuplex implements Duplex {
  readonly #socket: Socket;
  readonly #source: SocketSource;
  /** What has come and was not read. */
  readonly #chunks: Uint8Array[] = [];
  /** The bytes of the first chunk that were read already. */
  #offset = 0;
  #bytes = 0;
  #isPaused = false;
  #hasEnded = false;
  #error: unknown;
  #reader: Reader | undefined;

  /**
   * @param socket A socket that is open, of which nothing has been read.
   * @param source What it runs over, if to pause the socket itself has no effect on that.
   */
  constructor(socket: Socket, source: SocketSource = new SystemSource(socket)) {
    this.#socket = socket;
    this.#source = source;
    socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
    socket.on("end", () => this.#end());
    socket.on("error", (error) => {
      this.#error ??= error;
      this.#end();
    });
    socket.on("close", () => this.#end());
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#bytes > 0) return Promise.resolve(this.#give(buffer));
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#hasEnded) return Promise.resolve(null);
    return new Promise((resolve, reject) => this.#reader = { buffer, resolve, reject });
  }

  write(bytes: Uint8Array): Promise<number> {
    const part = bytes.length > WRITE_BYTES_MAX ? bytes.subarray(0, WRITE_BYTES_MAX) : bytes;
    return new Promise((resolve, reject) => {
      this.#socket.write(part, (error) => error ? reject(error) : resolve(part.length));
    });
  }

  close(): void {
    this.#hasEnded = true;
    // The other side is told of the end, if that can be sent at once.
    this.#socket.end();
    setImmediate(() => this.#socket.destroy());
    this.#answer();
  }

  get heldBytes(): number {
    return this.#bytes + (this.#source.heldBytes ?? 0);
  }

  #take(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const most = this.#source.isThrifty ? 0 : PAUSE_BYTES;
    if (this.#bytes > most && !this.#isPaused) {
      this.#isPaused = true;
      this.#source.hold();
    }
    this.#answer();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#answer();
  }

  /** Ends the call that waits, if there is something to end it with. */
  #answer(): void {
    const reader = this.#reader;
    if (reader === undefined || (this.#bytes === 0 && !this.#hasEnded)) return;
    this.#reader = undefined;
    if (this.#bytes > 0) reader.resolve(this.#give(reader.buffer));
    else if (this.#error !== undefined) reader.reject(this.#error);
    else reader.resolve(null);
  }

  /** Moves as much as there is, and as fits, into a buffer. */
  #give(buffer: Uint8Array): number {
    let count = 0;
    let taken = 0;
    while (taken < this.#chunks.length && count < buffer.length) {
      const chunk = this.#chunks[taken]!;
      const end = Math.min(chunk.length, this.#offset + buffer.length - count);
      buffer.set(chunk.subarray(this.#offset, end), count);
      count += end - this.#offset;
      this.#offset = end;
      if (end < chunk.length) break;
      this.#offset = 0;
      taken++;
    }
    this.#chunks.splice(0, taken);
    this.#bytes -= count;
    if (this.#isPaused && this.#bytes < RESUME_BYTES) {
      this.#isPaused = false;
      this.#source.release();
    }
    return count;
  }
}

/** A socket that takes its bytes from the system itself. */
class SystemSource implements SocketSource {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  hold(): void {
    this.#socket.pause();
  }

  release(): void {
    this.#socket.resume();
  }
}
