import { RecordType } from "../../../broker/events/record.ts";
import type { Fault, ScannedRecord } from "../segments/scan.ts";

/**
 * Checks, record by record, that the checkpoint of a segment is complete. Its pieces appear together with
 * their segment, so a missing one was lost later; a repair marks the places where it removed records.
 */
export class CheckpointWatch {
  #pieceCount = 0;
  /** The first record of a checkpoint that is not complete yet. */
  #begun: { readonly offset: number; readonly end: number } | undefined;
  #isComplete = false;
  /** Whether a repair has removed a record that may have been a piece. */
  #isRepaired = false;

  get isOpen(): boolean {
    return this.#begun !== undefined && !this.#isComplete;
  }

  /** Takes the next record; returns a fault of the checkpoint if it shows one. */
  note(record: ScannedRecord): Fault | undefined {
    if (this.#isComplete) return undefined;
    if (record.type >= RecordType.void) {
      this.#isRepaired = true;
      return undefined;
    }
    if (record.type === RecordType.piece) {
      this.#begun ??= { offset: record.offset, end: record.bodyOffset };
      this.#pieceCount++;
      return undefined;
    }
    if (record.type !== RecordType.complete) return this.finish();
    this.#isComplete = true;
    const count = record.meta.getUint32(0);
    if (this.#pieceCount === count || this.#isRepaired) return undefined;
    return {
      offset: record.offset,
      end: record.bodyOffset,
      what: `a checkpoint is not complete: ${this.#pieceCount} of ${count} pieces are there`,
    };
  }

  /** Ends the records; returns a fault of the checkpoint if there is one. */
  finish(): Fault | undefined {
    const begun = this.#begun;
    const isCutShort = begun !== undefined && !this.#isComplete && !this.#isRepaired;
    this.#isComplete = true;
    return isCutShort ? { ...begun, what: "a checkpoint is cut short" } : undefined;
  }
}
