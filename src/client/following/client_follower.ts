/**
 * Takes messages: asks for as many as the handler can use, hands them out one by one, and sends
 * what became of them in ranges.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import {
  type DeliverFields,
  type FrameDecoder,
  FrameType,
  readBatch,
  type TagRange,
  type VerdictFields,
  writeControlFrame,
  writeCredit,
} from "../../../protocol.ts";
import type { Link } from "../../transport/link.ts";
import { BeginWatch } from "./begin_watch.ts";
import type { Bind } from "../member/bind.ts";
import {
  type CallOptions,
  checkCloseOptions,
  type CloseOptions,
  resolveDrainTime,
  whenAborted,
} from "../member/call_options.ts";
import { traceCaller } from "../member/caller_trace.ts";
import { Caution } from "./caution.ts";
import { explainEnd } from "./delivery_mistake.ts";
import { DeliveryVerdicts, type VerdictOwner } from "./delivery_verdicts.ts";
import { Drain } from "../member/drain.ts";
import { FetchedMessages } from "./fetched_messages.ts";
import type { Follower, FollowerOptions, GetMessagesOptions } from "./follower.ts";
import type { FollowingMember } from "../uplink/member.ts";
import type { AckOptions, DeliveredMessage, Message, NackOptions } from "./message.ts";
import { done, MessageIterator, type MessageSource } from "./message_iterator.ts";
import { Prefetch, WORK_MS } from "./prefetch.ts";
import type { Uplink } from "../uplink/uplink.ts";

/** A loop that waits for a message. */
interface MessageWaiter extends PromiseWithResolvers<IteratorResult<Message>> {
  readonly loop: MessageIterator;
}

const now = (): number => performance.now();

