/**
 * Which records of a log count, found out once more and as simply as can be, to judge brokers by.
 *
 * @module
 */

/** Where a record says what it is. */
const MAGIC = 0x534d5152;
const EPOCH_TYPE = 1;
const TRIM_TYPE = 4;
const SEGMENT_TYPE = 7;
const FILLER_TYPE = 8;

/** Reads the records of a log as they are stored. */
export class LogTruth {
  /** The highest epoch that counts, and whose it is. */
  epoch = 0;
  owner = -1;
  /** The address of who has the epoch: here the name of a process. */
  broker = "";
  /** Records below this sequence are not wanted, as a record says that counts. */
  trimmed = 0;
  /** How many records are void, and the sequence of the last one. */
  voidCount = 0;
  lastVoid = 0;
  /** How many epochs there were. */
  epochCount = 0;
  #number = -1;
  /** What is lost again with the end of a log was the highest one all the same. */
  #highest = 0;

  /**
   * Takes a record; returns whether it counts.
   *
   * @param at Its sequence, if it is a new one.
   */
  take(record: Uint8Array, at: number = 0): boolean {
    const view = new DataView(record.buffer, record.byteOffset, record.length);
    if (record.length < 64 || view.getUint32(0) !== MAGIC) return this.#passOver(at);
    const type = view.getUint32(8);
    const epoch = view.getUint32(12);
    const owner = view.getFloat64(16);
    const number = view.getFloat64(24);
    if (type === EPOCH_TYPE && epoch > this.epoch) {
      this.epoch = epoch;
      this.owner = owner;
      this.#number = 0;
      if (epoch < this.#highest) return true;
      this.#highest = epoch;
      this.epochCount++;
      this.broker = JSON.parse(new TextDecoder().decode(record.subarray(64))).address;
      return true;
    }
    const isNext = owner === this.owner && epoch === this.epoch && number === this.#number + 1;
    if (!isNext || type === EPOCH_TYPE || type === FILLER_TYPE) return this.#passOver(at);
    this.#number = number;
    // What is before the first segment has nothing that anybody wants.
    if (type === SEGMENT_TYPE && this.trimmed === 0) this.trimmed = at;
    if (type === TRIM_TYPE) {
      const { sequence } = JSON.parse(new TextDecoder().decode(record.subarray(64)));
      this.trimmed = Math.max(this.trimmed, sequence);
    }
    return true;
  }

  /**
   * Whether a log whose last record is `last` can lose `count` of them and be mended by the active broker, which has
   * those up to `sequence`. What else counts is under way from it, and is sent again for the same places. A void
   * record that it has not read yet is gone: it appends another one there. Who has read the void one has another
   * log from then on, and nobody can put that right.
   */
  canBeMended(last: number, count: number, sequence: number): boolean {
    return this.lastVoid <= Math.max(sequence, last - count);
  }

  /** Begins again with the first record of a log. */
  forget(): void {
    this.epoch = 0;
    this.owner = -1;
    this.lastVoid = 0;
  }

  /** Reads a log once more that has lost its end, from its first sequence on. */
  readAgain(records: readonly Uint8Array[], from: number): void {
    const [first] = records;
    this.epoch = 0;
    this.lastVoid = 0;
    if (first === undefined) return;
    const view = new DataView(first.buffer, first.byteOffset, first.length);
    // What was before it is not there any more: it is believed.
    this.epoch = view.getUint32(12);
    this.owner = view.getFloat64(16);
    this.#number = view.getFloat64(24) - 1;
    if (view.getUint32(8) === EPOCH_TYPE) this.epoch--;
    for (const [index, record] of records.entries()) this.take(record, from + index);
  }

  #passOver(at: number): boolean {
    this.voidCount++;
    this.lastVoid = at;
    return false;
  }
}
