/**
 * Takes messages: asks for as many as the handler can use, hands them out one by one, and sends
 * what became of them in ranges.
 *
 * @module
 */

import {
  type DeliverFields,
  type FrameDecoder,
  FrameType,
  type FrameWriter,
  readBatch,
  type TagRange,
  type VerdictFields,
  writeControlFrame,
  writeCredit,
} from "../../protocol.ts";
import type { Link } from "../transport/link.ts";
import type { Bind } from "./bind.ts";
import { type CallOptions, whenAborted } from "./call_options.ts";
import {
  DeliveryNotes,
  type FailureNote,
  type NotedDelivery,
  writeAck,
  writeNote,
} from "./delivery_notes.ts";
import {
  type DeliveryAction,
  explainEnd,
  explainStale,
  findSpanError,
} from "./delivery_mistake.ts";
import { describeReason } from "./failure_reason.ts";
import { DeliveryWatch } from "./delivery_watch.ts";
import { FetchedMessages } from "./fetched_messages.ts";
import type { Follower, FollowerOptions, GetMessagesOptions } from "./follower.ts";
import type { FollowingMember } from "./member.ts";
import {
  type AckOptions,
  DeliveredMessage,
  type Message,
  type MessageOwner,
  type NackOptions,
  type Verdict,
} from "./message.ts";
import { setImmediate } from "node:timers";
import { Prefetch, WORK_MS } from "./prefetch.ts";
import type { Uplink } from "./uplink.ts";

/** Writes what is said of one delivery. */
type WriteNote = (writer: FrameWriter, delivery: NotedDelivery) => void;

/** What is said of a delivery, and is to be answered. */
interface ConfirmedNote {
  /** Why it need not be said: the message is not the follower's any more. */
  readonly lost: string | undefined;
  readonly options: CallOptions;
  readonly write: WriteNote;
}

/** Someone who waits for a message. */
interface MessageWaiter extends PromiseWithResolvers<IteratorResult<Message>> {
  readonly autoAck: boolean;
}

/** So many messages are handed out before the event loop gets a turn. */
const TURN_COUNT_MAX = 256;

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
const settled: Promise<void> = Promise.resolve();
const now = (): number => performance.now();

/** The follower of a client. */
export class ClientFollower implements Follower<never>, FollowingMember, MessageOwner {
  readonly name: string;
  readonly bind: Bind;
  readonly #uplink: Uplink;
  readonly #number: number;
  readonly #prefetch: Prefetch;
  /** Counts connections: tags of an earlier one mean nothing any more. */
  #epoch = 0;
  /** The last tag that has come over this connection. */
  #lastTag = 0;
  readonly #fetched = new FetchedMessages();
  /** How many messages are handed out and not acknowledged. */
  #heldCount = 0;
  #handedOutCount = 0;
  #waiters: MessageWaiter[] = [];
  readonly #notes = new DeliveryNotes();
  readonly #watch = new DeliveryWatch();
  /** Nobody asks for messages, or the handler is slow: what comes is given back. */
  #isPaused = true;
  /** What the broker was told last. */
  #creditSent = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Set while the broker stops: it is left the time to get what is held acknowledged. */
  #finished: PromiseWithResolvers<void> | undefined;
  /** Whether the broker has been told of it, over this connection. */
  #isOpen = false;
  #isClosed = false;
  #error: Error | undefined;

