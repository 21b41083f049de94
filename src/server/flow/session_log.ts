import type { Log, LogFields } from "../log.ts";

/** The span of time in which lines are counted, in milliseconds. */
const SPAN_MS = 1000;

/** The most lines in a span about sessions of one user, and about sessions that ended with an error. */
const USER_LINES_MAX = 50;
const FAILURE_LINES_MAX = 20;

/** The most lines in a span about changes of one kind by one user. */
const CHANGE_LINES_MAX = 20;

/** The lines of the present span. */
interface Span {
  lines: number;
  untold: number;
}

/** The lines of the present span about changes of one kind by one user. */
interface ChangeSpan extends Span {
  readonly user: string;
  readonly change: string;
  /** The messages that the untold changes were about, if they were about messages. */
  messages?: number;
}

/** A change that a user has made. */
export interface Change {
  /** The name of a stream or a follower. */
  readonly subject: LogFields;
  /** How many messages it was about, where it is about messages. */
  readonly count?: number | undefined;
  readonly user: string;
  /** The number of the session; none if it was made on the page. */
  readonly session?: number | undefined;
}

/**
 * Tells the log of sessions that begin and end, and of what users change. A client can cause as many lines as
 * it likes: beyond some in a second they are counted, so that the log does not fill the disk. What one user
 * does hides no line of another.
 */
export class SessionLog {
  readonly #log: Log;
  readonly #now: () => number;
  /** By user. */
  readonly #spans = new Map<string, Span>();
  /** By kind of change and user. */
  readonly #changes = new Map<string, ChangeSpan>();
  #failures: Span = { lines: 0, untold: 0 };
  #spanEnd = -Infinity;

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Writes a line about a session of a user, unless there were too many. */
  note(user: string, message: string, fields: LogFields): void {
    this.sweep(this.#now());
    const span = this.#spans.get(user) ?? { lines: 0, untold: 0 };
    this.#spans.set(user, span);
    if (takeLine(span, USER_LINES_MAX)) this.#log.info(message, fields);
  }

  /** Writes a line about a change, such as `stream purged`, unless its user made too many of them. */
  noteChange(change: string, { subject, count, user, session }: Change): void {
    this.sweep(this.#now());
    const key = `${change} ${user}`;
    const span = this.#changes.get(key) ?? { user, change, lines: 0, untold: 0 };
    this.#changes.set(key, span);
    if (takeLine(span, CHANGE_LINES_MAX)) {
      this.#log.info(change, { ...subject, count, user, session });
    } else if (count !== undefined) span.messages = (span.messages ?? 0) + count;
  }

  /** Writes a line about a session that ended with an error, unless there were too many. */
  noteFailure(fields: LogFields): void {
    this.sweep(this.#now());
    if (!takeLine(this.#failures, FAILURE_LINES_MAX)) return;
    this.#log.warning("session ended with an error", fields);
  }

  /** Tells of what was only counted, once its time is over. */
  sweep(now: number): void {
    if (now < this.#spanEnd) return;
    this.#spanEnd = now + SPAN_MS;
    this.end();
  }

  /** Tells at once of what was only counted. */
  end(): void {
    for (const [user, { untold: count }] of this.#spans) {
      if (count > 0) this.#log.info("more sessions of a user opened or closed", { user, count });
    }
    this.#spans.clear();
    for (const { change, user, untold: changes, messages } of this.#changes.values()) {
      if (changes === 0) continue;
      this.#log.info("more changes by a user", { change, user, changes, messages });
    }
    this.#changes.clear();
    const { untold: count } = this.#failures;
    if (count > 0) this.#log.warning("more sessions ended with errors", { count });
    this.#failures = { lines: 0, untold: 0 };
  }
}

/** Whether there is room for one more line; if not, it is counted. */
function takeLine(span: Span, linesMax: number): boolean {
  if (span.lines >= linesMax) {
    span.untold++;
    return false;
  }
  span.lines++;
  return true;
}
