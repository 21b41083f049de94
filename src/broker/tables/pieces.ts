/** How many numbers a piece has, as a power of two. */
export const PIECE_SHIFT = 13;
const PIECE_LENGTH = 1 << PIECE_SHIFT;
export const PIECE_MASK: number = PIECE_LENGTH - 1;

/** The least room, in numbers. */
const ROOM_MIN = 8;

/** The first piece gives half of its room back when less than this part of it is needed. */
const SPARSE_PART = 1 / 4;

/**
 * Very many whole numbers of 32 bits in pieces: more room is one more piece, and nothing is moved for it. A single array would be
 * copied as a whole, and nobody is served meanwhile. Only the first piece grows by doubling, since most tables are
 * small.
 *
 * The number at an index is `arrays[index >>> PIECE_SHIFT]![index & PIECE_MASK]`: those who use it often read it there.
 */
export class Pieces {
  readonly arrays: Int32Array[] = [new Int32Array(ROOM_MIN)];
  #moveCount = 0;
  /** Nothing is to be done for this count, and for those between it and the room. */
  #countMin = 0;
  #room = ROOM_MIN;

  /** How often a number was moved to another place; tests bound this cost. */
  get moveCount(): number {
    return this.#moveCount;
  }

  /** Has room for so many numbers, and not for many more: those behind them may be lost. New ones are 0. */
  fit(count: number): void {
    if (count < this.#countMin || count > this.#room) this.#fit(count);
  }

  #fit(count: number): void {
    const { arrays } = this;
    this.#fitFirst(Math.min(count, PIECE_LENGTH));
    const pieces = Math.max(1, Math.ceil(count / PIECE_LENGTH));
    while (arrays.length < pieces) arrays.push(new Int32Array(PIECE_LENGTH));
    // One more is kept: the next numbers may need it again.
    while (arrays.length > pieces + 1) arrays.pop();
    if (arrays[0]!.length < PIECE_LENGTH) arrays.length = 1;
    const isOne = arrays.length === 1;
    this.#room = isOne ? arrays[0]!.length : arrays.length * PIECE_LENGTH;
    this.#countMin = !isOne && arrays.length > 2
      ? (arrays.length - 2) * PIECE_LENGTH + 1
      : this.#room > ROOM_MIN
      ? Math.min(PIECE_LENGTH, this.#room) * SPARSE_PART
      : 0;
  }

  #fitFirst(count: number): void {
    const first = this.arrays[0]!;
    let { length } = first;
    while (length < count) length *= 2;
    while (length > ROOM_MIN && count < length * SPARSE_PART) length /= 2;
    if (length === first.length) return;
    const fitting = new Int32Array(length);
    const kept = Math.min(length, first.length);
    fitting.set(first.subarray(0, kept));
    this.#moveCount += kept;
    this.arrays[0] = fitting;
  }
}
