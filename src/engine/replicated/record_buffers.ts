import { RECORD_BODY_BYTES_MAX, RECORD_HEAD_BYTES } from "./record.ts";

/** Small records share a size, so that a buffer serves most of them. */
const BYTES_MIN = 64 * 1024;

const BYTES_MAX = RECORD_HEAD_BYTES + RECORD_BODY_BYTES_MAX;

/** Buffers for records that are written one after the other, to be used again. */
export class RecordBuffers {
  readonly #countMax: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  /** @param countMax How many are kept while nobody uses them. */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** A buffer of at least so many bytes; what is in it is of no meaning. */
  take(size: number): Uint8Array<ArrayBuffer> {
    const index = this.#free.findIndex(({ length }) => length >= size);
    if (index >= 0) return this.#free.splice(index, 1)[0]!;
    const usual = Math.min(Math.max(BYTES_MIN, 2 ** Math.ceil(Math.log2(size))), BYTES_MAX);
    return new Uint8Array(Math.max(size, usual));
  }

  /** Takes back a buffer that nobody looks at any more. */
  giveBack(buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#free.length >= this.#countMax) return;
    this.#free.push(buffer);
    // The smallest one that is large enough is taken first.
    this.#free.sort((one, other) => one.length - other.length);
  }
}
