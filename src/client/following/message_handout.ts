import { setImmediate } from "node:timers";
import {
  type DeliverFields,
  type FrameDecoder,
  type FrameWriter,
  readBatch,
  type VerdictFields,
} from "../../../protocol.ts";
import { whenAborted } from "../member/abort_listener.ts";
import { traceCaller } from "../member/caller_trace.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { BeginWatch } from "./begin_watch.ts";
import { Caution } from "./caution.ts";
import { FollowerCredit } from "./follower_credit.ts";
import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { DeliveryVerdicts } from "../deliveries/delivery_verdicts.ts";
import { FetchedMessages } from "./fetched_messages.ts";
import { KeyOrder } from "./key_order.ts";
import { BatchHands } from "./batch_hands.ts";
import type { ResolvedBatchShape } from "../batching/batch_options.ts";
import type { ClientBatch } from "../batching/client_batch.ts";
import { done, HandoutLoop, type HandoutSource, type LoopOptions } from "./handout_loop.ts";
import { type HandoutParts, MessageHands } from "./message_hands.ts";
import { Prefetch } from "./prefetch.ts";

/** A loop that waits. */
interface Waiter<Unit> extends PromiseWithResolvers<IteratorResult<Unit>> {
  readonly loop: HandoutLoop<Unit>;
}

const now = (): number => performance.now();

/** Fetches as many messages as a follower's loops can use, and hands them out one by one. */
export class MessageHandout implements HandoutSource {
  readonly #uplink: Uplink;
  readonly #verdicts: DeliveryVerdicts;
  readonly #credit: FollowerCredit;
  readonly #fetched = new FetchedMessages();
  readonly #order: KeyOrder;
  readonly #caution = new Caution();
  readonly #begins: BeginWatch;
  readonly #parts: HandoutParts;
  /** Tags of messages that handlers have got, and of which the broker is to be told. */
  #begun: number[] = [];
  // deno-lint-ignore no-explicit-any -- each loop gets what it wants
  #waiters: Waiter<any>[] = [];
  /** Set while the event loop takes a turn before the next message is handed out. */
  #turn: Promise<void> | undefined;
  /** Whether the waiting loops are about to be served. */
  #isServing = false;
  /** Set when loops get nothing more; with an error unless the follower was closed here. */
  #end: { readonly error?: Error } | undefined;

