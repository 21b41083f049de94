/** A piece should take about so long, in milliseconds: between pieces the clock is read. */
const PIECE_MS = 0.5;

/** The messages of a piece, at first, at least and at most: the next ones may be much dearer than these were. */
const PIECE_COUNT = 256;
const PIECE_COUNT_MIN = 32;
const PIECE_COUNT_MAX = 2048;

/** Divides work on very many messages into pieces, which take about as long whatever a message costs. */
export class Pace {
  readonly #sizeMax: number;
  #size: number;

  /** @param sizeMax The most messages of a piece. */
  constructor(sizeMax: number = PIECE_COUNT_MAX) {
    this.#sizeMax = sizeMax;
    this.#size = Math.min(PIECE_COUNT, sizeMax);
  }

  /** How many messages the next piece should have. */
  get size(): number {
    return this.#size;
  }

  /** Notes how long a piece has taken, in milliseconds. */
  note(ms: number): void {
    if (ms > 2 * PIECE_MS) this.#size = Math.max(PIECE_COUNT_MIN, this.#size >>> 1);
    else if (ms < PIECE_MS / 2) this.#size = Math.min(this.#sizeMax, this.#size * 2);
  }
}
