import type { WorkCopy } from "./work_copy.ts";
import type { LaneWish } from "./lane_book.ts";
import type { WorkLife, WorkParts } from "../work_parts.ts";

/** A message that somebody holds, by the table of one process. */
export interface Holding {
  readonly by: object;
  readonly copy: WorkCopy;
  readonly tag: number;
  /** Since when the breaker was open whose probe it is. */
  readonly probeOf: number | undefined;
  isBegun: boolean;
}

/** What followers hold by one process: so much as limits allow, and of a key only what is lent to one of them. */
export class LifeWatch {
  readonly #parts: WorkParts;
  readonly #life: WorkLife;
  readonly #holdings = new Map<string, Holding>();

  constructor(parts: WorkParts, life: WorkLife) {
    this.#parts = parts;
    this.#life = life;
  }

  get holdings(): Iterable<Holding> {
    return this.#holdings.values();
  }

  /** Those of one follower, the oldest first. */
  listOf(by: object): Holding[] {
    return [...this.#holdings.values()].filter((one) => one.by === by);
  }

  /** A follower was given a message. */
  hold(by: object, copy: WorkCopy, { tag, lendsKeys }: { tag: number; lendsKeys: boolean }): void {
    const { ledger } = this.#parts;
    if (this.#holdings.has(copy.place)) this.#report(`two followers have ${copy}`);
    this.#checkExclusive(by, copy, lendsKeys);
    const { breakers } = ledger;
    const probeOf = breakers.checkDelivery(this.#parts, this.#life, copy, this.holdings);
    this.#holdings.set(copy.place, { by, copy, tag, probeOf, isBegun: false });
    this.#checkLimits(copy);
    this.#checkRates(copy);
  }

  /** A handler has a message; returns whether its follower still holds it. */
  begin(by: object, copy: WorkCopy): boolean {
    const holding = this.#holdings.get(copy.place);
    if (holding?.by !== by) return false;
    holding.isBegun = true;
    return true;
  }

  /** A message has left its follower. */
  leave(by: object, { place }: WorkCopy, isUnseen = false): Holding | undefined {
    const holding = this.#holdings.get(place);
    if (holding?.by !== by) return undefined;
    this.#holdings.delete(place);
    if (isUnseen && !holding.isBegun) this.#refund(holding);
    return holding;
  }

  #refund({ copy, probeOf }: Holding): void {
    const { ledger, time: { now } } = this.#parts;
    if (probeOf !== undefined) ledger.breakers.refund(copy);
    for (const [name, rate] of listRates(copy)) {
      ledger.rates.refund(name, rate, this.#life, now);
    }
  }

  #checkExclusive(by: object, copy: WorkCopy, lendsKeys: boolean): void {
    const { exclusive, stream } = copy;
    if (exclusive === undefined) return;
    for (const other of this.#holdings.values()) {
      if (other.copy.stream !== stream || other.copy.exclusive !== exclusive) continue;
      if (other.by === by && lendsKeys) this.#parts.counts.lent++;
      else this.#report(`${other.copy} and ${copy} of ${exclusive} are out at once`);
    }
  }

  #checkLimits({ stream, lane }: WorkCopy): void {
    const { maxPending, laneLimits } = stream.options;
    const all = [...this.#holdings.values()].filter(({ copy }) => copy.stream === stream);
    this.#checkCount(stream.name, all.length, maxPending ?? null);
    if (lane === undefined) return;
    const own = all.filter(({ copy }) => copy.lane === lane).length;
    const place = `${stream.name} ${lane}`;
    const wishes = this.#parts.ledger.lanes.list(place, this.#life);
    const limits = wishes.map((wish) => {
      return wish === null ? laneLimits?.maxPending ?? Infinity : wish.maxPending ?? Infinity;
    });
    this.#checkCount(place, own, Math.max(...limits));
    if (wishes.every(isPaused)) this.#report(`${place} is paused, and something is delivered`);
  }

  #checkCount(place: string, count: number, limit: number | null): void {
    if (limit === null) return;
    if (count === limit) this.#parts.counts.limited++;
    if (count > limit) this.#report(`${count} messages of ${place} are out, ${limit} are allowed`);
  }

  #checkRates(copy: WorkCopy): void {
    const { ledger, time: { now }, counts } = this.#parts;
    for (const [name, rate] of listRates(copy)) {
      const left = ledger.rates.take(name, rate, this.#life, now);
      if (left < 1) counts.limited++;
      if (left >= -0.05) continue;
      const allowed = `${rate.count} in ${rate.perMs} ms`;
      this.#report(`${copy} is delivered ${-left} too early for ${name}, with ${allowed}`);
    }
  }

  #report(what: string): void {
    this.#parts.ledger.report(`${this.#life.name}: ${what}`);
  }
}

function isPaused(wish: LaneWish): boolean {
  return wish?.isPaused === true;
}

/** The rates that a message goes by. */
function listRates({ stream: { name, options: { rate, laneLimits } }, lane }: WorkCopy) {
  const rates: [string, { count: number; perMs: number }][] = [];
  if (rate) rates.push([name, rate]);
  if (laneLimits?.rate && lane !== undefined) rates.push([`${name} ${lane}`, laneLimits.rate]);
  return rates;
}
