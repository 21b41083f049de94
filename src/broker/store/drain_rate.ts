/** The least time over which a rate is measured, in milliseconds. */
const WINDOW_MS = 1000;

/** The answer before any message has left, and the bounds of answers, in milliseconds. */
const RETRY_MS_UNKNOWN = 100;
const RETRY_MS_MIN = 10;
const RETRY_MS_MAX = 60_000;

interface Mark {
  readonly at: number;
  readonly leftCount: number;
}

/** How fast messages leave a stream: it tells a refused publisher when to try again. */
export class DrainRate {
  /** The beginning of the present measurement, and of the next. */
  #from: Mark | undefined;
  #next: Mark | undefined;

  /**
   * Notes the time of a check whether the stream is full.
   *
   * @param leftCount How many messages have left, counted from any fixed moment on.
   */
  look(leftCount: number, now: number): void {
    const mark = { at: now, leftCount };
    this.#from ??= mark;
    this.#next ??= mark;
    if (now - this.#next.at < WINDOW_MS) return;
    this.#from = this.#next;
    this.#next = mark;
  }

  /** Estimates the time until `count` messages have left, in milliseconds. */
  estimate(count: number, leftCount: number, now: number): number {
    const from = this.#from;
    const left = from === undefined ? 0 : leftCount - from.leftCount;
    if (from === undefined || left === 0) return RETRY_MS_UNKNOWN;
    const waitMs = count * Math.max(1, now - from.at) / left;
    return Math.ceil(Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, waitMs)));
  }
}
