import type { Clock, ClockTimer } from "../../transport/clock.ts";

/** A tick that is so many milliseconds too late means that this process has stood still. */
const STALL_MS = 10;

/** How long it listens after that before anything is judged, at least and at most. */
const LISTEN_MS_MIN = 50;
const LISTEN_MS_MAX = 1000;

/** After a tick that failed, the next one comes so much later, in milliseconds. */
const FAULT_MS = 1000;

export interface TickerOptions {
  readonly clock: Clock;
  /** Does all that is due, and returns the time of the next deadline. */
  readonly tick: (now: number) => number;
  /**
   * How much was heard of others until now, where deadlines depend on that. Timers ring before sockets
   * are read: if this process has stood still, what has come meanwhile is heard before it is judged.
   */
  readonly heard?: () => number;
  /** The longest time between two ticks, in milliseconds, if there is one. */
  readonly intervalMs?: number;
}

/** A timer for what a broker does by itself: it ticks when the next deadline has come. */
export class Ticker {
  readonly #options: TickerOptions;
  #timer: ClockTimer | undefined;
  #dueAt = Infinity;
  #ringAt = Infinity;
  #isStopped = false;

  constructor(options: TickerOptions) {
    this.#options = options;
    // What is due already, because it has been waiting for a broker, need not wait longer.
    this.#schedule(options.clock.now());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** There is a deadline that is earlier than the last tick has said. */
  hasten(at: number): void {
    if (this.#isStopped || at >= this.#dueAt) return;
    this.#timer?.cancel();
    this.#schedule(at);
  }

  #ring(): void {
    const { clock, heard } = this.#options;
    const now = clock.now();
    const lateMs = now - this.#ringAt;
    if (heard === undefined || lateMs < STALL_MS) return this.#tick();
    this.#dueAt = -Infinity;
    this.#listen(heard, {
      from: now + Math.min(lateMs, LISTEN_MS_MIN),
      to: now + Math.min(lateMs, LISTEN_MS_MAX),
    });
  }

  /** Ticks when nothing more is heard, from one time on, or when another one has come. */
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
    // What comes up meanwhile is told by the tick.
    this.#dueAt = -Infinity;
    // A fault costs one tick, not all that come after it.
    let next = clock.now() + FAULT_MS;
    try {
      next = tick(clock.now());
    } finally {
      const now = clock.now();
      // A deadline that is over and over in the past does not keep everybody from working.
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
