/** So long a turn of the event loop works on one thing, in milliseconds, before others have theirs. */
const TURN_MS = 5;

/** A piece should take about so long, in milliseconds: between pieces the clock is read. */
const PIECE_MS = 0.5;

/** The messages of a piece, at first, at least and at most: the next ones may be much dearer than these were. */
const PIECE_COUNT = 256;
const PIECE_COUNT_MIN = 32;
const PIECE_COUNT_MAX = 2048;

/** A turn has at most so many, however fast it is: a clock may stand still. */
const TURN_COUNT_MAX = 262_144;

/**
 * Divides work on very many messages into pieces, which take about as long whatever a message costs, and says
 * when a turn of the event loop has had enough of them.
 */
export class Pace {
  readonly #now: () => number;
  #size: number;
  readonly #sizeMax: number;
  #pieceAt: number;
  #turnAt: number;
  #turnCount = 0;

  /**
   * Begins a turn.
   *
   * @param now Returns the time, in milliseconds.
   * @param sizeMax The most messages of a piece.
   */
  constructor(now: () => number, sizeMax: number = PIECE_COUNT_MAX) {
    this.#now = now;
    this.#sizeMax = sizeMax;
    this.#size = Math.min(PIECE_COUNT, sizeMax);
    this.#pieceAt = this.#turnAt = now();
  }

  /** How many messages the next piece should have. */
  get size(): number {
    return this.#size;
  }

  /** Begins another turn. */
  begin(): void {
    this.#pieceAt = this.#turnAt = this.#now();
    this.#turnCount = 0;
  }

  /** Notes that a piece is done; returns whether the turn has had enough. */
  isOver(): boolean {
    const at = this.#now();
    const ms = at - this.#pieceAt;
    this.#pieceAt = at;
    this.#turnCount += this.#size;
    if (ms > 2 * PIECE_MS) this.#size = Math.max(PIECE_COUNT_MIN, this.#size >>> 1);
    else if (ms < PIECE_MS / 2) this.#size = Math.min(this.#sizeMax, this.#size * 2);
    return at - this.#turnAt >= TURN_MS || this.#turnCount >= TURN_COUNT_MAX;
  }
}
