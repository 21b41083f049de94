import type { SharedLimitSettings } from "../../protocol/lane_settings.ts";
import { Alarm } from "../collections/alarm_clock.ts";
import type { Gate, GateNote } from "../lanes/gate.ts";
import { Limit } from "../lanes/limit.ts";
import type { Share } from "../share/share.ts";

/** The pause before others are woken if those that were have made no use of it, in milliseconds. */
const RETRY_MS = 1;

/** Hears of limits that open. */
export interface LimitWatch {
  /** The time of the rules. */
  now(): number;
  /** A share may ask its gates again. */
  opened(share: Share): void;
  /** Sets an alarm, unless it rings earlier anyway. */
  hasten(alarm: Alarm, at: number): void;
}

/**
 * A limit that several shares have in common. Those that find it closed wait in a queue; as many are woken
 * as there is room for, one after the other, so none takes everything while others wait.
 */
export class SharedLimit {
  readonly name: string;
  readonly #watch: LimitWatch;
  readonly #limit: Limit;
  readonly #gates = new Map<Share, SharedGate>();
  /** The shares that wait for it, the longest waiting first. */
  readonly #waiting = new Set<Share>();
  readonly #alarm: Alarm = new Alarm((now) => this.#wake(now));
  #settings: SharedLimitSettings | undefined;

  constructor(name: string, watch: LimitWatch) {
    this.name = name;
    this.#watch = watch;
    const opened = () => this.#wake(watch.now());
    this.#limit = new Limit({ maxPending: null, rate: null }, opened);
  }

  /** What it allows; undefined if it was not set: then it allows everything. */
  get settings(): SharedLimitSettings | undefined {
    return this.#settings;
  }

  /** How many messages followers hold of all shares together. */
  get pendingCount(): number {
    return this.#limit.pendingCount;
  }

  /** Whether nothing refers to it. */
  get isUnused(): boolean {
    return this.#settings === undefined && this.#gates.size === 0;
  }

  get shares(): Iterable<Share> {
    return this.#gates.keys();
  }

  get isLimit(): boolean {
    return (this.#settings?.maxPending ?? null) !== null || (this.#settings?.rate ?? null) !== null;
  }

  change(settings: SharedLimitSettings | undefined, now: number): void {
    this.#settings = settings;
    const { maxPending = null, rate = null } = settings ?? {};
    this.#limit.change({ maxPending, rate }, now);
    for (const share of this.#gates.keys()) share.noteGates();
    this.#wake(now);
  }

  /** Begins without a token: it is not known what was delivered before. */
  empty(now: number): void {
    this.#limit.empty(now);
  }

  /** The gate of a share that goes by this limit from now on. */
  join(share: Share): Gate {
    let gate = this.#gates.get(share);
    if (gate !== undefined) return gate;
    gate = new SharedGate(share, this);
    this.#gates.set(share, gate);
    this.#limit.pendingCount += share.countHeld();
    return gate;
  }

  /** Notes that a share goes by it no longer. */
  leave(share: Share): void {
    if (!this.#gates.delete(share)) return;
    this.#waiting.delete(share);
    this.settle(share.countHeld());
  }

  room(now: number): number {
    return this.#limit.room(now);
  }

  take(count: number, now: number): void {
    this.#limit.take(count, now);
  }

  refund(count: number): void {
    this.#limit.refund(count);
    if (this.#waiting.size > 0) this.#watch.hasten(this.#alarm, this.#watch.now());
  }

  settle(count: number): void {
    this.#limit.settle(count);
  }

  /** Has a share wait until there is room. */
  wait(share: Share, now: number): void {
    this.#waiting.add(share);
    this.#setAlarm(now);
  }

  explain(now: number): GateNote | undefined {
    const note = this.#limit.explain(now);
    return note && { ...note, limit: this.name };
  }

  /** Wakes as many shares as there is room for. */
  #wake(now: number): void {
    let room = this.#limit.room(now);
    for (const share of this.#waiting) {
      if (room < 1) break;
      room--;
      this.#waiting.delete(share);
      this.#watch.opened(share);
    }
    this.#setAlarm(now);
  }

  #setAlarm(now: number): void {
    if (this.#waiting.size === 0) return;
    // Those that were woken may have no followers, or none with slots.
    const at = this.#limit.room(now) > 0 ? now + RETRY_MS : this.#limit.opensAt(now);
    this.#watch.hasten(this.#alarm, at);
  }
}

/** A shared limit as one share has it. */
class SharedGate implements Gate {
  readonly #share: Share;
  readonly #limit: SharedLimit;

  constructor(share: Share, limit: SharedLimit) {
    this.#share = share;
    this.#limit = limit;
  }

  get isLimit(): boolean {
    return this.#limit.isLimit;
  }

  room(now: number): number {
    return this.#limit.room(now);
  }

  opensAt(now: number): number {
    this.#limit.wait(this.#share, now);
    return Infinity;
  }

  take(count: number, now: number): void {
    this.#limit.take(count, now);
  }

  refund(count: number): void {
    this.#limit.refund(count);
  }

  settle(count: number): void {
    this.#limit.settle(count);
  }

  explain(now: number): GateNote | undefined {
    return this.#limit.explain(now);
  }
}
