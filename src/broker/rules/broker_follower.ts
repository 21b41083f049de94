import type { BrokerError, TagRange } from "../../../protocol.ts";
import type {
  EngineFollower,
  FollowerInit,
  FollowerSink,
  NackDetails,
  StreamFilter,
} from "../engine.ts";
import { FollowerState } from "../share/follower_state.ts";
import type { Share } from "../share/share.ts";
import type { Attachments } from "./attachments.ts";
import type { Deliveries } from "./deliveries.ts";
import type { RuleContext } from "./rule_context.ts";

/** The steps for a message that comes back since its follower ends: it may have a key, and a priority of its own. */
const GIVE_BACK_STEPS = 2;

/** From so many streams a follower that ends is detached at once. */
const DETACHED_MAX = 4096;

/** How a follower is opened. */
export interface BrokerFollowerSetup {
  readonly context: RuleContext;
  readonly deliveries: Deliveries;
  readonly attachments: Attachments;
  /** All open followers, in the order of opening. */
  readonly followers: Set<FollowerState>;
  readonly init: FollowerInit;
  readonly sink: FollowerSink;
}

/** A follower of one session. */
export class BrokerFollower implements EngineFollower {
  readonly missing: string | undefined;
  readonly follower: FollowerState;
  readonly #setup: BrokerFollowerSetup;

  /** Throws `BAD_…`, `TOO_MANY_MEMBERS`, or the damage of the only stream that it follows. */
  constructor(setup: BrokerFollowerSetup) {
    const { context: { state: { router }, notices }, attachments, followers, init } = setup;
    const ring = (follower: FollowerState, now: number) => setup.deliveries.timeOut(follower, now);
    const follower = new FollowerState({ ...init, sink: setup.sink, ring });
    const streams = router.addFollower(follower);
    try {
      attachments.checkFollower(follower, streams.length);
      const { damage } = init.bind.bindType === "direct" && streams[0] || {};
      if (damage !== undefined) throw damage;
    } catch (error) {
      router.removeFollower(follower);
      throw error;
    }
    attachments.addAll(follower, streams, init.attachMax ?? Infinity);
    followers.add(follower);
    notices.noteFollower(follower, router);
    const { bindType, routeString } = init.bind;
    const isMissing = bindType === "direct" && streams.length === 0;
    this.missing = isMissing ? routeString : undefined;
    this.follower = follower;
    this.#setup = setup;
  }

  attach(countMax: number): boolean {
    return this.#setup.attachments.addMore(this.follower, countMax);
  }

  setFilter(filter: StreamFilter | undefined, reason: string): void {
    const { context, deliveries, attachments, followers } = this.#setup;
    const { follower } = this;
    if (follower.bind.bindType === "direct" || !followers.has(follower)) return;
    const streams = context.state.router.refilter(follower, filter);
    try {
      attachments.change(follower, streams);
    } finally {
      const isLost = (share: Share) => !follower.attachments.has(share);
      deliveries.forbid(follower, isLost, { reason, now: context.now() });
    }
  }

  forbid(error: BrokerError): void {
    const { deliveries, context, sink } = this.#setup;
    if (!this.#end()) return;
    const details = { reason: error.message, now: context.now() };
    deliveries.forbid(this.follower, () => true, details);
    sink.end(error);
  }

  setCredit(messages: number, bytes: number, slots?: number): void {
    const { deliveries, context } = this.#setup;
    if (slots !== undefined) this.follower.slots = Math.max(1, slots);
    if (this.follower.setCredit(messages, bytes)) deliveries.noteLife(this.follower, context.now());
    context.dispatcher.noteRoom(this.follower);
  }

  ack(ranges: readonly TagRange[], isConfirmed: boolean): Promise<void> | void {
    const { deliveries, context } = this.#setup;
    deliveries.ack(this.follower, ranges, context.now());
    if (isConfirmed) return context.whenDurable();
  }

  nack(
    ranges: readonly TagRange[],
    details: NackDetails,
    isConfirmed: boolean,
  ): Promise<void> | void {
    const { deliveries, context } = this.#setup;
    deliveries.nack(this.follower, ranges, { ...details, now: context.now() });
    if (isConfirmed) return context.whenDurable();
  }

  reject(ranges: readonly TagRange[], reason: string, isConfirmed: boolean): Promise<void> | void {
    const { deliveries, context } = this.#setup;
    deliveries.reject(this.follower, ranges, { reason, now: context.now() });
    if (isConfirmed) return context.whenDurable();
  }

  extend(ranges: readonly TagRange[], ms: number): void {
    const { deliveries, context } = this.#setup;
    deliveries.extend(this.follower, ranges, ms, context.now());
  }

  release(ranges: readonly TagRange[]): void {
    const { deliveries, context } = this.#setup;
    deliveries.release(this.follower, ranges, context.now());
  }

  begin(ranges: readonly TagRange[]): void {
    const { deliveries, context } = this.#setup;
    deliveries.begin(this.follower, ranges, context.now());
  }

  beginBatch(ranges: readonly TagRange[]): void {
    const { deliveries, context } = this.#setup;
    deliveries.beginBatch(this.follower, ranges, context.now());
  }

  resume(): void {
    this.#setup.context.dispatcher.noteRoom(this.follower);
  }

  silence(): number {
    const { deliveries, context } = this.#setup;
    return deliveries.takeSilent(this.follower, context.now());
  }

  close(lastTag?: number): void {
    const { deliveries, context, attachments } = this.#setup;
    // A connection may have thousands of followers, and each of them thousands of messages.
    attachments.steps += GIVE_BACK_STEPS * this.follower.pending.count;
    if (this.#end()) deliveries.takeAll(this.follower, lastTag, context.now());
  }

  /** Detaches it from all streams; returns whether it was open. */
  #end(): boolean {
    const { attachments, followers, context, init } = this.#setup;
    if (!followers.delete(this.follower)) return false;
    context.state.router.removeFollower(this.follower);
    // Until it is detached from all streams nothing is delivered to it.
    this.follower.setCredit(0, 0);
    attachments.end(this.follower);
    if (!attachments.removeSome(this.follower, DETACHED_MAX)) void this.#detachRest();
    init.ended?.();
    return true;
  }

  async #detachRest(): Promise<void> {
    const { attachments, context } = this.#setup;
    await context.turns.workLater((size) =>
      attachments.removeSome(this.follower, size) ? "done" : "more"
    );
  }
}
