import type { Clock, ClockTimer } from "../../transport/clock.ts";

/** A tick that is later than this, in milliseconds, means that this process has stood still. */
const STALL_MS = 10;

/** How long it then listens before deadlines are judged, at least and at most, in milliseconds. */
const LISTEN_MS_MIN = 50;
const LISTEN_MS_MAX = 1000;

/** The pause after a tick that failed, in milliseconds. */
const FAULT_MS = 1000;

export interface TickerOptions {
  readonly clock: Clock;
  /** Does all that is due, and returns the time of the next deadline. */
  readonly tick: (now: number) => number;
  /**
   * The bytes received so far, if deadlines depend on them. Timers ring before sockets are read: if this
   * process has stood still, bytes that arrived meanwhile are read before deadlines are judged.
   */
  readonly heard?: () => number;
  /** Hears how late the timer rang, in milliseconds. */
  readonly noteLag?: (lateMs: number) => void;
  /** The longest time between two ticks, in milliseconds, if there is one. */
  readonly intervalMs?: number;
}

/** A timer for a broker's own work: it ticks at the next deadline. */
export class Ticker {
  readonly #options: TickerOptions;
  #timer: ClockTimer | undefined;
  #dueAt = Infinity;
  #ringAt = Infinity;
  #isStopped = false;

  constructor(options: TickerOptions) {
    this.#options = options;
    // Work that became due before the broker's start need not wait longer.
    this.#schedule(options.clock.now());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Notes a deadline that is earlier than the last tick returned. */
  hasten(at: number): void {
    if (this.#isStopped || at >= this.#dueAt) return;
    this.#timer?.cancel();
    this.#schedule(at);
  }

  #ring(): void {
    const { clock, heard, noteLag } = this.#options;
    const now = clock.now();
    const lateMs = now - this.#ringAt;
    noteLag?.(Math.max(0, lateMs));
    if (heard === undefined || lateMs < STALL_MS) return this.#tick();
    this.#dueAt = -Infinity;
    this.#listen(heard, {
      from: now + Math.min(lateMs, LISTEN_MS_MIN),
      to: now + Math.min(lateMs, LISTEN_MS_MAX),
    });
  }

  /** Ticks when no more bytes arrive after a first time, or at a last time. */
  #listen(heard: () => number, { from, to }: { readonly from: number; readonly to: number }): void {
    if (this.#isStopped) return;
    const { clock } = this.#options;
    const before = heard();
    this.#timer = clock.setTimer(clock.now() + 1, () => {
      const now = clock.now();
      if (now >= to || (now >= from && heard() === before)) this.#tick();
      else this.#listen(heard, { from, to });
    });
  }

  #tick(): void {
    const { clock, tick, intervalMs = Infinity } = this.#options;
    // Deadlines that come up meanwhile are in the tick's result.
    this.#dueAt = -Infinity;
    // A fault costs one tick, not all later ones.
    let next = clock.now() + FAULT_MS;
    try {
      next = tick(clock.now());
    } finally {
      const now = clock.now();
      // A deadline that stays in the past must not block other work.
      this.#schedule(Math.max(now + 1, Math.min(next, now + intervalMs)));
    }
  }

  #schedule(at: number): void {
    if (this.#isStopped) return;
    const { clock } = this.#options;
    this.#dueAt = at;
    this.#ringAt = Math.max(at, clock.now());
    this.#timer = clock.setTimer(at, () => this.#ring());
  }
}