  constructor(uplink: Uplink, verdicts: DeliveryVerdicts, prefetch: number | "auto") {
    this.#uplink = uplink;
    this.#verdicts = verdicts;
    const { held } = verdicts;
    const fetched = this.#fetched;
    const slow = { mark: () => held.mark(), count: () => held.countOlder() };
    const window = new Prefetch(prefetch, uplink.limits.unacknowledgedMessages, slow);
    const order = this.#order = new KeyOrder({
      fetched,
      held,
      passFence: () => uplink.queries.send((writer, query) => verdicts.fence(writer, query)),
      wake: () => this.#serveSoon(),
    });
    verdicts.returning = (message) => order.hold(message);
    verdicts.hasMore = () => order.count > 0;
    this.#credit = new FollowerCredit(window, {
      held,
      fetched: order,
      giveBack: () => this.#giveBack(),
      isAwaited: () => this.#waiters.some(({ loop }) => loop.hands.collects),
      waiting: () => this.#waiters.length,
    });
    this.#begins = new BeginWatch({
      held,
      hasMore: () => order.count > 0,
      report: (tag) => {
        this.#begun.push(tag);
        verdicts.schedule();
      },
    });
    this.#parts = { order, verdicts, begins: this.#begins, prefetch: window };
  }

  /** The last tag received over this link. */
  get lastTag(): number {
    return this.#fetched.lastTag;
  }

  /** How many messages are worked on at once. */
  get slots(): number {
    return this.#credit.slots;
  }

  /** More or fewer messages are worked on at once; `handlers` of them by handlers of their own. */
  addSlots(count: number, handlers: number = count): void {
    this.#credit.addSlots(count, handlers);
    this.#verdicts.schedule();
  }

  /** Begins on a new link; returns the first credit. */
  open(): number {
    const { limits, session } = this.#uplink;
    this.#order.restart(this.#uplink.knowsWork);
    this.#begins.start(session.welcome.beginMs);
    this.#caution.restart();
    return this.#credit.restart(this.#waiters.length > 0, limits.unacknowledgedMessages);
  }

  write(writer: FrameWriter, follower: number): void {
    // The credit comes before messages that are given back, or the broker would deliver them here again.
    const { limits: { unacknowledgedBytes: bytes }, knowsWork: knowsSlots } = this.#uplink;
    this.#credit.write(writer, { follower, bytes, knowsSlots });
    // Of those that handlers have finished already, the broker need not know that they had begun.
    const { held, notes } = this.#verdicts;
    for (const tag of this.#begun.splice(0)) if (held.find(tag) !== undefined) notes.begin(tag);
    notes.write(writer, follower);
  }

  /** The link is lost. */
  lose(): void {
    this.#begun = [];
    this.#order.restart(false);
    this.#begins.stop();
  }

  /** The broker stops: nothing more is asked for. */
  stop(): void {
    this.#credit.stop();
    this.#pause();
  }

  /** Loops get nothing more. */
  close(): void {
    this.#end ??= {};
    this.#pause();
    for (const { resolve } of this.#waiters.splice(0)) resolve(done);
  }

  /** It is over for good. */
  end(error: Error | undefined): void {
    this.#end = error === undefined ? {} : { error };
    this.#credit.unwatch();
    for (const { resolve } of this.#waiters.splice(0)) resolve(this.#endResult());
  }

  /** Messages of a stream have come. */
  add(fields: DeliverFields, stream: string, frame: FrameDecoder): void {
    const batch = readBatch(frame);
    const { count } = batch;
    const { firstTag, firstId, attempts, isDoubtful, isSuspect, storedAt } = fields;
    this.#fetched.lastTag = firstTag + count - 1;
    if (this.#credit.isPaused || this.#end !== undefined) {
      if (this.#end === undefined) this.#order.holdAll();
      this.#verdicts.notes.release({ firstTag, count });
      return this.#verdicts.schedule();
    }
    if (isDoubtful) this.#caution.alarm();
    this.#begins.wake(isDoubtful);
    this.#fetched.add(
      { owner: this.#verdicts, stream, firstId, attempts, isDoubtful, isSuspect, storedAt },
      { firstTag, firstId, count },
      batch,
    );
    this.#serveSoon();
  }

  /** Serves the waiting loops later in this turn: a revocation may have come together with messages. */
  #serveSoon(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    queueMicrotask(() => {
      this.#isServing = false;
      if (this.#waiters.length > 0) this.#ask();
      this.#serveWaiters();
      if (this.#order.count > 0) this.#credit.watch();
    });
  }

  /** The broker has taken deliveries back. */
  revoke({ ranges, reason, isCancelled }: VerdictFields): void {
    const inHand: number[] = [];
    const wasHeld = this.#order.isHolding;
    let isKnown = false;
    for (const { firstTag, count } of ranges) {
      // Tags that have not arrived yet are ignored.
      const known = Math.min(count, this.#fetched.lastTag - firstTag + 1);
      if (known <= 0) continue;
      isKnown = true;
      inHand.push(...this.#order.drop({ firstTag, count: known }));
    }
    if (!isKnown) return;
    const why = reason === "" ? "the broker has taken it back" : reason;
    this.#verdicts.held.revoke(inHand, why, isCancelled);
    // It goes on delivering: only these messages were meant.
    if (isCancelled) return this.#credit.isChanged ? this.#verdicts.schedule() : undefined;
    // The broker delivers nothing more before it gets a new credit, even if no handler has seen any of
    // these messages; but if they go back with what a handler has given back, it goes on.
    const isAlong = wasHeld && inHand.length === 0;
    if (this.#waiters.length === 0 && !isAlong) this.#credit.pause();
    this.#credit.renew();
    this.#verdicts.schedule();
  }

  /** A loop over messages. */
  loopMessages(
    options: LoopOptions & { readonly autoAck: boolean },
  ): HandoutLoop<DeliveredMessage> {
    return new HandoutLoop(this, new MessageHands(this.#parts, options.autoAck), options);
  }

  /** A loop over batches, of which so many are in handlers at once. */
  loopBatches(
    shape: ResolvedBatchShape,
    handlers: number,
    options: LoopOptions,
  ): HandoutLoop<ClientBatch> {
    const parts = {
      ...this.#parts,
      clock: this.#uplink.options.clock,
      bytesMax: () => this.#uplink.limits.unacknowledgedBytes,
      wake: () => this.#serveSoon(),
      addSlots: (count: number, handlers: number) => this.addSlots(count, handlers),
    };
    const hands = new BatchHands(parts, shape, handlers);
    return new HandoutLoop(this, hands, options);
  }

  takeNow<Unit>(loop: HandoutLoop<Unit>): Unit | undefined {
    const isHindered = this.#turn !== undefined || this.#end !== undefined || loop.signal?.aborted;
    if (isHindered) return undefined;
    if (this.#credit.isPaused) this.#ask();
    const { hands } = loop;
    if (!hands.hasNext()) return undefined;
    const pause = this.#caution.advise(now);
    // There is one write at a time; the present one is done when the turn is over.
    const isWriting = pause === "write" || hands.collects;
    if (pause === "turn" || (isWriting && this.#uplink.link?.isSending)) {
      this.#takeTurn();
      return undefined;
    }
    const unit = hands.take();
    loop.noteTaken(unit);
    const isWritten = this.#begins.isWary && hands.isDoubtful?.(unit);
    if (pause === "write" || isWritten) this.#uplink.writeNow();
    return unit;
  }

  /** Gives a loop what comes next. */
  next<Unit>(loop: HandoutLoop<Unit>): Promise<IteratorResult<Unit>> {
    const value = this.takeNow(loop);
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#turn !== undefined) return this.#turn.then(() => loop.next());
    if (this.#end !== undefined) return this.#endResult();
    const { signal } = loop;
    if (!signal?.aborted) return this.#wait(loop);
    this.#pauseUnlessAsked();
    return Promise.reject(signal.reason);
  }

  /** A loop is left: what it had last goes back with the attempt counted, fetched messages without. */
  leave<Unit>(loop: HandoutLoop<Unit>): void {
    for (const { loop: waiting, resolve } of this.#waiters) if (waiting === loop) resolve(done);
    this.#waiters = this.#waiters.filter((waiter) => waiter.loop !== loop);
    const { last } = loop;
    if (last !== undefined && loop.hands.isOpen(last)) loop.hands.leave(last);
    this.#pauseUnlessAsked();
    // A handler that throws may be about to end the process.
    this.#uplink.writeNow();
  }

  /**
   * Asks for messages for a loop; but not before the broker has those that went back: what it has sent meanwhile
   * would overtake them, and goes back, too.
   */
  #ask(): void {
    if (!this.#order.isReturning && this.#credit.ask()) this.#verdicts.schedule();
  }

  /** Gives the event loop a turn; all loops wait for it, which keeps their order. */
  #takeTurn(): void {
    this.#turn = new Promise((resolve) =>
      setImmediate(() => {
        this.#turn = undefined;
        this.#caution.noteTurn(now(), 0);
        resolve();
      })
    );
  }

  #wait<Unit>(loop: HandoutLoop<Unit>): Promise<IteratorResult<Unit>> {
    const { held } = this.#verdicts;
    if (loop.last !== undefined && !loop.hands.isOpen(loop.last)) loop.noteTaken(undefined);
    const waiter: Waiter<Unit> = { ...Promise.withResolvers(), loop };
    this.#waiters.push(waiter);
    this.#credit.prefetch.waitBegins(now());
    if (!loop.hands.collects) {
      this.#credit.prefetch.demand(held.count);
      this.#credit.noteBusy(held.count + this.#waiters.length);
    }
    if (this.#credit.isChanged) this.#verdicts.schedule();
    if (loop.signal !== undefined) this.#abortWith(loop.signal, waiter);
    return waiter.promise;
  }

  #abortWith<Unit>(signal: AbortSignal, waiter: Waiter<Unit>): void {
    const forget = whenAborted(signal, () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      this.#pauseUnlessAsked();
      waiter.reject(signal.reason);
    });
    waiter.promise.then(forget, forget);
  }

  #serveWaiters(): void {
    if (this.#waiters.length === 0) return;
    const time = now();
    this.#credit.prefetch.waitEnds(time);
    this.#caution.noteTurn(time, Math.min(this.#waiters.length, this.#order.count));
    this.#waiters = this.#waiters.filter(({ loop, resolve }) => {
      const { hands } = loop;
      if (!hands.hasNext()) return true;
      const value = hands.take();
      loop.noteTaken(value);
      // The broker is told before the handler can crash this process.
      if (hands.isDoubtful?.(value)) this.#uplink.writeNow();
      resolve({ done: false, value });
      return false;
    });
    if (this.#waiters.length > 0) this.#credit.prefetch.waitBegins(now());
    if (this.#caution.isCareful) this.#uplink.writeNow();
  }

  #pauseUnlessAsked(): void {
    if (this.#waiters.length === 0) this.#pause();
  }

  /** Gives the fetched messages back, and asks for nothing more until a loop does. */
  #pause(): void {
    this.#credit.pause();
    this.#releaseFetched();
  }

  /** Gives the fetched messages back, because they do not move; a loop that waits still asks for others. */
  #giveBack(): void {
    this.#pauseUnlessAsked();
    if (this.#order.count > 0) this.#releaseFetched();
  }

  #releaseFetched(): void {
    const ranges = this.#order.takeAll();
    for (const range of ranges) this.#verdicts.notes.release(range);
    if (ranges.length > 0 && this.#end === undefined) this.#order.holdAll();
    this.#verdicts.schedule();
  }

  #endResult(): Promise<IteratorReturnResult<undefined>> {
    const error = this.#end?.error;
    return error === undefined ? Promise.resolve(done) : traceCaller(error);
  }
}
