import type { SharedLimitSettings } from "../../protocol/lane_settings.ts";
import type { Gate } from "../lanes/gate.ts";
import type { LimitSet, LimitsPiece } from "../lanes/lane_event.ts";
import { Limit } from "../lanes/limit.ts";
import type { Share } from "../share/share.ts";
import { type LimitWatch, SharedLimit } from "./shared_limit.ts";

/** The most limits in one piece of a snapshot: some 200 bytes each. */
const PIECE_COUNT = 256;

/** The limits of streams: those that each has by its options, and those that several share. */
export class LimitTable {
  readonly #watch: LimitWatch;
  /** The shared limits that are set, or that streams name. */
  readonly #shared = new Map<string, SharedLimit>();
  /** The limits of shares that have one of their own. */
  readonly #own = new Map<Share, Limit>();
  /** The shared limits that shares go by. */
  readonly #joined = new Map<Share, SharedLimit>();

  /** By which rules the lanes of shares were placed last: that takes a look at each. */
  readonly #placed = new WeakMap<Share, string>();

  constructor(watch: LimitWatch) {
    this.#watch = watch;
  }

  /** The shared limits that are set. */
  list(): SharedLimit[] {
    return [...this.#shared.values()].filter(({ settings }) => settings !== undefined);
  }

  /** A shared limit, if it is set. */
  get(name: string): SharedLimit | undefined {
    const limit = this.#shared.get(name);
    return limit?.settings === undefined ? undefined : limit;
  }

  /** The shared limit that a share goes by, set or not. */
  findOf(share: Share): SharedLimit | undefined {
    return this.#joined.get(share);
  }

  apply({ name, settings }: Omit<LimitSet, "type">): void {
    this.#require(name).change(settings ?? undefined, this.#watch.now());
    this.#prune(name);
  }

  /** Gives a share the limits that its stream has by its options. */
  configure(share: Share): void {
    const { maxPending, rate, sharedLimit, laneLimits, priorityAcross, priorityAgingMs } =
      share.store.options;
    const isFree = maxPending === null && rate === null && sharedLimit === null;
    const now = this.#watch.now();
    const rules = JSON.stringify([laneLimits, priorityAcross, priorityAgingMs]);
    if (share.lanes !== undefined && this.#placed.get(share) !== rules) {
      share.lanes.placeAll(now);
      this.#placed.set(share, rules);
    }
    if (isFree && !this.#own.has(share) && !this.#joined.has(share)) return;
    const gates: Gate[] = [];
    if (maxPending === null && rate === null) this.#own.delete(share);
    else gates.push(this.#requireOwn(share, { maxPending, rate }));
    const joined = this.#joined.get(share);
    if (joined !== undefined && joined.name !== sharedLimit) this.#leave(share, joined);
    if (sharedLimit !== null) {
      const limit = this.#require(sharedLimit);
      this.#joined.set(share, limit);
      gates.push(limit.join(share));
    }
    share.setGates(gates);
    this.#watch.opened(share);
  }

  /** Forgets a share whose stream is deleted. */
  remove(share: Share): void {
    this.#own.delete(share);
    const joined = this.#joined.get(share);
    if (joined !== undefined) this.#leave(share, joined);
  }

  /** Ends a restoration: all buckets are empty, since it is not known what was delivered before. */
  finish(now: number): void {
    for (const limit of this.#own.values()) limit.empty(now);
    for (const limit of this.#shared.values()) limit.empty(now);
  }

  *takePieces(): Generator<LimitsPiece> {
    const all = this.list().map(({ name, settings }) => [name, settings!] as const);
    for (let first = 0; first < all.length; first += PIECE_COUNT) {
      yield { piece: "limits", limits: all.slice(first, first + PIECE_COUNT) };
    }
  }

  /** Takes over a piece of a snapshot. */
  restorePiece({ limits }: LimitsPiece): void {
    for (const [name, settings] of limits) this.apply({ name, settings });
  }

  #requireOwn(share: Share, settings: SharedLimitSettings): Limit {
    const { maxPending = null, rate = null } = settings;
    let limit = this.#own.get(share);
    if (limit !== undefined) {
      limit.change({ maxPending, rate }, this.#watch.now());
      return limit;
    }
    limit = new Limit({ maxPending, rate }, () => this.#watch.opened(share));
    limit.pendingCount = share.countHeld();
    this.#own.set(share, limit);
    return limit;
  }

  #require(name: string): SharedLimit {
    let limit = this.#shared.get(name);
    if (limit === undefined) this.#shared.set(name, limit = new SharedLimit(name, this.#watch));
    return limit;
  }

  #leave(share: Share, limit: SharedLimit): void {
    limit.leave(share);
    this.#joined.delete(share);
    this.#prune(limit.name);
  }

  #prune(name: string): void {
    if (this.#shared.get(name)?.isUnused) this.#shared.delete(name);
  }
}
