/**
 * Sends messages. Calls that are not awaited are pipelined, kept in order and collected into batches;
 * nothing waits for a timer, unless a stream is full and the publisher was told to wait.
 *
 * Three things are in order here: calls that wait in the line, the batch that is being filled, and
 * batches without an outcome. Their ordinals say in which order the calls were made; the numbers on
 * the wire are given to batches when they are sent.
 *
 * @module
 */

import {
  type BrokerError,
  type ConfirmFields,
  FrameType,
  type Refusal,
  writeControlFrame,
} from "../../../protocol.ts";
import type { Link } from "../../transport/link.ts";
import { BatchFiller } from "./batch_filler.ts";
import type { Bind } from "../member/bind.ts";
import {
  copyBody,
  encodeBodies,
  encodeBody,
  type EncodedBody,
  listBodies,
} from "../outgoing/body.ts";
import {
  type CallOptions,
  checkCloseOptions,
  type CloseOptions,
  resolveDrainTime,
  whenAborted,
} from "../member/call_options.ts";
import { CallTimeouts } from "../member/call_timeouts.ts";
import { errorOfCall, traceCaller } from "../member/caller_trace.ts";
import { ClosingPatience } from "../member/closing_limit.ts";
import { Confirmation, Failures } from "./confirmation.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import { FlushWaiters } from "./flush_waiters.ts";
import type { PublishingMember } from "../uplink/member.ts";
import { Outbox } from "../outgoing/outbox.ts";
import type { Publisher, ResolvedPublisherOptions } from "./publisher.ts";
import { type BatchReceipt, MessageConfirmation, type Receipt } from "./receipt.ts";
import {
  describeBind,
  explainDrained,
  explainEnd,
  explainGivenUp,
  explainTimeout,
} from "./publishing_mistake.ts";
import type { Reply } from "../requesting/reply.ts";
import type { RequestOptions } from "../requesting/request.ts";
import {
  encodeBatchOptions,
  type EncodedOptions,
  encodeSendOptions,
  type SendBatchOptions,
  type SendOptions,
} from "../outgoing/send_options.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { type WaitingCall, WaitingLine } from "./call_queue.ts";

/** What limits how long a call may wait. */
type CallLimits = {
  readonly [Name in "signal" | "timeoutMs"]?: SendOptions[Name] | undefined;
};

/** The publisher of a client. */
export class ClientPublisher implements Publisher, PublishingMember {
  readonly bind: Bind;
  /** What it cannot do if it cannot, for messages. */
  readonly #action: string;
  readonly #uplink: Uplink;
  /** What limits how long calls may wait that say nothing of it, if anything does. */
  readonly #limits: CallLimits | undefined;
  readonly #number: number;
  readonly #identity = crypto.randomUUID();
  readonly #line: WaitingLine;
  readonly #filler: BatchFiller;
  readonly #outbox: Outbox;
  /** Whether calls may have been given up whose messages have no number on the wire. */
  #mayHaveAbandoned = false;
  /** Set while the broker stops: it is left the time for what is sent, and sent nothing more. */
  #finished: PromiseWithResolvers<void> | undefined;
  readonly #timeouts: CallTimeouts;
  readonly #flushes = new FlushWaiters();
  readonly #failures = new Failures(() => this.#isClosing || !this.#flushes.isEmpty);
  /** Whether the broker has been told of it, over this connection. */
  #isOpen = false;
  /** Whether somebody waits for its end, and is told of what fails. */
  #isClosing = false;
  #closeCall: Promise<void> | undefined;
  /** Why it takes nothing more. */
  #error: Error | undefined;
  /** Whether it is over: it says and hears nothing more. */
  #isOver = false;

