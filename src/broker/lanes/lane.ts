import type { LaneLimits, Rate } from "../../../protocol.ts";
import type { LaneSettings } from "../../protocol/lane_settings.ts";
import { FewRuns } from "../ready/few_runs.ts";
import type { HeadStart } from "../ready/ready_run.ts";
import type { Gate, GateNote } from "./gate.ts";
import type { LaneHeap } from "./lane_heap.ts";
import {
  capEmpty,
  changeRate,
  countTokens,
  emptyAt,
  findTokenAt,
  FULL,
  putTokens,
  takeTokens,
} from "./token_bucket.ts";

/** What holds for all lanes of a share. */
export interface LaneDefaults extends HeadStart {
  readonly laneLimits: LaneLimits | null;
}

/**
 * One lane of a share: its ready messages, how many of its messages are elsewhere, and its limits.
 *
 * A million lanes may have a message each, so there is one object for a lane, and what few have is made
 * when it is needed.
 */
export class Lane extends FewRuns {
  /** Its number in its share, from 1 on; 0 for the messages without a lane. */
  readonly number: number;
  /** Its name; empty for the messages without a lane. */
  readonly name: string;
  /** How many of its messages followers hold. */
  pendingCount = 0;
  /** How many of its messages wait for a time. */
  delayedCount = 0;
  /** How many of its messages wait for their keys. */
  parkedCount = 0;
  /** How many of its messages are about to be stored, where their number is limited. */
  underwayCount = 0;
  /** What it has got so far, in messages by weight: those with the least go first. */
  pass = 0;
  /** The heap that it stands in: of lanes that may go, or of lanes that wait for a time. */
  home: LaneHeap | undefined;
  /** Its place there. */
  at = 0;
  /** The time that it waits for; `Infinity` if it waits for something else. */
  dueAt = 0;
  /** The id of its first message to go when it was put among those that may go. */
  headId = 0;
  /** The choice of messages that it took part in last, and with how many. */
  turn = 0;
  turnCount = 0;
  /** Whether it is noted as unused. */
  isIdle = false;
  /** Until when nothing of it is delivered because a follower has said so. */
  heldUntil = 0;
  /** What holds back its messages beside its limits: a breaker. */
  gate: Gate | undefined;
  #settings: LaneSettings | undefined;
  readonly #defaults: LaneDefaults;
  /** The state of its bucket. */
  #fullAt = FULL;

  constructor(number: number, name: string, defaults: LaneDefaults) {
    super(defaults);
    this.number = number;
    this.name = name;
    this.#defaults = defaults;
  }

  get settings(): LaneSettings | undefined {
    return this.#settings;
  }

  get weight(): number {
    return this.#settings?.weight ?? 1;
  }

  /** How many turns of `weight` messages followers hold, in whole ones. */
  get level(): number {
    return Math.floor(this.pendingCount / this.weight);
  }

  /** How many of its messages are in the stream. */
  get messageCount(): number {
    return this.count + this.parkedCount + this.delayedCount + this.pendingCount +
      this.underwayCount;
  }

  /** Whether it has nothing that would have to be kept. */
  get isUnused(): boolean {
    return this.isEmpty && (this.gate === undefined || this.gate.isIdle === true);
  }

  /** Whether it has nothing but perhaps a breaker. */
  get isEmpty(): boolean {
    return this.#settings === undefined && this.number > 0 && this.messageCount === 0;
  }

