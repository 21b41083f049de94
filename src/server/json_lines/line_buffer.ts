import { BrokerError } from "../../../protocol.ts";

const NEWLINE = 0x0a;
const NONE = new Uint8Array(0);

/**
 * Cuts received bytes into lines. Memory follows the received bytes, in a buffer that grows, so that a line
 * in a million tiny reads costs no more than one in a single read.
 */
export class LineBuffer {
  /** The longest line, in bytes, without its end. */
  lineBytesMax: number;
  #buffer: Uint8Array = NONE;
  #head = 0;
  #tail = 0;
  /** The offset up to which no end of a line was found. */
  #searched = 0;

  constructor(lineBytesMax: number) {
    this.lineBytesMax = lineBytesMax;
  }

  /** The bytes that were not handed out. */
  get pendingBytes(): number {
    return this.#tail - this.#head;
  }

  /** Takes bytes, which it owns from now on. Lines handed out before become invalid. */
  push(bytes: Uint8Array): void {
    if (this.#head === this.#tail) {
      this.#buffer = bytes;
      this.#head = 0;
      this.#tail = bytes.length;
      this.#searched = 0;
      return;
    }
    if (this.#tail + bytes.length > this.#buffer.length) this.#grow(bytes.length);
    this.#buffer.set(bytes, this.#tail);
    this.#tail += bytes.length;
  }

  /**
   * Returns the next line.
   *
   * @returns Its bytes, valid until the next {@linkcode LineBuffer.push}; `undefined` if there is no
   * whole one.
   * @throws {BrokerError} With code `FRAME_TOO_LARGE` if a line is too long, whole or not.
   */
  next(): Uint8Array | undefined {
    const length = this.#buffer.subarray(this.#searched, this.#tail).indexOf(NEWLINE);
    const end = length < 0 ? undefined : this.#searched + length;
    this.#checkLength((end ?? this.#tail) - this.#head);
    if (end === undefined) {
      this.#searched = this.#tail;
      return undefined;
    }
    const line = this.#buffer.subarray(this.#head, end);
    this.#head = end + 1;
    this.#searched = this.#head;
    return line;
  }

  takeRest(): Uint8Array {
    const rest = this.#buffer.subarray(this.#head, this.#tail);
    this.#head = this.#tail;
    return rest;
  }

  /** Moves to a new buffer, twice as large as the kept bytes, so that this is rare. */
  #grow(bytes: number): void {
    const kept = this.#buffer.subarray(this.#head, this.#tail);
    this.#buffer = new Uint8Array(kept.length + Math.max(bytes, kept.length));
    this.#buffer.set(kept);
    this.#searched -= this.#head;
    this.#head = 0;
    this.#tail = kept.length;
  }

  #checkLength(bytes: number): void {
    if (bytes <= this.lineBytesMax) return;
    throw new BrokerError(
      "FRAME_TOO_LARGE",
      `Cannot read a line: it has ${bytes} bytes or more, limit is ${this.lineBytesMax}`,
    );
  }
}