  constructor(uplink: Uplink, bind: Bind, options: Required<FollowerOptions>) {
    this.#uplink = uplink;
    this.bind = bind;
    this.name = options.name;
    this.#prefetch = new Prefetch(options.prefetch, uplink.limits.unacknowledgedMessages);
    this.#number = uplink.nextNumber();
    uplink.followers.set(this.#number, this);
    // Opened with the rest of this turn: by then it is known whether messages are asked for.
    uplink.schedule(this);
  }

  getMessages(options: GetMessagesOptions = {}): AsyncIterableIterator<Message<never>> {
    const { autoAck = false, signal } = options;
    const iterator: AsyncIterableIterator<Message> = {
      next: () => this.#next(autoAck, signal),
      return: () => {
        this.#leave();
        return Promise.resolve(done);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator as AsyncIterableIterator<Message<never>>;
  }

  ackMessage(message: Message, options?: AckOptions): Promise<void> {
    if (!this.#isOwn(message)) return this.#refuseForeign("acknowledge");
    if (message.verdict !== undefined || options?.signal?.aborted) {
      return refuseAgain("acknowledge", message, options);
    }
    const lost = this.#settle(message, "acknowledged");
    if (options?.confirm) {
      return this.#confirm("acknowledge", message, { lost, options, write: writeAck });
    }
    // A message lost with its connection comes again, to this follower or another one.
    if (lost === undefined) {
      this.#notes.ack(message.tag);
      this.#uplink.schedule(this);
    }
    return settled;
  }

  nackMessage(message: Message, options: NackOptions = {}): Promise<void> {
    const { delayMs } = options;
    if (delayMs !== undefined) {
      const mistake = findSpanError("nack", "delayMs", delayMs, 0);
      if (mistake !== undefined) return Promise.reject(mistake);
    }
    const reason = describeReason(options.reason);
    return this.#fail("nack", message, { type: FrameType.nack, ms: delayMs, reason }, options);
  }

  rejectMessage(
    message: Message,
    reason?: string | Error,
    options: AckOptions = {},
  ): Promise<void> {
    const note = { type: FrameType.reject, ms: undefined, reason: describeReason(reason) };
    return this.#fail("reject", message, note, options);
  }

  extendMessage(message: Message, ms: number, options: CallOptions = {}): Promise<void> {
    if (!this.#isOwn(message)) return this.#refuseForeign("extend");
    const mistake = findSpanError("extend", "ms", ms, 1);
    if (mistake !== undefined) return Promise.reject(mistake);
    if (message.verdict !== undefined || options.signal?.aborted) {
      return refuseAgain("extend", message, options);
    }
    const lost = this.#findLoss(message) ?? this.#watch.findRevoked(message);
    const note = { type: FrameType.extend, ms, reason: "" };
    const write: WriteNote = (writer, delivery) => writeNote(writer, delivery, note);
    return this.#confirm("extend", message, { lost, options, write });
  }

  reply(...reply: Parameters<MessageOwner["reply"]>): Promise<void> {
    return this.#uplink.outgoingReplies.send(...reply);
  }

  signalOf(message: DeliveredMessage): AbortSignal {
    return this.#watch.signalOf(message, this.#findLoss(message));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#pause();
    const { link } = this.#uplink;
    if (link !== undefined && this.#isOpen) {
      this.#uplink.outgoingReplies.write(link);
      this.write(link);
      link.writer.begin(FrameType.closeFollower);
      link.writer.u32(this.#number);
      link.writer.u64(this.#lastTag);
      link.writer.end();
    }
    this.end(undefined);
    this.#uplink.forget(this, this.#number);
    await link?.drain();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  open(link: Link): void {
    this.#isOpen = true;
    const { routeString, bindType, ignoreCase } = this.bind;
    const { unacknowledgedMessages, unacknowledgedBytes } = this.#uplink.limits;
    this.#finished = undefined;
    this.#prefetch.restart(unacknowledgedMessages);
    this.#isPaused = this.#waiters.length === 0;
    this.#creditSent = this.#wantedCredit;
    writeControlFrame(link.writer, "openFollower", {
      follower: this.#number,
      name: this.name,
      bind: { routeString, bindType, ignoreCase },
      messages: this.#creditSent,
      bytes: unacknowledgedBytes,
    });
    link.flush();
  }

  write(link: Link): void {
    const { writer } = link;
    if (!this.#isOpen) this.open(link);
    // Less credit comes before what is given back, or the broker would deliver it here again.
    if (this.#creditSent !== this.#wantedCredit) {
      this.#creditSent = this.#wantedCredit;
      writeCredit(writer, {
        follower: this.#number,
        messages: this.#creditSent,
        bytes: this.#uplink.limits.unacknowledgedBytes,
      });
    }
    this.#notes.write(writer, this.#number);
    link.flush();
  }

  lose(): void {
    this.#isOpen = false;
    this.#epoch++;
    this.#lastTag = 0;
    this.#fetched.clear();
    this.#heldCount = 0;
    this.#notes.clear();
    this.#finished?.resolve();
    this.#watch.end(this.#lossReason);
  }

  finish(): Promise<void> {
    this.#finished ??= Promise.withResolvers();
    this.#pause();
    if (this.#heldCount === 0) this.#finished.resolve();
    return this.#finished.promise;
  }

  end(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (error !== undefined) this.#error = explainEnd(error);
    clearInterval(this.#timer);
    this.lose();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(this.#endResult());
  }

  handleDelivery(fields: DeliverFields, frame: FrameDecoder): void {
    const batch = readBatch(frame);
    const { count } = batch;
    const { firstTag, firstId, attempts } = fields;
    this.#lastTag = firstTag + count - 1;
    if (this.#isPaused || this.#isClosed) return this.#release({ firstTag, count });
    this.#fetched.add(
      {
        owner: this,
        epoch: this.#epoch,
        stream: this.#uplink.streamName(fields.stream),
        attempts,
      },
      { firstTag, firstId, count },
      batch,
    );
    this.#serveWaiters();
    if (this.#fetched.count > 0) this.#watchHandler();
  }

  handleRevocation({ ranges, reason }: VerdictFields): void {
    const taken: number[] = [];
    for (const { firstTag, count } of ranges) {
      // Tags that have not come yet are nobody's.
      const known = Math.min(count, this.#lastTag - firstTag + 1);
      if (known > 0) taken.push(...this.#fetched.drop({ firstTag, count: known }));
    }
    if (taken.length === 0) return;
    this.#heldCount -= taken.length;
    if (this.#heldCount <= 0) this.#holdNothing();
    // Less is held, so that less may be delivered while nobody asks for messages.
    this.#uplink.schedule(this);
    this.#watch.revoke(taken, reason === "" ? "the broker has taken it back" : reason);
  }

  /** How many messages the broker may let this follower hold, by what is known now. */
  get #wantedCredit(): number {
    return this.#isPaused ? this.#heldCount : this.#prefetch.window;
  }

  #next(
    autoAck: boolean,
    signal: AbortSignal | undefined,
  ): Promise<IteratorResult<Message>> {
    if (this.#isClosed) return this.#endResult();
    if (signal?.aborted) {
      this.#leave();
      return Promise.reject(signal.reason);
    }
    if (this.#finished === undefined) this.#isPaused = false;
    if (this.#fetched.count === 0) return this.#wait(autoAck, signal);
    const result = { done: false, value: this.#take(autoAck) };
    // A handler that never waits would otherwise keep sockets and timers from having their turn.
    if (this.#handedOutCount % TURN_COUNT_MAX === 0) return afterTurn(result);
    return Promise.resolve(result);
  }

  #wait(autoAck: boolean, signal: AbortSignal | undefined): Promise<IteratorResult<Message>> {
    const waiter: MessageWaiter = { ...Promise.withResolvers(), autoAck };
    this.#waiters.push(waiter);
    this.#prefetch.waitBegins(now());
    this.#prefetch.demand(this.#heldCount);
    if (this.#creditSent !== this.#wantedCredit) this.#uplink.schedule(this);
    if (signal !== undefined) this.#abortWith(signal, waiter);
    return waiter.promise;
  }

  #abortWith(signal: AbortSignal, waiter: MessageWaiter): void {
    const forget = whenAborted(signal, () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      this.#leave();
      waiter.reject(signal.reason);
    });
    waiter.promise.then(forget, forget);
  }

  #serveWaiters(): void {
    if (this.#waiters.length === 0) return;
    this.#prefetch.waitEnds(now());
    while (this.#waiters.length > 0 && this.#fetched.count > 0) {
      const { resolve, autoAck } = this.#waiters.shift()!;
      resolve({ done: false, value: this.#take(autoAck) });
    }
    if (this.#waiters.length > 0) this.#prefetch.waitBegins(now());
  }

  /** Hands the next message out. */
  #take(autoAck: boolean): DeliveredMessage {
    const message = this.#fetched.take();
    this.#handedOutCount++;
    if (autoAck) {
      message.verdict = "acknowledged";
      this.#notes.ack(message.tag);
    } else if (this.#heldCount++ > 0) {
      // Of the oldest one the broker assumes by itself that it is being worked on.
      this.#notes.begin(message.tag);
    }
    const hasChanged = this.#prefetch.take(now);
    if (hasChanged || autoAck || this.#heldCount > 1) this.#uplink.schedule(this);
    return message;
  }

  #isOwn(message: Message): message is DeliveredMessage {
    return message instanceof DeliveredMessage && message.owner === this;
  }

  #refuseForeign(action: DeliveryAction): Promise<never> {
    const name = JSON.stringify(this.name);
    return Promise.reject(
      new TypeError(`Cannot ${action} a message that follower ${name} has not taken`),
    );
  }

  /** Why a message is not held any more, if its connection or its follower are gone. */
  #findLoss(message: DeliveredMessage): string | undefined {
    return message.epoch === this.#epoch && !this.#isClosed ? undefined : this.#lossReason;
  }

  get #lossReason(): string {
    return this.#isClosed ? "its follower was closed" : "it was lost with its connection";
  }

  /** Holds a message no more; returns why that makes no difference to the broker, if it does not. */
  #settle(message: DeliveredMessage, verdict: Verdict): string | undefined {
    message.verdict = verdict;
    const lost = this.#findLoss(message);
    if (lost !== undefined) return lost;
    if (this.#watch.isInUse) {
      const revoked = this.#watch.settle(message);
      // It has not been counted since it was taken back.
      if (revoked !== undefined) return revoked;
    }
    if (--this.#heldCount <= 0) this.#holdNothing();
    return undefined;
  }

  /** Nothing is held: also where an acknowledgement and a `revoke` have passed each other. */
  #holdNothing(): void {
    this.#heldCount = 0;
    this.#finished?.resolve();
  }

  /** Says that a delivery has failed. */
  #fail(
    action: "nack" | "reject",
    message: Message,
    note: FailureNote,
    options: AckOptions,
  ): Promise<void> {
    if (!this.#isOwn(message)) return this.#refuseForeign(action);
    if (message.verdict !== undefined || options.signal?.aborted) {
      return refuseAgain(action, message, options);
    }
    const lost = this.#settle(message, action === "nack" ? "given back" : "rejected");
    if (options.confirm) {
      const write: WriteNote = (writer, delivery) => writeNote(writer, delivery, note);
      return this.#confirm(action, message, { lost, options, write });
    }
    if (lost === undefined) {
      this.#notes.fail(message.tag, note);
      this.#uplink.schedule(this);
    }
    return settled;
  }

  /** Says something of a delivery, and waits for the broker's answer. */
  async #confirm(
    action: DeliveryAction,
    message: DeliveredMessage,
    { lost, options, write }: ConfirmedNote,
  ): Promise<void> {
    if (lost !== undefined) throw explainStale(action, message, lost);
    const follower = this.#number;
    await this.#uplink.sendRequest((writer, request) => {
      write(writer, { follower, request, tag: message.tag });
    }, options);
  }

  /** A loop has ended: unless another one waits, nobody asks for messages now. */
  #leave(): void {
    if (this.#waiters.length === 0) this.#pause();
  }

  /** Gives back what is fetched, and asks for nothing more until the handler does. */
  #pause(): void {
    this.#isPaused = true;
    for (const range of this.#fetched.takeAll()) this.#notes.release(range);
    this.#uplink.schedule(this);
  }

  #release(range: TagRange): void {
    this.#notes.release(range);
    this.#uplink.schedule(this);
  }

  /** Looks from time to time whether the handler still takes what is fetched for it. */
  #watchHandler(): void {
    if (this.#timer !== undefined || !this.#prefetch.isAutomatic) return;
    this.#timer = setInterval(() => {
      if (this.#fetched.count === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      } else if (this.#prefetch.tick(this.#fetched.count, this.#heldCount)) {
        this.#pause();
      }
    }, WORK_MS);
  }

  #endResult(): Promise<IteratorReturnResult<undefined>> {
    return this.#error === undefined ? Promise.resolve(done) : Promise.reject(this.#error);
  }
}

/** Resolves after the event loop has had a turn. */
function afterTurn<T>(result: T): Promise<T> {
  return new Promise((resolve) => setImmediate(() => resolve(result)));
}

/** Why nothing can be done to a message: that was done before, or the caller has given up. */
function refuseAgain(
  action: DeliveryAction,
  message: DeliveredMessage,
  options: CallOptions | undefined,
): Promise<never> {
  const { verdict } = message;
  if (verdict === undefined) return Promise.reject(options?.signal?.reason);
  return Promise.reject(explainStale(action, message, `it was ${verdict} before`));
}