  /** When it may be forgotten: a lane that comes anew has a full bucket, and a breaker that is closed. */
  get restsAt(): number {
    const idleAt = this.gate?.idleAt ?? 0;
    return Math.max(this.heldUntil, idleAt, this.rate === null ? 0 : this.#fullAt);
  }

  /** Gives up its breaker, if it has nothing else and it is time. */
  rest(now: number): void {
    if (this.isEmpty && !this.isUnused && this.restsAt <= now) this.gate?.giveUp?.();
  }

  get maxPending(): number | null {
    const own = this.#settings?.maxPending;
    if (own !== undefined) return own;
    return this.number === 0 ? null : this.#defaults.laneLimits?.maxPending ?? null;
  }

  get rate(): Rate | null {
    const own = this.#settings?.rate;
    if (own !== undefined) return own;
    return this.number === 0 ? null : this.#defaults.laneLimits?.rate ?? null;
  }

  get maxMessages(): number | null {
    return this.number === 0 ? null : this.#defaults.laneLimits?.maxMessages ?? null;
  }

  /** Whether what is worked on of it counts. */
  get isLimited(): boolean {
    return this.maxPending !== null || this.rate !== null || (this.gate?.isLimit ?? false);
  }

  /** Changes its settings; `undefined` removes them. */
  change(settings: LaneSettings | undefined, now: number): void {
    const before = this.rate;
    this.#settings = settings;
    const { rate } = this;
    if (rate !== null) this.#fullAt = changeRate(before, rate, this.#fullAt, now);
  }

  /** Notes that what holds for all lanes may have changed. */
  noteDefaults(now: number): void {
    this.forgetHead();
    const { rate } = this;
    if (rate !== null) this.#fullAt = capEmpty(rate, this.#fullAt, now);
  }

  /** Begins without a token, as of a moment: it is not known what was delivered before. */
  emptyAsOf(at: number): void {
    const { rate } = this;
    if (rate !== null) this.#fullAt = emptyAt(rate, at);
  }

  /** How many of its messages may be delivered now. */
  room(now: number): number {
    if (this.#settings?.isPaused || this.heldUntil > now) return 0;
    const { maxPending, rate, gate } = this;
    let room = maxPending === null ? Infinity : Math.max(0, maxPending - this.pendingCount);
    if (rate !== null) room = Math.min(room, countTokens(rate, this.#fullAt, now));
    return gate === undefined ? room : Math.min(room, gate.room(now));
  }

  /** When it may have room again; `Infinity` if that does not come with time. */
  opensAt(now: number): number {
    const { maxPending, rate, gate } = this;
    const isFull = maxPending !== null && this.pendingCount >= maxPending;
    if (this.#settings?.isPaused || isFull) return Infinity;
    let at = Math.max(now, this.heldUntil);
    if (rate !== null) at = Math.max(at, findTokenAt(rate, this.#fullAt));
    return gate === undefined || gate.room(now) > 0 ? at : Math.max(at, gate.opensAt(now));
  }

  /** Why nothing of it may be delivered now; `undefined` if something may. */
  explain(now: number): GateNote | undefined {
    if (this.#settings?.isPaused) return { why: "paused", opensAt: Infinity };
    const { maxPending } = this;
    if (maxPending !== null && this.pendingCount >= maxPending) {
      return { why: `${this.pendingCount} of ${maxPending} pending`, opensAt: Infinity };
    }
    if (this.heldUntil > now) return { why: "postponed", opensAt: this.heldUntil };
    const closed = this.gate?.explain(now);
    if (closed !== undefined || this.room(now) > 0) return closed;
    return { why: "rate", opensAt: this.opensAt(now) };
  }

  /** Notes that messages go to a follower. */
  charge(count: number, now: number): void {
    const { rate } = this;
    this.pendingCount += count;
    this.pass += count / this.weight;
    if (rate !== null) this.#fullAt = takeTokens(rate, this.#fullAt, { taken: count, now });
    this.gate?.take(count, now);
  }

  /** Takes that back: they have gone to none. */
  uncharge(count: number, deliveredAt: number): void {
    this.pass -= count / this.weight;
    this.settle(count, deliveredAt);
    this.refund(count, deliveredAt);
  }

  /** Notes that messages have left their follower. */
  settle(count: number, deliveredAt: number): void {
    this.pendingCount -= count;
    this.gate?.settle(count, deliveredAt);
  }

  /** Notes that messages that have left their follower were not worked on. */
  refund(count: number, deliveredAt: number): void {
    const { rate } = this;
    if (rate !== null) this.#fullAt = putTokens(rate, this.#fullAt, count);
    this.gate?.refund(count, deliveredAt);
  }
}
