import type { StoredRun } from "../../../protocol.ts";

/** The first room for runs, in bytes. */
const ROOM_MIN = 16;

/** Stands for no runs. */
const NOTHING = new Uint8Array(0);

/**
 * When the messages of a slab were stored, by index: runs of messages with the same time, the last of them
 * open. Time does not go back: a time before the last one counts as that one.
 *
 * Each run that is over takes two bytes if it lasted for less than 128 ms and has fewer than 128 messages,
 * and a byte more for each factor of 128.
 *
 * ```text
 *   base │ count │ ms to the next run │ count │ ms to the next run │ …     the open run is in fields
 * ```
 */
export class StoredTimes {
  #base = 0;
  #bytes = NOTHING;
  #length = 0;
  /** The first message of the open run, and its time. */
  #openIndex = 0;
  #openAt = 0;
  /** The run of the last look, and where the distance to the next one is: most looks go forward. */
  #runIndex = 0;
  #runEnd = 0;
  #runAt = 0;
  #offset = 0;

  /** Makes them of runs. */
  static of(runs: readonly StoredRun[]): StoredTimes {
    const times = new StoredTimes();
    let index = 0;
    for (const { count, at } of runs) {
      times.append(index, at);
      index += count;
    }
    times.seal();
    return times;
  }

  /** Reads what {@linkcode StoredTimes.write} has written. */
  static read(bytes: DataView): StoredTimes {
    const times = new StoredTimes();
    times.#base = bytes.getFloat64(0);
    times.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset + 8, bytes.byteLength - 8).slice();
    times.#length = times.#bytes.length;
    times.#openAt = times.#base;
    while (times.#offset < times.#length) {
      times.#openIndex += times.#read();
      times.#openAt += times.#read();
    }
    return times;
  }

  /** How many bytes {@linkcode StoredTimes.write} needs. */
  get writtenBytes(): number {
    return 8 + this.#length;
  }

  /** The bytes of memory that runs take up. */
  get memoryBytes(): number {
    return this.#bytes.length;
  }

  write(view: DataView, offset: number): void {
    view.setFloat64(offset, this.#base);
    new Uint8Array(view.buffer, view.byteOffset + offset + 8, this.#length)
      .set(this.#bytes.subarray(0, this.#length));
  }

  /** Notes the time of the messages from an index on; it is behind the last one. */
  append(index: number, at: number): void {
    if (index === 0) {
      this.#base = at;
      this.#openAt = at;
    } else if (at > this.#openAt) {
      this.#write(index - this.#openIndex);
      this.#write(at - this.#openAt);
      this.#openIndex = index;
      this.#openAt = at;
    }
  }

  /** Gives up the room for more. */
  seal(): void {
    if (this.#bytes.length > this.#length) this.#bytes = this.#bytes.slice(0, this.#length);
  }

  /** When a message was stored. */
  at(index: number): number {
    if (index >= this.#openIndex) return this.#openAt;
    this.#seek(index);
    return this.#runAt;
  }

  /** The runs of the messages from one index to below another. */
  list(from: number, to: number): StoredRun[] {
    const runs: StoredRun[] = [];
    for (let index = from; index < to;) {
      const at = this.at(index);
      const end = index >= this.#openIndex ? to : Math.min(to, this.#runEnd);
      runs.push({ count: end - index, at });
      index = end;
    }
    return runs;
  }

  /** Finds the run of a message that is before the open one. */
  #seek(index: number): void {
    if (this.#runEnd === 0 || index < this.#runIndex) {
      this.#offset = 0;
      this.#runIndex = 0;
      this.#runAt = this.#base;
      this.#runEnd = this.#read();
    }
    while (index >= this.#runEnd) {
      this.#runAt += this.#read();
      this.#runIndex = this.#runEnd;
      this.#runEnd += this.#read();
    }
  }

  #read(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let factor = 1;; factor *= 128) {
      const byte = bytes[this.#offset++] ?? 0;
      if (byte < 128) return value + byte * factor;
      value += (byte - 128) * factor;
    }
  }

  #write(value: number): void {
    // A number has at most eight groups of seven bits.
    if (this.#length + 8 > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(ROOM_MIN, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) {
      this.#bytes[this.#length++] = rest % 128 + 128;
    }
    this.#bytes[this.#length++] = rest;
  }
}
