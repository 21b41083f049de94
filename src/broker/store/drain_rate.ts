/** A rate is taken over so long at least, in milliseconds. */
const WINDOW_MS = 1000;

/** What is told if nothing has left yet, and the bounds of what is told, in milliseconds. */
const RETRY_MS_UNKNOWN = 100;
const RETRY_MS_MIN = 10;
const RETRY_MS_MAX = 60_000;

interface Mark {
  readonly at: number;
  readonly leftCount: number;
}

/** How fast messages leave a stream, so that a publisher that finds it full can be told when to try again. */
export class DrainRate {
  /** The beginning of the time over which the rate is taken, and of the next such time. */
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

  /** Tells after how many milliseconds so many messages will have left. */
  estimate(count: number, leftCount: number, now: number): number {
    const from = this.#from;
    const left = from === undefined ? 0 : leftCount - from.leftCount;
    if (from === undefined || left === 0) return RETRY_MS_UNKNOWN;
    const waitMs = count * Math.max(1, now - from.at) / left;
    return Math.ceil(Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, waitMs)));
  }
}
