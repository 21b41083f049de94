import { OutcomeWindow } from "./outcome_window.ts";

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  readonly failures: number;
  readonly withinMs: number;
  readonly share: number;
  readonly openMs: number;
}

/** An open breaker, as it is written: it opens no other way, and is open again after a restart. */
export interface OpenBreaker {
  /** When it opened, by the time of the rules, in milliseconds. */
  readonly openedAt: number;
  /** When the next probe may go. */
  readonly nextAt: number;
  /** How many probes were sent since. */
  readonly probes: number;
  /** How many deliveries had failed in the window when it opened, of how many that ended. */
  readonly failed: number;
  readonly ended: number;
  /** The reason of the last failure; may be empty. */
  readonly reason: string;
}

/** A failure, as far as a breaker minds it. */
export interface CountedFailure {
  readonly count: number;
  /** Whether the follower says that the fault is that of something it depends on. */
  readonly isFault: boolean;
  readonly reason: string;
  readonly now: number;
}

/**
 * Decides when deliveries stop because what the followers depend on is down, and when they go on.
 *
 * ```text
 *            enough failures                     openMs over: one probe
 *   closed ──────────────────▶ open (nextAt) ──────────────────────────▶ probing
 *      ▲                            ▲                                      │   │
 *      │                            └── failed, lost, not acknowledged ────┘   │
 *      └───────────────── acknowledged, or closed by hand ─────────────────────┘
 * ```
 *
 * It decides and does not act: whoever asks makes an event of the state that it returns, and the event sets
 * the state. What it counts while it is closed, and whether a probe is on its way, is in no event: after a
 * restart it counts from the beginning, and a probe that was on its way is as good as failed.
 */
export class Breaker {
  readonly options: BreakerOptions;
  readonly #window: OutcomeWindow;
  #open: OpenBreaker | undefined;
  /** When the probe went that is on its way. */
  #probedAt: number | undefined;

  constructor(options: BreakerOptions) {
    this.options = options;
    this.#window = new OutcomeWindow(options.withinMs);
  }

  /** Its state; undefined while it is closed. */
  get open(): OpenBreaker | undefined {
    return this.#open;
  }

  get isProbing(): boolean {
    return this.#probedAt !== undefined;
  }

  /** Sets the state that an event tells. */
  set(open: OpenBreaker | undefined): void {
    if (open === undefined || this.#open === undefined) this.#window.clear();
    if (open === undefined) this.#probedAt = undefined;
    this.#open = open;
  }

  /** How many messages may go now: all, one as a probe, or none. */
  room(now: number): number {
    if (this.#open === undefined) return Infinity;
    return this.#probedAt === undefined && now >= this.#open.nextAt ? 1 : 0;
  }

  /** When a probe may go; `Infinity` if it is not a matter of time. */
  get opensAt(): number {
    return this.#open === undefined || this.isProbing ? Infinity : this.#open.nextAt;
  }

  /** Counts what was acknowledged while it is closed. */
  noteAcked(count: number, now: number): void {
    if (this.#open === undefined) this.#window.noteAcked(count, now);
  }

  /**
   * Counts what has failed while it is closed.
   *
   * If a follower has named a fault lately, only such failures count: the others are its own. All failures
   * count where no follower does.
   *
   * @returns The state to open with, if that was enough.
   */
  noteFailed({ count, isFault, reason, now }: CountedFailure): OpenBreaker | undefined {
    if (this.#open !== undefined) return undefined;
    this.#window.noteFailed(count, isFault, now);
    const { all, failed, faults } = this.#window.count(now);
    const counted = faults > 0 ? faults : failed;
    const { failures, share, openMs } = this.options;
    if (counted < failures || counted < share * all) return undefined;
    const nextAt = Math.ceil(now + openMs);
    const openedAt = Math.floor(now);
    return { openedAt, nextAt, probes: 0, failed: counted, ended: all, reason };
  }

  /** A probe goes; returns the state from now on: so much of it is known after a restart. */
  beginProbe(now: number): OpenBreaker | undefined {
    if (this.#open === undefined) return undefined;
    this.#probedAt = now;
    const nextAt = Math.ceil(now + this.options.openMs);
    return { ...this.#open, nextAt, probes: this.#open.probes + 1 };
  }

  /** Whether a delivery of that time is the probe that is on its way. */
  isProbe(deliveredAt: number): boolean {
    // What was delivered before it opened is older than any probe.
    return this.#probedAt !== undefined && deliveredAt >= this.#probedAt;
  }

  /** The probe has failed, or is lost; returns the state from now on. */
  failProbe(now: number, reason?: string): OpenBreaker | undefined {
    if (this.#open === undefined || this.#probedAt === undefined) return undefined;
    this.#probedAt = undefined;
    const nextAt = Math.ceil(now + this.options.openMs);
    return { ...this.#open, nextAt, ...reason !== undefined && reason !== "" && { reason } };
  }

  /** The probe was given back before a handler had it; returns the state from now on. */
  takeBackProbe(now: number): OpenBreaker | undefined {
    if (this.#open === undefined || this.#probedAt === undefined) return undefined;
    this.#probedAt = undefined;
    return { ...this.#open, nextAt: Math.floor(now), probes: this.#open.probes - 1 };
  }
}
