import type { Rate } from "../../../protocol.ts";
import type { Gate, GateNote } from "./gate.ts";
import {
  changeRate,
  countTokens,
  emptyAt,
  findTokenAt,
  FULL,
  putTokens,
  takeTokens,
} from "./token_bucket.ts";

/** What a limit allows; `null` where it allows everything. */
export interface LimitSettings {
  /** How many messages followers may hold at a time. */
  readonly maxPending: number | null;
  /** How many deliveries there may be in a time. */
  readonly rate: Rate | null;
}

/** How many messages followers may hold at a time, and how many deliveries there may be in a time. */
export class Limit implements Gate {
  readonly isLimit = true;
  /** How many messages followers hold. */
  pendingCount = 0;
  #settings: LimitSettings;
  readonly #opened: () => void;
  #fullAt = FULL;

  /** @param opened Hears that there is room again because messages have left their followers. */
  constructor(settings: LimitSettings, opened: () => void) {
    this.#settings = settings;
    this.#opened = opened;
  }

  get settings(): LimitSettings {
    return this.#settings;
  }

  /** Sets what it allows from now on; what was delivered before counts. */
  change(settings: LimitSettings, now: number): void {
    const { rate } = settings;
    if (rate !== null) this.#fullAt = changeRate(this.#settings.rate, rate, this.#fullAt, now);
    this.#settings = settings;
  }

  /** Begins without a token: it is not known what was delivered before. */
  empty(now: number): void {
    const { rate } = this.#settings;
    if (rate !== null) this.#fullAt = emptyAt(rate, now);
  }

  room(now: number): number {
    const { maxPending, rate } = this.#settings;
    const slots = maxPending === null ? Infinity : Math.max(0, maxPending - this.pendingCount);
    return rate === null ? slots : Math.min(slots, countTokens(rate, this.#fullAt, now));
  }

  opensAt(now: number): number {
    const { maxPending, rate } = this.#settings;
    if (maxPending !== null && this.pendingCount >= maxPending) return Infinity;
    return rate === null ? now : Math.max(now, findTokenAt(rate, this.#fullAt));
  }

  take(count: number, now: number): void {
    const { rate } = this.#settings;
    this.pendingCount += count;
    if (rate !== null) this.#fullAt = takeTokens(rate, this.#fullAt, { taken: count, now });
  }

  refund(count: number): void {
    const { rate } = this.#settings;
    if (rate !== null) this.#fullAt = putTokens(rate, this.#fullAt, count);
  }

  settle(count: number): void {
    const { maxPending } = this.#settings;
    const wasClosed = maxPending !== null && this.pendingCount >= maxPending;
    this.pendingCount -= count;
    if (wasClosed && this.pendingCount < maxPending) this.#opened();
  }

  explain(now: number): GateNote | undefined {
    if (this.room(now) > 0) return undefined;
    const { maxPending } = this.#settings;
    const opensAt = this.opensAt(now);
    const why = opensAt === Infinity ? `${this.pendingCount} of ${maxPending} pending` : "rate";
    return { why, opensAt };
  }
}
