import type { MessageBatch, StreamInfo, StreamOptionsInput } from "../../../protocol.ts";
import type { BreakerOwner } from "../breaker/breaker.ts";
import type { CoalescedTimes } from "../store/coalesce_index.ts";
import { timeCoalesced } from "../store/coalesced_content.ts";
import { postponeKept, rememberKept } from "./kept_messages.ts";
import type { BreakerChanged, Failed, Kept, KeptMessage, Postponed } from "../event.ts";
import { findClosed, sayLimit } from "../lanes/gate.ts";
import { listTimes } from "../store/message_times.ts";
import { ReasonPool } from "../failures/reason_pool.ts";
import { type LaneWatch, Share } from "../share/share.ts";
import { Store, type StoreSetup, type StoringDetails } from "../store/store.ts";

export interface StreamSetup extends StoreSetup {
  /** The reasons of failures, over all streams. */
  readonly reasons?: ReasonPool;
  /** Who hears of probes of a share's breaker. */
  readonly breakerOwner?: ((share: Share) => BreakerOwner) | undefined;
  /** Hears what happens in its lanes. */
  readonly laneWatch?: LaneWatch | undefined;
}

/** Where nobody decides anything. */
const NO_OWNER: BreakerOwner = { noteProbe() {}, noteProbeEnd() {}, noteGivenUp() {} };

/**
 * A stream: a store of messages, and the share of it that its followers take from.
 *
 * This class passes changes of the store on to the share. Several shares of one store would hear of them
 * one after the other; {@linkcode Stream.forget} says what else they need.
 */
export class Stream extends Store {
  readonly share: Share;
  readonly #breakerOwner: ((share: Share) => BreakerOwner) | undefined;

  constructor(setup: StreamSetup) {
    super(setup);
    const { residency, reasons = new ReasonPool(residency), hash, laneWatch } = setup;
    this.share = new Share(this, reasons, hash, laneWatch);
    this.#breakerOwner = setup.breakerOwner;
    this.#passOptions();
  }

  override setOptions(given: StreamOptionsInput): void {
    super.setOptions(given);
    // The constructor of the store sets them before there is a share.
    if (this.share !== undefined) this.#passOptions();
  }

  /** Sets breakers to what an event or a snapshot tells. */
  setBreakers(told: readonly Pick<BreakerChanged, "lane" | "open">[]): void {
    for (const { lane, open } of told) this.share.breakers?.set(lane, open);
    this.share.noteGates();
  }

  /** Tells the share of options that concern deliveries. */
  #passOptions(): void {
    const { options: { breaker }, share } = this;
    if (breaker === null && share.breakers === undefined) return;
    share.setBreaker(breaker, this.#breakerOwner?.(share) ?? NO_OWNER);
  }

  get nextDueAt(): number {
    const forgetAt = this.dedupIds.nextAt(this.options.dedupWindowMs);
    const laneAt = this.share.lanes?.nextAt ?? Infinity;
    return Math.min(this.share.delayed.nextAt, this.expiries.nextAt, forgetAt, laneAt);
  }

  /** Whether messages wait for a calendar time. */
  get hasDated(): boolean {
    return this.share.delayed.hasDated || this.expiries.hasDated;
  }

  /** How many runs of its lists were ever visited or moved; tests bound this cost. */
  get visits(): number {
    return this.share.visits + this.expiries.visits;
  }

  /** Stores a batch under the ids reserved for it. */
  append(firstId: number, batch: MessageBatch, details: StoringDetails): void {
    const { count } = batch;
    const { flags, expiresAt } = details;
    this.backlog.append(firstId, batch, details.place, details.storedAt);
    this.intake.skipIds(firstId + count);
    if (flags === 0 && expiresAt === undefined) return this.share.ready.append(firstId, count);
    const times = listTimes(firstId, batch, {
      ...details,
      fixed: details.coalesced && this.noteCoalesced(firstId, details),
      aheadMs: this.calendar.aheadMs,
      laneAt: (offset) => this.share.requireLanes().table.at(batch.buffer, offset).number,
    });
    this.share.add(times, flags);
    for (const run of times.ownExpiries) this.expiries.addOwn(run);
    for (const run of times.streamExpiries) this.expiries.addOfStream(run);
    this.pruneExpiries();
  }

  /**
   * Removes pending messages that are done; returns their bytes.
   *
   * This is the one place that takes the share for the only one. With several, a message leaves the
   * store when the last share is done with it: the event has to name the share, and the store has to
   * keep, by ranges of ids, which shares are not done. A share that gives a message up leaves a copy
   * among the dead letters; a message that is dropped to make room, purged or expired leaves all shares
   * at once; a share that begins later does not get what is gone.
   */
  forget(firstId: number, count: number): number {
    for (const { leaving, isReplaced } of this.coalesced?.forget({ firstId, count }) ?? []) {
      if (isReplaced) this.counters.noteReplaced(1);
      if (leaving !== undefined) this.share.notes.leaving.delete(leaving);
    }
    this.share.forget(firstId, count);
    return this.backlog.forget(firstId, count);
  }

  clear(): void {
    this.backlog.clear();
    this.share.notes.failures.clear();
    this.coalesced?.clear();
  }

  /** Notes a message with a coalescing id; returns when it is ready and expires. */
  noteCoalesced(id: number, { coalesced, storedAt, expiresAt }: StoringDetails): CoalescedTimes {
    const { mark, bytes, until } = coalesced!;
    const times = timeCoalesced(coalesced!, { storedAt, until, expiresAt });
    this.requireCoalesced().add(mark, { id, bytes, isStored: true, ...times });
    return times;
  }

  /** Notes that messages have failed or were put off, and when they are ready again. */
  note({ firstId, count, attempts, dueAt, failure, priority, lane }: Failed | Postponed): void {
    const { share } = this;
    for (let id = firstId; id < firstId + count; id++) share.notes.failures.set(id, failure);
    share.delay({ firstId, count, attempts, priority, lane }, dueAt);
  }

  /** Notes that a message stays in the place of another one, perhaps for longer. */
  noteKept(message: KeptMessage, event?: Kept): void {
    postponeKept(this, message);
    rememberKept(this, message, event);
  }

  describe(durability: string, now: number): StreamInfo {
    const { share } = this;
    const oldestReadyMs = this.#findAge(now);
    const limit = findClosed(share.limits, now);
    return {
      name: this.name,
      ready: share.readyCount,
      parked: share.keys?.parkedCount ?? 0,
      ...oldestReadyMs !== undefined && { oldestReadyMs },
      delayed: share.delayed.messageCount,
      pending: share.pendingCount,
      followers: share.followerCount,
      bytes: this.backlog.bytes,
      nextId: this.intake.nextId,
      durability,
      isPaused: share.isPaused,
      ...share.breakers?.describe(this.calendar),
      ...share.lanes !== undefined && { lanes: share.lanes.figures },
      ...limit !== undefined && { limitedBy: sayLimit(limit) },
      options: this.options,
      totals: this.totals,
    };
  }

  /** How long the oldest ready message has been stored; undefined if there is none, or it is not known. */
  #findAge(now: number): number | undefined {
    const id = this.share.oldestReadyId;
    const at = id === undefined ? 0 : this.backlog.storedAt(id);
    return at === 0 ? undefined : Math.max(0, Math.floor(now) - at);
  }
}
