/** How long the buffers are at first. */
const LENGTH_MIN = 64 * 1024;

const encoder = new TextEncoder();

/** Bytes for a connection, in order: all that comes during a write goes out with the next one. */
export class Outbox {
  readonly #connection: Deno.Conn;
  readonly #fail: (error: unknown) => void;
  #buffer = new Uint8Array(LENGTH_MIN);
  #spare = new Uint8Array(LENGTH_MIN);
  #length = 0;
  #isWriting = false;

  /**
   * Begins empty.
   *
   * @param connection Where to write.
   * @param fail Is told when that fails.
   */
  constructor(connection: Deno.Conn, fail: (error: unknown) => void) {
    this.#connection = connection;
    this.#fail = fail;
  }

  addText(text: string): void {
    // No command has anything but ASCII in it.
    this.#grow(text.length);
    this.#length += encoder.encodeInto(text, this.#buffer.subarray(this.#length)).written;
    this.#start();
  }

  /** Adds bytes; they are copied. */
  addBytes(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    this.#start();
  }

  #grow(more: number): void {
    const length = this.#length + more;
    if (length <= this.#buffer.length) return;
    const buffer = new Uint8Array(Math.max(length, this.#buffer.length * 2));
    buffer.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = buffer;
  }

  #start(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    // What the caller adds before it waits for anything goes along.
    queueMicrotask(() => this.#write().catch(this.#fail));
  }

  async #write(): Promise<void> {
    while (this.#length > 0) {
      const bytes = this.#buffer.subarray(0, this.#length);
      [this.#buffer, this.#spare] = [this.#spare, this.#buffer];
      this.#length = 0;
      for (let begin = 0; begin < bytes.length;) {
        begin += await this.#connection.write(bytes.subarray(begin));
      }
    }
    this.#isWriting = false;
  }
}
