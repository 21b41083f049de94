import type { LogBounds } from "./log.ts";
import { RECORD_HEAD_BYTES, RECORD_TYPES } from "./record.ts";

/** The part of the log that is kept free for acknowledgements, and the most bytes of it. */
const RESERVE_PART = 1 / 16;
const RESERVE_BYTES_MAX = 16 * 1024 * 1024;

/** The part behind it for what makes room, or has another broker take over; and the most bytes of it. */
const LAST_PART = 1 / 64;
const LAST_BYTES_MAX = 1024 * 1024;

/** The most bytes that the log adds to a record. */
const ADDED_BYTES = 256;

/** Records without which the log would stay full for ever, or nobody could take over. */
const LAST_TYPES: readonly number[] = [
  RECORD_TYPES.epoch,
  RECORD_TYPES.release,
  RECORD_TYPES.trim,
];

/**
 * The room of a log with a limit, by its last answer and what was appended since. A log that is full to its
 * last byte could not even be trimmed. So each kind of record has room that those before it do not use:
 *
 * ```text
 *   messages                        │ acknowledgements, │ heartbeats │ epoch, release
 *                                   │ checkpoints       │            │ and trim records
 * ──────────────────────────────────┼───────────────────┼────────────┼──────────────────┤ the most bytes
 *                                     1/16, 16 MiB        1/128        1/128, both 1 MiB
 * ```
 */
export class LogRoom {
  #bytesMax = Infinity;
  #bytes = 0;
  /** Bytes that were appended, and those of them that are in the log for certain. */
  #sent = 0;
  #counted = 0;
  /** What was in the log for certain when it was asked. */
  #known = 0;

  /** Bytes that are in the log for certain: to be noted when the log is asked for its size. */
  get counted(): number {
    return this.#counted;
  }

  /** The bytes that messages may take. */
  get free(): number {
    const reserve = Math.min(RESERVE_BYTES_MAX, this.#bytesMax * RESERVE_PART);
    return this.#bytesMax === Infinity ? Infinity : Math.max(0, this.#left - reserve - this.#last);
  }

  /** Notes what the log has answered. */
  note(
    { bytes, bytesMax = Infinity }: Pick<LogBounds, "bytes" | "bytesMax">,
    counted: number,
  ): void {
    this.#bytes = bytes;
    this.#bytesMax = bytesMax;
    this.#known = counted;
  }

  /** Whether a record with so many bytes may be appended now. */
  admits(type: number, length: number): boolean {
    if (this.#bytesMax === Infinity || LAST_TYPES.includes(type)) return true;
    const kept = type === RECORD_TYPES.heartbeat ? this.#last / 2 : this.#last;
    return this.#left - measure(length) >= kept;
  }

  /** Counts a record that is being appended; resolves as that does. */
  async count(length: number, append: Promise<void>): Promise<void> {
    const bytes = measure(length);
    this.#sent += bytes;
    try {
      await append;
      this.#counted += bytes;
    } catch (error) {
      // It is not stored; or nothing is appended any more.
      this.#sent -= bytes;
      throw error;
    }
  }

  get #left(): number {
    return this.#bytesMax - this.#bytes - (this.#sent - this.#known);
  }

  get #last(): number {
    return Math.min(LAST_BYTES_MAX, this.#bytesMax * LAST_PART);
  }
}

function measure(length: number): number {
  return RECORD_HEAD_BYTES + length + ADDED_BYTES;
}
