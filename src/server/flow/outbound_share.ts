/** The least that may wait for a client, in bytes. */
const BYTES_MIN = 16 * 1024;

/** The most bytes that should wait for all clients together. */
const TOTAL_MAX: number = 256 * 1024 * 1024;

/**
 * How many bytes may wait for each client before deliveries to it stop. It is less while many clients do not
 * read, so that all of them together take up a bounded memory.
 */
export class OutboundShare {
  readonly #most: number;
  readonly #totalMax: number;
  #bytesMax: number;

  /**
   * @param most The most for each client, in bytes.
   * @param totalMax The most for all clients, in bytes; 256 MiB by default.
   */
  constructor(most: number, totalMax: number = TOTAL_MAX) {
    this.#most = most;
    this.#totalMax = totalMax;
    this.#bytesMax = most;
  }

  /** The most for each client at present. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** Adapts the share to what waits for all clients, and to their number. */
  adapt(total: number, clientCount: number): void {
    const isShort = total > this.#totalMax / 2;
    const share = isShort ? Math.floor(this.#totalMax / clientCount) : Infinity;
    this.#bytesMax = Math.min(this.#most, Math.max(BYTES_MIN, share));
  }
}
