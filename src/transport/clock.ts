/** A timer that was set. */
export interface ClockTimer {
  /** Cancels the timer. Does nothing if it has rung or was cancelled before. */
  cancel(): void;
}

/** A user of a clock, such as a broker. */
export interface ClockUser {
  /** Called when the calendar was set. */
  noteDateSet?(): void;
  /** A count of reads and writes; while it does not change, nothing moves. */
  readonly activity: number;
  /** Resolves when all work is finished; returns nothing if it is finished already. */
  whenIdle(): Promise<void> | void;
}

/** A source of time, with timers. */
export interface Clock {
  /** Returns the time, in milliseconds since 1970. It is monotonic: it never goes back. */
  now(): number;
  /**
   * Returns the calendar's time, in milliseconds since 1970: the machine's clock, which may be set at any
   * time. Default: the same as `now`.
   */
  dateNow?(): number;
  /**
   * Calls a function once at a time: soon if the time has passed, but never during the call.
   *
   * @param at The time, in milliseconds since 1970; `Infinity` is never.
   * @param work The function.
   */
  setTimer(at: number, work: () => void): ClockTimer;
  /**
   * Registers a user whose work the clock must wait for before time passes. Only virtual clocks have it.
   *
   * @param user The user.
   * @returns A function that detaches the user.
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

/** Milliseconds since 1970 that never go back or jump, even if the system's clock is set. */
function readTime(): number {
  return performance.timeOrigin + performance.now();
}

export const systemClock: Clock = {
  now: readTime,
  dateNow: () => Date.now(),
  setTimer: (at, work) => new SystemTimer(at, work),
};
