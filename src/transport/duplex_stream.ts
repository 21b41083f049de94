import { Buffer } from "node:buffer";
import { Duplex as NodeStream } from "node:stream";
import type { Duplex } from "./duplex.ts";

/** The buffer of an idle connection, and of one that fills it. */
const BUFFER_BYTES_MIN = 1024;
const BUFFER_BYTES_BUSY = 64 * 1024;

/** A duplex as a stream of Node, so that TLS can run over it. */
export class DuplexStream extends NodeStream {
  readonly #duplex: Duplex;
  #buffer = new Uint8Array(BUFFER_BYTES_MIN);
  /** Whether bytes of the buffer are being taken. */
  #isPassing = false;
  /** What was read before. */
  #first: Uint8Array | undefined;
  #isHeld = false;
  /** Whether more was asked for while nothing was read. */
  #isAwaited = false;
  readonly #isThrifty: () => boolean;

  /**
   * @param duplex The connection.
   * @param first The bytes that have been read from it already, if any; the stream owns them.
   * @param isThrifty Whether memory for received bytes is short.
   */
  constructor(duplex: Duplex, first?: Uint8Array, isThrifty: () => boolean = () => false) {
    super({ allowHalfOpen: true });
    this.#duplex = duplex;
    this.#first = first;
    this.#isThrifty = isThrifty;
    // TLS passes errors on; a moment at which it does not listen must not end the process.
    this.on("error", () => {});
  }

  /** Whether memory for received bytes is short. */
  get isThrifty(): boolean {
    return this.#isThrifty();
  }

  /** The size of its buffer beyond that of an idle connection. */
  get heldBytes(): number {
    return this.#buffer.length - BUFFER_BYTES_MIN;
  }

  /** Reads nothing more from the connection. TLS itself takes and decrypts all that there is. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Reads again. */
  release(): void {
    this.#isHeld = false;
    if (!this.#isAwaited) return;
    this.#isAwaited = false;
    this._read();
  }

  override _read(): void {
    this.#isAwaited = this.#isHeld;
    if (this.#isHeld) return;
    const first = this.#first;
    if (first !== undefined) {
      this.#first = undefined;
      this.push(view(first));
    } else {
      if (this.#isPassing) this.#renew();
      if (this.isThrifty && this.heldBytes > 0) this.#buffer = new Uint8Array(BUFFER_BYTES_MIN);
      this.#duplex.read(this.#buffer).then(
        (count) => this.#pass(count),
        (error) => this.destroy(error),
      );
    }
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#writeAll(chunk).then(() => done(), done);
  }

  override _writev(
    chunks: { readonly chunk: Uint8Array }[],
    done: (error?: Error) => void,
  ): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "", done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#duplex.close();
    done(error);
  }

  #pass(count: number | null): void {
    if (count === null) return void this.push(null);
    const buffer = this.#buffer;
    const isFull = count === buffer.length;
    if (isFull && count === BUFFER_BYTES_MIN && !this.isThrifty) {
      this.#buffer = new Uint8Array(BUFFER_BYTES_BUSY);
    }
    if (!isFull && count < BUFFER_BYTES_MIN && buffer.length > BUFFER_BYTES_MIN) {
      this.#buffer = new Uint8Array(BUFFER_BYTES_MIN);
    }
    this.#isPassing = true;
    this.push(view(buffer, count));
    this.#isPassing = false;
    // TLS takes bytes at once. Where it does not, they are the stream's, with their buffer.
    if (buffer === this.#buffer && this.readableLength > 0) this.#renew();
  }

  #renew(): void {
    this.#buffer = new Uint8Array(this.#buffer.length);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let sent = await this.#duplex.write(bytes);
    while (sent < bytes.length) sent += await this.#duplex.write(bytes.subarray(sent));
  }
}

function view({ buffer, byteOffset, length }: Uint8Array, count: number = length): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, count);
}