/** The follower of a client. */
export class ClientFollower
  implements Follower<never>, FollowingMember, MessageSource, VerdictOwner {
  readonly name: string;
  readonly bind: Bind;
  readonly number: number;
  readonly #uplink: Uplink;
  readonly #prefetch: Prefetch;
  readonly #caution = new Caution();
  /** Counts connections: tags of an earlier one mean nothing any more. */
  #epoch = 1;
  /** The last tag that has come over this connection. */
  #lastTag = 0;
  readonly #fetched = new FetchedMessages();
  readonly #verdicts: DeliveryVerdicts;
  #waiters: MessageWaiter[] = [];
  /** Set while the event loop has its turn before the next message is handed out. */
  #turn: Promise<void> | undefined;
  readonly #begins: BeginWatch;
  /** Whether those who wait are about to be served. */
  #isServing = false;
  /** Nobody asks for messages, or the handler is slow: what comes is given back. */
  #isPaused = true;
  /** What the broker was told last. */
  #creditSent = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** The broker stops: it is left the time to get what is held acknowledged. */
  #isFinishing = false;
  /** Whether the broker has been told of it, over this connection. */
  #isOpen = false;
  /** Set once it is being closed: the time that handlers have to finish. */
  #drain: Drain | undefined;
  #closeCall: Promise<void> | undefined;
  #isClosed = false;
  #error: Error | undefined;

  constructor(uplink: Uplink, bind: Bind, options: Required<FollowerOptions>) {
    this.#uplink = uplink;
    this.bind = bind;
    this.name = options.name;
    this.#prefetch = new Prefetch(options.prefetch, uplink.limits.unacknowledgedMessages);
    this.#verdicts = new DeliveryVerdicts(this, uplink);
    this.#begins = new BeginWatch({
      held: this.#verdicts.held,
      hasMore: () => this.#fetched.count > 0,
      report: (tag) => {
        this.#verdicts.notes.begin(tag);
        this.#uplink.schedule(this);
      },
    });
    this.number = uplink.nextNumber();
    uplink.followers.set(this.number, this);
    // Opened with the rest of this turn: by then it is known whether messages are asked for.
    uplink.schedule(this);
  }

  /** Whether it is closed: what is said of its messages after that is never heard. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  getMessages(options: GetMessagesOptions = {}): AsyncIterableIterator<Message<never>> {
    return new MessageIterator(this, options) as AsyncIterableIterator<Message<never>>;
  }

  ackMessage(message: Message, options?: AckOptions): Promise<void> {
    return this.#verdicts.ackMessage(message, options);
  }

  nackMessage(message: Message, options?: NackOptions): Promise<void> {
    return this.#verdicts.nackMessage(message, options);
  }

  rejectMessage(message: Message, reason?: string | Error, options?: AckOptions): Promise<void> {
    return this.#verdicts.rejectMessage(message, reason, options);
  }

  releaseMessage(message: Message, options?: AckOptions): Promise<void> {
    return this.#verdicts.releaseMessage(message, options);
  }

  extendMessage(message: Message, ms: number, options?: CallOptions): Promise<void> {
    return this.#verdicts.extendMessage(message, ms, options);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    const drainMs = resolveDrainTime(options, this.#uplink.drainMs);
    if (!this.#isClosed) {
      this.#beginClosing();
      this.#drain?.limit({ ...options, drainMs });
      // What handlers have is waited for, anything else need not be.
      if (this.#verdicts.held.count === 0 || this.#drain?.isOver) this.#closeNow();
    }
    await this.#closeCall;
    await this.#uplink.drained();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  schedule(): void {
    this.#uplink.schedule(this);
  }

  open(link: Link): void {
    this.#isOpen = true;
    const { routeString, bindType, ignoreCase } = this.bind;
    const { unacknowledgedMessages, unacknowledgedBytes } = this.#uplink.limits;
    this.#isFinishing = false;
    this.#begins.start(this.#uplink.beginMs);
    this.#prefetch.restart(unacknowledgedMessages);
    this.#caution.restart();
    this.#isPaused = this.#waiters.length === 0;
    this.#creditSent = this.#wantedCredit;
    writeControlFrame(link.writer, "openFollower", {
      follower: this.number,
      name: this.name,
      bind: { routeString, bindType, ignoreCase },
      messages: this.#creditSent,
      bytes: unacknowledgedBytes,
    });
    link.flush();
  }

  write(link: Link): void {
    // Its loops may be left after its end.
    if (this.#isClosed) return;
    const { writer } = link;
    if (!this.#isOpen) this.open(link);
    // Less credit comes before what is given back, or the broker would deliver it here again.
    if (this.#creditSent !== this.#wantedCredit) {
      this.#creditSent = this.#wantedCredit;
      writeCredit(writer, {
        follower: this.number,
        messages: this.#creditSent,
        bytes: this.#uplink.limits.unacknowledgedBytes,
      });
    }
    this.#verdicts.notes.write(writer, this.number);
    link.flush();
  }

  lose(): void {
    this.#isOpen = false;
    this.#epoch++;
    this.#lastTag = 0;
    this.#fetched.clear();
    this.#verdicts.notes.clear();
    this.#begins.stop();
    this.#verdicts.held.loseAll(
      this.#isClosed ? "its follower was closed" : "it was lost with its connection",
    );
  }

  finish(): Promise<void> {
    this.#isFinishing = true;
    this.#pause();
    return this.#verdicts.held.emptied();
  }

  end(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (error !== undefined) this.#error = explainEnd(error);
    clearInterval(this.#timer);
    this.#drain?.end();
    this.#closeOnBroker();
    this.lose();
    for (const { resolve } of this.#waiters.splice(0)) resolve(this.#endResult());
  }

  handleDelivery(fields: DeliverFields, frame: FrameDecoder): void {
    const batch = readBatch(frame);
    const { count } = batch;
    const { firstTag, firstId, attempts, isDoubtful } = fields;
    const stream = this.#uplink.streamName(fields.stream);
    this.#lastTag = firstTag + count - 1;
    if (this.#isPaused || this.#isClosed) return this.#release({ firstTag, count });
    if (isDoubtful) this.#caution.alarm();
    this.#begins.wake(isDoubtful);
    this.#fetched.add(
      { owner: this.#verdicts, stream, attempts, isDoubtful },
      { firstTag, firstId, count },
      batch,
    );
    if (this.#isServing) return;
    this.#isServing = true;
    // What has come together is looked at first: some of it may be taken back already.
    queueMicrotask(() => {
      this.#isServing = false;
      this.#serveWaiters();
      if (this.#fetched.count > 0) this.#watchHandler();
    });
  }

  handleRevocation({ ranges, reason }: VerdictFields): void {
    const inHand: number[] = [];
    let isKnown = false;
    for (const { firstTag, count } of ranges) {
      // Tags that have not come yet are nobody's.
      const known = Math.min(count, this.#lastTag - firstTag + 1);
      if (known <= 0) continue;
      isKnown = true;
      inHand.push(...this.#fetched.drop({ firstTag, count: known }));
    }
    if (!isKnown) return;
    this.#verdicts.held.revoke(inHand, reason === "" ? "the broker has taken it back" : reason);
    // The broker gives nothing more before it hears that somebody asks for it, also if no handler has
    // seen any of what was taken back.
    if (this.#waiters.length === 0) this.#isPaused = true;
    this.#creditSent = -1;
    this.#uplink.schedule(this);
  }

  /** Gives a loop its next message. */
  next(loop: MessageIterator): Promise<IteratorResult<Message>> {
    if (this.#turn !== undefined) return this.#turn.then(() => loop.next());
    if (this.#isEnding) return this.#endResult();
    const { signal } = loop;
    if (signal?.aborted) {
      this.#pauseUnlessAsked();
      return Promise.reject(signal.reason);
    }
    if (this.#isPaused && !this.#isFinishing) {
      this.#isPaused = false;
      this.#uplink.schedule(this);
    }
    if (this.#fetched.count === 0) return this.#wait(loop);
    const pause = this.#caution.advise(now);
    // A write that is under way leaves no room for another one; when the turn is over it is done.
    const isTurn = pause === "turn" || (pause === "write" && this.#uplink.link?.isSending);
    if (isTurn) return this.#takeTurn().then(() => loop.next());
    const value = this.#take(loop);
    if (pause === "write" || (this.#begins.isWary && value.isDoubtful)) this.#uplink.writeNow();
    return Promise.resolve({ done: false, value });
  }

  /** A loop is left: the message in hand comes back with its attempt counted, the others without. */
  leave(loop: MessageIterator): void {
    for (const { loop: waiting, resolve } of this.#waiters) if (waiting === loop) resolve(done);
    this.#waiters = this.#waiters.filter((waiter) => waiter.loop !== loop);
    const inHand = loop.lastEpoch === this.#epoch && this.#verdicts.held.find(loop.lastTag);
    if (inHand) this.#verdicts.leave(inHand);
    this.#pauseUnlessAsked();
    // Whoever throws may be about to end the process.
    this.#uplink.writeNow();
  }

  /** How many messages the broker may let this follower hold, by what is known now. */
  get #wantedCredit(): number {
    return this.#isPaused ? this.#verdicts.held.count : this.#prefetch.window;
  }

  /** Whether loops get nothing more. */
  get #isEnding(): boolean {
    return this.#isClosed || this.#drain !== undefined;
  }

  /** Lets the event loop have its turn; all loops wait for it, so that they keep their order. */
  #takeTurn(): Promise<void> {
    this.#turn = new Promise((resolve) =>
      setImmediate(() => {
        this.#turn = undefined;
        this.#caution.noteTurn(now(), 0);
        resolve();
      })
    );
    return this.#turn;
  }

  #wait(loop: MessageIterator): Promise<IteratorResult<Message>> {
    const waiter: MessageWaiter = { ...Promise.withResolvers(), loop };
    this.#waiters.push(waiter);
    this.#prefetch.waitBegins(now());
    this.#prefetch.demand(this.#verdicts.held.count);
    if (this.#creditSent !== this.#wantedCredit) this.#uplink.schedule(this);
    if (loop.signal !== undefined) this.#abortWith(loop.signal, waiter);
    return waiter.promise;
  }

  #abortWith(signal: AbortSignal, waiter: MessageWaiter): void {
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
    this.#prefetch.waitEnds(time);
    this.#caution.noteTurn(time, Math.min(this.#waiters.length, this.#fetched.count));
    while (this.#waiters.length > 0 && this.#fetched.count > 0) {
      const { resolve, loop } = this.#waiters.shift()!;
      const value = this.#take(loop);
      // That it has begun leaves before a handler can end this process.
      if (value.isDoubtful) this.#uplink.writeNow();
      resolve({ done: false, value });
    }
    if (this.#waiters.length > 0) this.#prefetch.waitBegins(now());
    if (this.#caution.isCareful) this.#uplink.writeNow();
  }

  /** Hands the next message out. */
  #take(loop: MessageIterator): DeliveredMessage {
    const message = this.#fetched.take();
    const { held, notes } = this.#verdicts;
    if (loop.autoAck) {
      message.verdict = "acknowledged by autoAck";
      if (notes.ack(message.tag)) this.#uplink.schedule(this);
    } else {
      loop.lastTag = message.tag;
      loop.lastEpoch = this.#epoch;
      const othersCount = held.add(message);
      if (othersCount > 0 || this.#begins.isWary) this.#begins.note(message, othersCount);
    }
    if (this.#prefetch.take(now)) this.#uplink.schedule(this);
    return message;
  }

  /** Unless another loop waits, nobody asks for messages now. */
  #pauseUnlessAsked(): void {
    if (this.#waiters.length === 0) this.#pause();
  }

  /** Gives back what is fetched, and asks for nothing more until the handler does. */
  #pause(): void {
    this.#isPaused = true;
    for (const range of this.#fetched.takeAll()) this.#verdicts.notes.release(range);
    this.#uplink.schedule(this);
  }

  #release(range: TagRange): void {
    this.#verdicts.notes.release(range);
    this.#uplink.schedule(this);
  }

  /** Looks from time to time whether the handler still takes what is fetched for it. */
  #watchHandler(): void {
    if (this.#timer !== undefined || !this.#prefetch.isAutomatic) return;
    this.#timer = setInterval(() => {
      if (this.#fetched.count === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      } else if (this.#prefetch.tick(this.#fetched.count, this.#verdicts.held.count)) {
        this.#pause();
      }
    }, WORK_MS);
  }

  /** Loops end, and handlers have some time to finish. */
  #beginClosing(): void {
    if (this.#drain !== undefined) return;
    const drain = this.#drain = new Drain();
    this.#pause();
    for (const { resolve } of this.#waiters.splice(0)) resolve(done);
    this.#closeCall = Promise.race([drain.over, this.#verdicts.held.emptied()])
      .then(() => this.#closeNow());
  }

  #closeNow(): void {
    if (this.#isClosed) return;
    const { link } = this.#uplink;
    if (link !== undefined && this.#isOpen) {
      this.#uplink.outgoingReplies.write(link);
      this.write(link);
    }
    this.end(undefined);
  }

  /** The broker gives it nothing more, also after a reconnect. */
  #closeOnBroker(): void {
    this.#uplink.forget(this, this.number);
    const { link } = this.#uplink;
    if (link === undefined || !this.#isOpen) return;
    link.writer.begin(FrameType.closeFollower);
    link.writer.u32(this.number);
    link.writer.u64(this.#lastTag);
    link.writer.end();
    link.flush();
  }

  #endResult(): Promise<IteratorReturnResult<undefined>> {
    return this.#error === undefined ? Promise.resolve(done) : traceCaller(this.#error);
  }
}