  constructor(uplink: Uplink, bind: Bind, options: ResolvedPublisherOptions) {
    this.#uplink = uplink;
    this.bind = bind;
    this.#action = `Cannot publish to ${describeBind(bind)}`;
    if (options.timeoutMs !== undefined) this.#limits = { timeoutMs: options.timeoutMs };
    this.#line = new WaitingLine(options.maxUnconfirmed);
    this.#timeouts = new CallTimeouts(uplink.clock);
    this.#number = uplink.nextNumber();
    this.#outbox = new Outbox({
      number: this.#number,
      whenFull: options.whenFull,
      clock: uplink.clock,
      schedule: () => uplink.schedule(this),
      dropSoon: () => this.#dropSoon(),
    });
    this.#filler = new BatchFiller(uplink, {
      begin: () => uplink.schedule(this),
      close: (batch) => this.#outbox.add(batch),
      hurry: () => uplink.link && this.write(uplink.link),
    });
    uplink.publishers.set(this.#number, this);
    uplink.schedule(this);
  }

  sendMessage(body: unknown, options?: SendOptions): Promise<Receipt> {
    const confirmation = new MessageConfirmation(this.#failures);
    try {
      this.#requireOpen();
      const encoded = encodeBody(body, this.#uplink.limits.bodyBytes, this.#action);
      const extras = options && encodeSendOptions(options, this.#action);
      const limits = this.#limitsOf(options);
      if (limits === undefined && this.#line.isOpen) {
        this.#filler.place(this.#line.nextOrdinal++, encoded, extras, confirmation);
      } else {
        this.#putOff(encoded, extras, confirmation, limits);
      }
    } catch (error) {
      confirmation.refuse(error as Error);
    }
    return confirmation;
  }

  sendMessages(
    bodies: Iterable<unknown>,
    options?: SendBatchOptions<never>,
  ): Promise<BatchReceipt> {
    const confirmation = new Confirmation<BatchReceipt>(this.#failures);
    try {
      this.#requireOpen();
      const all = listBodies(bodies, this.#action);
      const encoded = encodeBodies(all, this.#uplink.limits.bodyBytes, this.#action);
      const extras = encodeBatchOptions(all, options, this.#action);
      const limits = this.#limitsOf(options);
      const isFree = encoded.length === 0 || this.#line.isOpen;
      if (limits === undefined && isFree) {
        this.#filler.placeAll(this.#line.nextOrdinal, encoded, extras, confirmation);
        this.#line.nextOrdinal += encoded.length;
      } else {
        const kept = encoded.map(copyBody);
        this.#enter(kept.length, confirmation, limits, (ordinal) => {
          this.#filler.placeAll(ordinal, kept, extras, confirmation);
        });
      }
    } catch (error) {
      confirmation.refuse(error as Error);
    }
    return confirmation;
  }

  request<Body = unknown>(body: unknown, options: RequestOptions = {}): Promise<Reply<Body>> {
    try {
      this.#requireOpen();
      const encoded = encodeBody(body, this.#uplink.limits.bodyBytes, this.#action);
      const request = this.#uplink.pendingRequests.begin(this, options);
      const kept = this.#line.isOpen ? encoded : copyBody(encoded);
      const place = (ordinal: number) =>
        this.#filler.place(ordinal, kept, request.place(), request);
      const call = this.#line.enter(1, place, (error) => request.refuse(error));
      request.whenAbandoned(() => this.#abandon(call));
      return request.promise as Promise<Reply<Body>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async flush({ signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    this.#failures.hear();
    if (this.#oldestAwaited !== undefined) {
      return await this.#flushes.add(this.#line.nextOrdinal, signal);
    }
    const error = this.#failures.take();
    if (error !== undefined) await traceCaller(error);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    const drainMs = resolveDrainTime(options, this.#uplink.drainMs);
    const isAgain = this.#closeCall !== undefined;
    this.#closeCall ??= this.#finishAll();
    const limit = this.#limitClosing(drainMs, options.signal);
    try {
      await this.#closeCall;
    } catch (error) {
      // Whoever closes it once more hears nothing that the first one is told.
      if (!isAgain && !limit.isGivenUp) throw error;
    } finally {
      limit.end();
    }
    if (limit.isGivenUp) throw options.signal!.reason;
  }

  async #finishAll(): Promise<void> {
    this.#error ??= new ConnectionClosedError("Cannot publish: the publisher is closed");
    this.expectClose();
    try {
      await this.#uplink.pendingRequests.settled(this);
      await this.flush();
    } finally {
      this.end(undefined);
      this.#isClosing = false;
    }
  }

  /** Ends it when a signal says so, or when nothing has moved for a time. */
  #limitClosing(drainMs: number, signal: AbortSignal | undefined) {
    const limit = { isGivenUp: false, end: () => {} };
    if (this.#isOver) return limit;
    const giveUp = () => {
      limit.isGivenUp = true;
      this.end(explainGivenUp(signal!.reason));
    };
    if (signal?.aborted) {
      giveUp();
      return limit;
    }
    const forget = signal && whenAborted(signal, giveUp);
    const drained = () => this.end(explainDrained(drainMs, this.#outbox.obstacle));
    const patience = new ClosingPatience(drainMs, () => this.#progress, drained);
    limit.end = () => {
      patience.end();
      forget?.();
    };
    return limit;
  }

  /** Another text whenever something has moved. */
  get #progress(): string {
    const { link, pendingRequests } = this.#uplink;
    const { outcomeCount } = this.#outbox;
    return [outcomeCount, pendingRequests.outcomeCount, link?.outboundBytes, link?.takenBytes]
      .join();
  }

  #closeOnBroker(): void {
    this.#uplink.forget(this, this.#number);
    const { link } = this.#uplink;
    if (link === undefined || !this.#isOpen) return;
    link.writer.begin(FrameType.closePublisher);
    link.writer.u32(this.#number);
    link.writer.end();
    link.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get largestSent(): number {
    return this.#outbox.largestSent?.bytes ?? 0;
  }

  giveUpLargest(cause: BrokerError): void {
    this.#outbox.giveUpLargest(cause);
    this.#goOn();
  }

  expectClose(): void {
    this.#isClosing = true;
    this.#failures.hear();
  }

  open(link: Link): void {
    if (this.#isOver) return;
    this.#isOpen = true;
    const { routeString, bindType, ignoreCase } = this.bind;
    writeControlFrame(link.writer, "openPublisher", {
      publisher: this.#number,
      identity: this.#identity,
      bind: { routeString, bindType, ignoreCase },
      ...this.#outbox.sentBefore,
    });
    this.#finished = undefined;
    this.#outbox.restart();
    this.write(link);
  }

  write(link: Link): void {
    if (this.#isOver) return;
    if (!this.#isOpen) return this.open(link);
    this.#filler.seal();
    this.#dropAbandoned();
    if (this.#outbox.send(link, this.#uplink.limits)) this.#goOn();
  }

  lose(): void {
    this.#isOpen = false;
    this.#outbox.lose();
    this.#finished?.resolve();
  }

  finish(): Promise<void> {
    this.#finished ??= Promise.withResolvers();
    this.#outbox.isStopping = true;
    if (this.#outbox.isIdle) this.#finished.resolve();
    return this.#finished.promise;
  }

  end(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const reason = explainEnd(error);
    this.#error ??= reason;
    this.#closeOnBroker();
    this.#filler.seal();
    this.#outbox.end(reason);
    this.#timeouts.end();
    for (const call of this.#line.takeAll()) call.refuse(reason);
    this.#uplink.pendingRequests.endOf(this, reason);
    this.#finished?.resolve();
    this.#settleFlushes();
  }

  handleConfirm(fields: ConfirmFields): void {
    const storedIn = fields.stored.map(({ stream, firstId }) => ({
      stream: this.#uplink.streamName(stream),
      firstId,
    }));
    this.#outbox.confirm(fields.sequence, { storedIn, isDuplicate: fields.hasSameId });
    this.#goOn();
  }

  handleRefusal(refusal: Refusal): void {
    this.#outbox.refuse(refusal, this.#uplink.limits);
    this.#goOn();
  }

  #requireOpen(): void {
    if (this.#error !== undefined) throw errorOfCall(this.#error);
  }

  /** Takes a message that may have to wait; apart from the others, so that they need no closure. */
  #putOff(
    encoded: EncodedBody,
    extras: EncodedOptions | undefined,
    confirmation: MessageConfirmation,
    limits: CallLimits | undefined,
  ): void {
    const kept = copyBody(encoded);
    this.#enter(1, confirmation, limits, (ordinal) => {
      this.#filler.place(ordinal, kept, extras, confirmation);
    });
  }

  /** Takes a call that may have to wait, or may be given up. */
  #enter(
    count: number,
    confirmation: Confirmation<Receipt> | Confirmation<BatchReceipt>,
    limits: CallLimits | undefined,
    place: (ordinal: number) => void,
  ): void {
    const { signal, timeoutMs } = limits ?? {};
    if (signal?.aborted) return confirmation.abandon(signal.reason);
    const call = this.#line.enter(count, place, (error) => confirmation.refuse(error));
    if (signal !== undefined) this.#abandonWith(signal, confirmation, call);
    if (timeoutMs !== undefined) this.#expireAfter(timeoutMs, confirmation, call);
  }

  /** What limits how long a call may wait, if anything does: its own options, or the publisher's. */
  #limitsOf(options: CallLimits | undefined): CallLimits | undefined {
    if (options === undefined) return this.#limits;
    const { signal, timeoutMs = this.#limits?.timeoutMs } = options;
    return signal === undefined && timeoutMs === undefined ? undefined : { signal, timeoutMs };
  }

  #expireAfter(
    timeoutMs: number,
    confirmation: Confirmation<Receipt> | Confirmation<BatchReceipt>,
    call: WaitingCall,
  ): void {
    const forget = this.#timeouts.begin(timeoutMs, () => {
      const isSent = this.#outbox.wasSent(call.ordinal);
      confirmation.expire(explainTimeout(this.#action, timeoutMs, isSent));
      this.#abandon(call);
    });
    confirmation.whenSettled(forget);
  }

  #abandonWith(
    signal: AbortSignal,
    confirmation: Confirmation<Receipt> | Confirmation<BatchReceipt>,
    call: WaitingCall,
  ): void {
    const forget = whenAborted(signal, () => {
      confirmation.abandon(signal.reason);
      this.#abandon(call);
    });
    confirmation.whenSettled(forget);
  }

  /** What a call has not sent yet is never sent. */
  #abandon(call: WaitingCall): void {
    this.#line.remove(call);
    this.#dropSoon();
  }

  /** Has what was given up left out: once, however many calls are given up together. */
  #dropSoon(): void {
    if (this.#mayHaveAbandoned) return;
    this.#mayHaveAbandoned = true;
    queueMicrotask(() => this.#dropAbandoned());
  }

  #dropAbandoned(): void {
    if (!this.#mayHaveAbandoned) return;
    this.#mayHaveAbandoned = false;
    this.#filler.seal();
    this.#outbox.dropAbandoned();
    this.#line.move(() => this.#oldestOrdinal);
    this.#settleFlushes();
  }

  /** An answer has come: does what has waited for it. */
  #goOn(): void {
    this.#outbox.decide();
    if (this.#outbox.isIdle) this.#finished?.resolve();
    this.#line.move(() => this.#oldestOrdinal);
    this.#settleFlushes();
    if (this.#outbox.hasUnsent) this.#uplink.schedule(this);
  }

  /** The place of the oldest message without an outcome, if there is one. */
  get #oldestOrdinal(): number | undefined {
    return this.#outbox.ordinal ?? this.#filler.ordinal ?? this.#line.first?.ordinal;
  }

  /** The place of the oldest message that somebody still wants to hear of, if there is one. */
  get #oldestAwaited(): number | undefined {
    return this.#outbox.awaitedOrdinal ?? this.#filler.ordinal ?? this.#line.first?.ordinal;
  }

  /** Ends those calls of `flush` that have nothing left to wait for. */
  #settleFlushes(): void {
    if (this.#flushes.isEmpty) return;
    this.#flushes.settle(this.#oldestAwaited, () => this.#failures.take());
  }
}
