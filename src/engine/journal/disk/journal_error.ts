/**
 * The kind of trouble: around the journal, another broker that uses it, or damage to its content.
 */
export type JournalTrouble = "unusable" | "inUse" | "damaged";

/** A journal cannot be used: one line that names the file and what helps. */
export class JournalError extends Error {
  readonly trouble: JournalTrouble;

  /** Creates the error. */
  constructor(trouble: JournalTrouble, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "JournalError";
    this.trouble = trouble;
  }
}
