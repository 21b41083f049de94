import type { Log, LogFields } from "../log.ts";

/** The most lines of one user in a span of time, and that span in milliseconds. */
const LINES_MAX = 50;
const SPAN_MS = 1000;

/** The lines of one user in the present span. */
interface Span {
  lines: number;
  untold: number;
}

/**
 * Tells the log of sessions that begin and end. Whoever may log in can do so thousands of times a second:
 * beyond some lines of a user they are counted, so that the log does not fill the disk. Lines of others
 * are not left out because of that.
 */
export class SessionLog {
  readonly #log: Log;
  readonly #now: () => number;
  /** By user. */
  readonly #spans = new Map<string, Span>();
  #spanEnd = -Infinity;

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Writes a line, unless there were too many of the user. */
  note(user: string, message: string, fields: LogFields): void {
    this.sweep(this.#now());
    const span = this.#spans.get(user) ?? { lines: 0, untold: 0 };
    this.#spans.set(user, span);
    if (span.lines >= LINES_MAX) {
      span.untold++;
      return;
    }
    span.lines++;
    this.#log.info(message, fields);
  }

  /** Tells of the lines that were only counted, once their time is over. */
  sweep(now: number): void {
    if (now < this.#spanEnd) return;
    this.#spanEnd = now + SPAN_MS;
    for (const [user, { untold: count }] of this.#spans) {
      if (count > 0) this.#log.info("more sessions of a user opened or closed", { user, count });
    }
    this.#spans.clear();
  }
}
