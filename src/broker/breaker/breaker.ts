import type { BreakerOptions } from "../../protocol/messages/stream_options.ts";
import type { Gate, GateNote } from "../lanes/gate.ts";
import type { Lane } from "../lanes/lane.ts";
import { OutcomeWindow } from "./outcome_window.ts";

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
  /** Whether the follower says that something it depends on is at fault. */
  readonly isFault: boolean;
  readonly reason: string;
  readonly now: number;
}

/**
 * A probe that has failed waits until so many others have gone, at most: one that fails at its own fault
 * must not be the only one that is tried.
 */
const ROUND_MAX = 32;

/** Hears what becomes of a breaker while messages are delivered and come back. */
export interface BreakerOwner {
  /** A probe goes out. */
  noteProbe(breaker: Breaker): void;
  /** The probe has left its follower: it is time to ask the gate again. */
  noteProbeEnd(breaker: Breaker): void;
  /** It is open, and its lane has had no messages since the last probe could have gone. */
  noteGivenUp(breaker: Breaker): void;
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
 * Whoever asks makes an event of each state that it returns, and the event sets the state. What it counts
 * while it is closed, and whether a probe is on its way, is in no event: after a restart it counts from the
 * beginning, and a probe that was on its way is as good as failed.
 */
export class Breaker implements Gate {
  #options: Required<BreakerOptions>;
  /** The lane that it is of; undefined if it is of a whole stream. */
  readonly lane: Lane | undefined;
  /** Whether an operator was told that it has opened, and not yet that it has closed. */
  isTold = false;
  readonly #owner: BreakerOwner;
  #window: OutcomeWindow;
  #open: OpenBreaker | undefined;
  /** When the last probe went; undefined if its outcome is known. */
  #probedAt: number | undefined;
  /** Whether that one is on its way. */
  #isProbing = false;
  /** Messages that are held back since they were probes, the last one last; undefined if there are none. */
  #held: Set<number> | undefined;

  constructor(options: Required<BreakerOptions>, owner: BreakerOwner, lane?: Lane) {
    this.#options = options;
    this.lane = lane;
    this.#owner = owner;
    this.#window = new OutcomeWindow(options.withinMs);
  }

  get options(): Required<BreakerOptions> {
    return this.#options;
  }

  /** Goes by other options from now on. Whether it is open, and until when, stays as it is. */
  setOptions(options: Required<BreakerOptions>): void {
    if (options.withinMs !== this.#options.withinMs) {
      this.#window = new OutcomeWindow(options.withinMs);
    }
    this.#options = options;
  }

  /** Its state; undefined while it is closed. */
  get open(): OpenBreaker | undefined {
    return this.#open;
  }

  get isProbing(): boolean {
    return this.#isProbing;
  }

  /** What is probed must not wait in a client. */
  get isLimit(): boolean {
    return this.#open !== undefined;
  }

  /** What it has counted is of no use without the messages of its lane, which come back when they fail. */
  get isIdle(): boolean {
    return this.#open === undefined;
  }

  get idleAt(): number {
    return this.#open?.nextAt ?? 0;
  }

  /** There is nothing that could be a probe: whoever comes next finds it closed. */
  giveUp(): void {
    if (this.#open !== undefined) this.#owner.noteGivenUp(this);
  }

  /** Sets the state that an event tells. */
  set(open: OpenBreaker | undefined): void {
    if (open === undefined || this.#open === undefined) {
      this.#window.clear();
      this.#isProbing = false;
      this.#probedAt = undefined;
    }
    this.#open = open;
  }

  /** How many messages may go now: all, one as a probe, or none. */
  room(now: number): number {
    if (this.#open === undefined) return Infinity;
    return !this.#isProbing && now >= this.#open.nextAt ? 1 : 0;
  }

  opensAt(): number {
    return this.#open === undefined || this.#isProbing ? Infinity : this.#open.nextAt;
  }

  /** A message goes while it is open: it is a probe. So much of it is known after a restart. */
  take(_count: number, now: number): void {
    if (this.#open === undefined) return;
    this.#isProbing = true;
    this.#probedAt = now;
    const nextAt = Math.ceil(now + this.#options.openMs);
    this.#open = { ...this.#open, nextAt, probes: this.#open.probes + 1 };
    this.#owner.noteProbe(this);
  }

  /** A probe that no handler had is none: the next one may go at once. */
  refund(_count: number, deliveredAt: number): void {
    if (this.#open === undefined || !this.isProbe(deliveredAt)) return;
    const nextAt = Math.floor(deliveredAt);
    this.#open = { ...this.#open, nextAt, probes: this.#open.probes - 1 };
    this.#probedAt = undefined;
    this.#owner.noteProbeEnd(this);
  }

  /** The probe has left its follower. Unless its outcome says more, the next one goes when it is time. */
  settle(_count: number, deliveredAt: number): void {
    if (!this.#isProbing || !this.isProbe(deliveredAt)) return;
    this.#isProbing = false;
    this.#owner.noteProbeEnd(this);
  }

  explain(now: number): GateNote | undefined {
    if (this.room(now) > 0) return undefined;
    return { why: "the breaker is open", opensAt: this.opensAt() };
  }

  /** Whether a delivery of that time is the last probe, and its outcome is not known yet. */
  isProbe(deliveredAt: number): boolean {
    // What was delivered before it opened is older than any probe.
    return this.#probedAt !== undefined && deliveredAt >= this.#probedAt;
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
    const { failures, share, openMs } = this.#options;
    if (counted < failures || counted < share * all) return undefined;
    const openedAt = Math.floor(now);
    const nextAt = Math.ceil(now + openMs);
    return { openedAt, nextAt, probes: 0, failed: counted, ended: all, reason };
  }

  /**
   * Holds a probe back that has failed, until others have gone: as many as there are.
   *
   * @param readyCount How many others may go.
   * @returns For how many milliseconds, unless the breaker closes before.
   */
  hold(id: number, readyCount: number): number {
    const held = this.#held ??= new Set();
    held.delete(id);
    const others = Math.min(ROUND_MAX, this.#open?.probes ?? 0, readyCount + held.size);
    held.add(id);
    const [first] = held;
    if (held.size > ROUND_MAX) held.delete(first!);
    return Math.max(1, others) * this.#options.openMs + 1;
  }

  /** A message is not held back any more for having been a probe: from now on its follower says for how long. */
  unhold(id: number): void {
    this.#held?.delete(id);
  }

  /** The messages that need not be held back any more, since it closes. */
  takeHeld(): readonly number[] {
    const held = [...this.#held ?? []];
    this.#held = undefined;
    return held;
  }

  /** The probe has failed; returns the state from now on. */
  failProbe(now: number, reason: string): OpenBreaker | undefined {
    if (this.#open === undefined) return undefined;
    this.#probedAt = undefined;
    const nextAt = Math.ceil(now + this.#options.openMs);
    return { ...this.#open, nextAt, ...reason !== "" && { reason } };
  }
}
