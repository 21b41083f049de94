/** Something that keeps bytes, and can be ended. */
export interface MemoryHolder {
  close(): void;
}

/**
 * The memory of bodies that come and of answers that wait, over all connections of HTTP. If there is not
 * enough, the connection that keeps most of it ends: one that asks for much and reads nothing.
 */
export class HttpMemory {
  readonly #bytesMax: number;
  readonly #onFull: (holder: MemoryHolder) => void;
  /** The connections that keep something, and how much. */
  readonly #held = new Map<MemoryHolder, number>();
  #bytes = 0;

  /**
   * @param bytesMax The most bytes; one alone may go beyond them.
   * @param onFull Hears of a connection that is about to be ended.
   */
  constructor(bytesMax: number, onFull: (holder: MemoryHolder) => void) {
    this.#bytesMax = bytesMax;
    this.#onFull = onFull;
  }

  /** How many bytes are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes bytes that a connection keeps from now on. */
  take(holder: MemoryHolder, bytes: number): void {
    if (bytes === 0) return;
    this.#held.set(holder, (this.#held.get(holder) ?? 0) + bytes);
    this.#bytes += bytes;
    while (this.#bytes > this.#bytesMax && this.#held.size > 1) this.#endLargest();
  }

  /** Notes that it keeps less; nothing if it was ended. */
  free(holder: MemoryHolder, bytes: number): void {
    const held = this.#held.get(holder);
    if (held === undefined) return;
    const freed = Math.min(held, bytes);
    this.#bytes -= freed;
    if (freed === held) this.#held.delete(holder);
    else this.#held.set(holder, held - freed);
  }

  #endLargest(): void {
    const [first, ...rest] = this.#held;
    const [largest, bytes] = rest.reduce((one, other) => other[1] > one[1] ? other : one, first!);
    this.free(largest, bytes);
    this.#onFull(largest);
    largest.close();
  }
}
