import type { Log, LogFields } from "../log.ts";

/** The most lines in a span of time, and that span in milliseconds. */
const LINES_MAX = 20;
const SPAN_MS = 1000;

/**
 * Tells the log of sessions that ended with an error. A client can cause as many as it likes: beyond some
 * lines in a second they are counted.
 */
export class EndingLog {
  readonly #log: Log;
  readonly #now: () => number;
  #spanEnd = -Infinity;
  #lineCount = 0;
  #untoldCount = 0;

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  note(fields: LogFields): void {
    this.sweep(this.#now());
    if (this.#lineCount >= LINES_MAX) {
      this.#untoldCount++;
      return;
    }
    this.#lineCount++;
    this.#log.warning("session ended with an error", fields);
  }

  /** Tells of the sessions that were only counted, once their time is over. */
  sweep(now: number): void {
    if (now < this.#spanEnd) return;
    this.#spanEnd = now + SPAN_MS;
    this.#lineCount = 0;
    if (this.#untoldCount === 0) return;
    this.#log.warning("more sessions ended with errors", { count: this.#untoldCount });
    this.#untoldCount = 0;
  }
}
