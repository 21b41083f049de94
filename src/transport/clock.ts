/** A timer that is set. */
export interface ClockTimer {
  /** Takes it back. It may have rung already, or have been taken back before. */
  cancel(): void;
}

/** Something whose work goes by a clock. */
export interface ClockUser {
  /** Is told that the calendar was set. */
  noteDateSet?(): void;
  /** Grows with everything that comes in and goes out; as long as it stays, nothing moves. */
  readonly activity: number;
  /** Resolves when all that was begun is finished; gives nothing if it is so already. */
  whenIdle(): Promise<void> | void;
}

/** Tells the time, and rings when it has come. */
export interface Clock {
  /** Tells the time, in milliseconds since 1970; it never goes back, and nobody can set it. */
  now(): number;
  /**
   * Tells what the calendar says, in milliseconds since 1970: the machine's clock, which may be set
   * at any time. Without it the calendar says the time.
   */
  dateNow?(): number;
  /**
   * Does something once when a time has come: soon if it has come already, but never during the call.
   *
   * @param at When, in milliseconds since 1970; `Infinity` is never.
   * @param work What to do.
   */
  setTimer(at: number, work: () => void): ClockTimer;
  /**
   * Tells a clock that does not go by itself whose work it has to wait for before it goes on.
   *
   * @param user Who that is.
   * @returns Ends it.
   */
  attach?(user: ClockUser): () => void;
}

/** The longest time that a timer of the system can be set to, in milliseconds. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

class SystemTimer implements ClockTimer {
  readonly #at: number;
  readonly #work: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(at: number, work: () => void) {
    this.#at = at;
    this.#work = work;
    if (at < Infinity) this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    const waitMs = Math.max(1, Math.min(Math.ceil(this.#at - readTime()), TIMEOUT_MS_MAX));
    this.#timer = setTimeout(() => this.#ring(), waitMs);
  }

  /** Timers of the system may ring a little early, and cannot wait for months. */
  #ring(): void {
    if (readTime() < this.#at) this.#arm();
    else this.#work();
  }
}

/** Milliseconds since 1970 that never go back or jump, whatever is done to the system's clock. */
function readTime(): number {
  return performance.timeOrigin + performance.now();
}

export const systemClock: Clock = {
  now: readTime,
  dateNow: () => Date.now(),
  setTimer: (at, work) => new SystemTimer(at, work),
};
