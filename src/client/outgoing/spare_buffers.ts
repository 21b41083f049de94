/** The size of a new buffer: doubled seven times it has room for a full batch and the head of its frame. */
const BYTES_MIN = 1024 + 32;

/**
 * The most bytes of buffers that a connection keeps for the next batches of its publishers. A new buffer
 * costs more than filling it: the system has to find and clear the memory (measured: 22 % of a client that
 * publishes as fast as it can).
 */
const SPARE_BYTES_MAX = 4 * 1024 * 1024;

/** Buffers of batches whose outcome is known, for the next ones of any publisher. */
export class SpareBuffers {
  readonly #buffers: Uint8Array[] = [];
  #bytes = 0;

  take(): Uint8Array {
    const buffer = this.#buffers.pop();
    if (buffer === undefined) return new Uint8Array(BYTES_MIN);
    this.#bytes -= buffer.length;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    if (this.#bytes + buffer.length > SPARE_BYTES_MAX) return;
    this.#buffers.push(buffer);
    this.#bytes += buffer.length;
  }
}
