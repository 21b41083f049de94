import type { Log, LogFields } from "../log.ts";

/** The least interval between two lines of the log, in milliseconds. */
const LOG_MS = 1000;

/**
 * Warnings of one kind that clients without a session can cause at will: at most one line a second, with the
 * number of all since the last.
 */
export class Tally {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #message: string;
  #untold = 0;
  /** What is known of the last event that was not told. */
  #last: LogFields = {};
  #loggedAt = -Infinity;

  constructor(message: string, log: Log, now: () => number) {
    this.#message = message;
    this.#log = log;
    this.#now = now;
  }

  /** Counts an event, and tells of it unless another one was told of just before. */
  note(fields: LogFields): void {
    this.#untold++;
    this.#last = fields;
    this.sweep();
  }

  /** Tells of events that were only counted, once their time is over. */
  sweep(): void {
    if (this.#untold > 0 && this.#now() - this.#loggedAt >= LOG_MS) this.end();
  }

  /** Tells at once of events that were only counted. */
  end(): void {
    if (this.#untold === 0) return;
    this.#log.warning(this.#message, { ...this.#last, count: this.#untold });
    this.#untold = 0;
    this.#last = {};
    this.#loggedAt = this.#now();
  }
}
