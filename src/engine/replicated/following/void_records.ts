import { Chain, LogDamageError } from "../chain.ts";
import type { Log } from "../log.ts";
import type { Report } from "../../journal/recovery/recovery.ts";
import type { Timing } from "../timing.ts";

/** So many records are asked for at a time. */
const READ_TOGETHER = 16;

/** A record that is not there, by a node that may lag behind, is asked for so often, after pauses in milliseconds. */
const READS_MAX = 10;
const READ_AGAIN_MS = 100;

export interface VoidRecordsParts {
  readonly log: Log;
  readonly timing: Timing;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly report: Report;
}

/**
 * Reads the void records at the end once more. A log that has lost one of them may have a record in its place that
 * counts: the active broker has never read the void one, and all that it has appended since seems void, too. Who
 * believes that hears no active broker, and would take over from one that is well, with less than was confirmed.
 */
export class VoidRecords {
  readonly #parts: VoidRecordsParts;
  /** Whether it has been said that the log does not tell. */
  #hasWarned = false;

  constructor(parts: VoidRecordsParts) {
    this.#parts = parts;
  }

  /**
   * Resolves to whether the log has told. All records are looked at: of many that strangers have written, it may
   * have lost the last one only.
   *
   * @throws {LogDamageError} If one of them counts, or was trimmed.
   */
  async require({ point, voidCount }: Chain): Promise<boolean> {
    const before = point.sequence - voidCount;
    const again = new Chain({ ...point, sequence: before });
    for (let from = before + 1; from <= point.sequence; from += READ_TOGETHER) {
      const count = Math.min(READ_TOGETHER, point.sequence - from + 1);
      const sequences = Array.from({ length: count }, (_, index) => from + index);
      const records = await Promise.all(sequences.map((sequence) => this.#read(sequence)));
      for (const [index, bytes] of records.entries()) {
        if (bytes === undefined) return this.#wait(from + index);
        requireVoid(again, from + index, bytes);
      }
    }
    this.#hasWarned = false;
    return true;
  }

  #wait(sequence: number): boolean {
    const isEnding = this.#parts.signal.aborted;
    if (!this.#hasWarned && !isEnding) {
      const why = "this broker does not take over before it has read it again";
      this.#parts.report("warning", `the log does not tell its record ${sequence}: ${why}`);
      this.#hasWarned = true;
    }
    return false;
  }

  /** Reads a record that was read before. */
  async #read(sequence: number): Promise<Uint8Array | "trimmed" | undefined> {
    const { log, timing, signal } = this.#parts;
    for (let count = 0; count < READS_MAX && !signal.aborted; count++) {
      try {
        const bytes = await log.read(sequence);
        if (bytes !== undefined) return bytes;
        const { first } = await log.bounds();
        if (first > sequence) return "trimmed";
      } catch {
        // It is asked again.
      }
      await timing.wait(READ_AGAIN_MS, signal).catch(() => {});
    }
    return undefined;
  }
}

function requireVoid(chain: Chain, sequence: number, bytes: Uint8Array | "trimmed"): void {
  // What is trimmed is before a record that counts, and says so.
  if (bytes === "trimmed") {
    const what = "the log has dropped it, and no record that this broker counts says so";
    throw new LogDamageError(sequence, `${what}. Keep the directory: it may have the only copy`);
  }
  if (chain.take(sequence, bytes).kind === "void") return;
  const what = "it counts, and this broker has read another one there, which did not";
  const remedy = "With an empty directory this broker reads the log anew";
  throw new LogDamageError(sequence, `${what}: the log has lost that one. ${remedy}`);
}
