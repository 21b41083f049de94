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
  BATCH_COUNT_MAX,
  BrokerError,
  type ConfirmFields,
  FrameType,
  type Refusal,
  writeControlFrame,
  writePublish,
} from "../../protocol.ts";
import type { Link } from "../transport/link.ts";
import type { Bind } from "./bind.ts";
import { copyBody, encodeBodies, encodeBody, type EncodedBody, type MessageBody } from "./body.ts";
import { type CallOptions, whenAborted } from "./call_options.ts";
import { ConnectionClosedError } from "./connection_closed_error.ts";
import { Confirmation, Failures } from "./confirmation.ts";
import { FlushWaiters } from "./flush_waiters.ts";
import { decideWhenFull, type RefusedBatch, RoomWait } from "./full_stream.ts";
import type { PublishingMember } from "./member.ts";
import {
  batchBytesMax,
  type BatchWaiter,
  dropAbandoned,
  entryBytesMax,
  OutgoingBatch,
} from "./outgoing_batch.ts";
import type { Publisher, PublisherOptions } from "./publisher.ts";
import { BatchCollector, type BatchReceipt, MessageConfirmation, type Receipt } from "./receipt.ts";
import type { Reply } from "./reply.ts";
import type { RequestOptions } from "./request.ts";
import {
  type BatchExtras,
  encodeBatchOptions,
  type EncodedOptions,
  encodeOptions,
  extrasAt,
  type SendBatchOptions,
  type SendOptions,
} from "./send_options.ts";
import type { Uplink } from "./uplink.ts";
import { type WaitingCall, WaitingLine } from "./waiting_line.ts";

/** More is not handed to a link that has not taken what it has. */
const OUTBOUND_BYTES_MAX = 1024 * 1024;

/** More batches are not sent before some have an answer: brokers remember 16,384 of one publisher. */
const SENT_MAX = 8192;

/** The publisher of a client. */
export class ClientPublisher implements Publisher, PublishingMember {
  readonly bind: Bind;
  readonly #uplink: Uplink;
  readonly #options: Required<PublisherOptions>;
  readonly #number: number;
  readonly #identity = crypto.randomUUID();
  readonly #line: WaitingLine;
  #filling: OutgoingBatch | undefined;
  /** Batches without an outcome, in order; the first `#sentCount` of them are sent. */
  readonly #unconfirmed: OutgoingBatch[] = [];
  #sentCount = 0;
  /** The number on the wire of the next message that is sent for the first time. */
  #nextSequence = 1;
  /**
   * The first of the batches, if a stream was full for them. What becomes of them is decided when all
   * that was sent has an answer, so that nothing overtakes them.
   */
  #refused: RefusedBatch[] = [];
  readonly #roomWait = new RoomWait();
  /** Whether calls may have been given up whose messages have no number on the wire. */
  #mayHaveAbandoned = false;
  /** Set while the broker stops: it is left the time for what is sent, and sent nothing more. */
  #finished: PromiseWithResolvers<void> | undefined;
  readonly #flushes = new FlushWaiters();
  readonly #failures = new Failures();
  /** Whether the broker has been told of it, over this connection. */
  #isOpen = false;
  #isClosed = false;
  #error: Error | undefined;

  constructor(uplink: Uplink, bind: Bind, options: Required<PublisherOptions>) {
    this.#uplink = uplink;
    this.bind = bind;
    this.#options = options;
    this.#line = new WaitingLine(options.maxUnconfirmed);
    this.#number = uplink.nextNumber();
    uplink.publishers.set(this.#number, this);
    uplink.schedule(this);
  }

  sendMessage(body: MessageBody, options?: SendOptions): Promise<Receipt> {
    const confirmation = new MessageConfirmation(this.#failures);
    try {
      this.#requireOpen();
      const encoded = encodeBody(body, this.#uplink.limits.bodyBytes);
      const extras = options && encodeOptions(options);
      if (options?.signal === undefined && this.#line.isOpen) {
        this.#place(this.#line.nextOrdinal++, encoded, extras, confirmation);
      } else {
        this.#putOff(encoded, extras, confirmation, options?.signal);
      }
    } catch (error) {
      confirmation.refuse(error as Error);
    }
    return confirmation;
  }

  sendMessages(bodies: Iterable<MessageBody>, options?: SendBatchOptions): Promise<BatchReceipt> {
    const confirmation = new Confirmation<BatchReceipt>(this.#failures);
    try {
      this.#requireOpen();
      const all = Array.isArray(bodies) ? bodies : [...bodies];
      const encoded = encodeBodies(all, this.#uplink.limits.bodyBytes);
      const extras = encodeBatchOptions(all, options);
      const signal = options?.signal;
      const isFree = encoded.length === 0 || this.#line.isOpen;
      if (signal === undefined && isFree) {
        this.#placeAll(this.#line.nextOrdinal, encoded, extras, confirmation);
        this.#line.nextOrdinal += encoded.length;
      } else {
        const kept = encoded.map(copyBody);
        this.#enter(kept.length, confirmation, signal, (ordinal) => {
          this.#placeAll(ordinal, kept, extras, confirmation);
        });
      }
    } catch (error) {
      confirmation.refuse(error as Error);
    }
    return confirmation;
  }

  request<Body = unknown>(body: MessageBody, options: RequestOptions = {}): Promise<Reply<Body>> {
    try {
      this.#requireOpen();
      const encoded = encodeBody(body, this.#uplink.limits.bodyBytes);
      const request = this.#uplink.pendingRequests.begin(this, options);
      const kept = this.#line.isOpen ? encoded : copyBody(encoded);
      const place = (ordinal: number) => this.#place(ordinal, kept, request.place(), request);
      const call = this.#line.enter(1, place, (error) => request.refuse(error));
      request.whenAbandoned(() => this.#abandon(call));
      return request.promise as Promise<Reply<Body>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  flush({ signal }: CallOptions = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#oldestOrdinal === undefined) return this.#failures.tell();
    return this.#flushes.add(this.#line.nextOrdinal, signal);
  }

  async close(options: CallOptions = {}): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.#uplink.pendingRequests.settled(this, options);
      await this.flush(options);
    } finally {
      this.#closeOnBroker();
    }
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

  open(link: Link): void {
    this.#isOpen = true;
    const { routeString, bindType, ignoreCase } = this.bind;
    writeControlFrame(link.writer, "openPublisher", {
      publisher: this.#number,
      identity: this.#identity,
      bind: { routeString, bindType, ignoreCase },
    });
    this.#finished = undefined;
    this.#sentCount = 0;
    this.write(link);
  }

  write(link: Link): void {
    if (!this.#isOpen) return this.open(link);
    this.#seal();
    this.#send(link);
  }

  lose(): void {
    this.#isOpen = false;
    this.#sentCount = 0;
    // What was sent behind a batch that a full stream has refused is refused, too, or has not arrived.
    if (this.#refused.length > 0) this.#forgetNumbers();
    this.#refused = [];
    this.#roomWait.end();
    this.#finished?.resolve();
  }

  finish(): Promise<void> {
    this.#finished ??= Promise.withResolvers();
    if (this.#sentCount === 0) this.#finished.resolve();
    return this.#finished.promise;
  }

  end(error: Error | undefined): void {
    const reason = this.#error ??= error instanceof BrokerError && !error.fatal
      ? error
      : new ConnectionClosedError("Cannot publish: the connection is closed", { cause: error });
    this.#seal();
    this.#sentCount = 0;
    this.#refused = [];
    this.#roomWait.end();
    this.#finished?.resolve();
    for (const batch of this.#unconfirmed.splice(0)) batch.refuse(reason);
    for (const call of this.#line.takeAll()) call.refuse(reason);
    this.#settleFlushes();
  }

  handleConfirm(fields: ConfirmFields): void {
    const batch = this.#takeSent(fields.sequence);
    if (batch === undefined) return;
    const storedIn = fields.stored.map(({ stream, firstId }) => ({
      stream: this.#uplink.streamName(stream),
      firstId,
    }));
    batch.confirm({ storedIn, isDuplicate: fields.isDuplicate });
    this.#goOn();
  }

  handleRefusal({ sequence, code, message, details = {} }: Refusal): void {
    const batch = this.#findSent(sequence);
    if (batch === undefined) return;
    const error = new BrokerError(code, message, { details });
    if (code === "STREAM_FULL") this.#refused.push({ batch, error });
    else this.#takeSent(sequence)?.refuse(error);
    this.#goOn();
  }

  #requireOpen(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#isClosed) throw new ConnectionClosedError("Cannot publish: the publisher is closed");
  }

  /** Takes a message that may have to wait; apart from the others, so that they need no closure. */
  #putOff(
    encoded: EncodedBody,
    extras: EncodedOptions | undefined,
    confirmation: MessageConfirmation,
    signal: AbortSignal | undefined,
  ): void {
    const kept = copyBody(encoded);
    this.#enter(1, confirmation, signal, (ordinal) => {
      this.#place(ordinal, kept, extras, confirmation);
    });
  }

  /** Takes a call that may have to wait, or may be given up. */
  #enter(
    count: number,
    confirmation: Confirmation<Receipt> | Confirmation<BatchReceipt>,
    signal: AbortSignal | undefined,
    place: (ordinal: number) => void,
  ): void {
    if (signal?.aborted) return confirmation.abandon(signal.reason);
    const call = this.#line.enter(count, place, (error) => confirmation.refuse(error));
    if (signal !== undefined) this.#abandonWith(signal, confirmation, call);
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
    this.#seal();
    dropAbandoned(this.#unconfirmed);
    this.#line.move(() => this.#oldestOrdinal);
    this.#settleFlushes();
  }

  /** Puts a message into a batch. */
  #place(
    ordinal: number,
    encoded: EncodedBody,
    extras: EncodedOptions | undefined,
    waiter: BatchWaiter,
  ): void {
    if (extras?.isAlone) this.#seal();
    this.#roomFor(ordinal, encoded, extras).addWaiter(waiter);
    this.#add(encoded, extras);
    // The broker answers for a whole batch: whether one message is a repetition must not be mixed up.
    if (extras?.isAlone) this.#seal();
  }

  /** Puts the messages of a call into one batch, or several. */
  #placeAll(
    ordinal: number,
    bodies: readonly EncodedBody[],
    extras: BatchExtras,
    confirmation: Confirmation<BatchReceipt>,
  ): void {
    this.#sealUnlessRoom(bodies, extras);
    const collector = new BatchCollector(confirmation);
    const each = Array.isArray(extras) ? extras : undefined;
    for (let index = 0; index < bodies.length; index++) {
      const body = bodies[index]!;
      const own = each === undefined ? extras : each[index];
      collector.countIn(this.#roomFor(ordinal++, body, own));
      this.#add(body, own);
    }
    collector.end();
  }

  /** Keeps messages that fit into one batch together: what is being filled goes first. */
  #sealUnlessRoom(bodies: readonly EncodedBody[], extras: BatchExtras): void {
    const filling = this.#filling;
    if (filling === undefined) return;
    let { bytes } = filling;
    for (let index = 0; index < bodies.length; index++) {
      bytes += entryBytesMax(bodies[index]!.content, extrasAt(extras, index));
    }
    const hasRoom = bytes <= this.#batchBytesMax &&
      filling.count + bodies.length <= BATCH_COUNT_MAX;
    if (!hasRoom) this.#sealFull();
  }

  /** How many bytes a batch may have. */
  get #batchBytesMax(): number {
    return batchBytesMax(this.#uplink.limits.frameBytes);
  }

  /** The batch that a message goes into: the one being filled, or a new one. */
  #roomFor(
    ordinal: number,
    { content }: EncodedBody,
    extras: EncodedOptions | undefined,
  ): OutgoingBatch {
    const bytes = entryBytesMax(content, extras);
    if (this.#filling !== undefined && this.#filling.bytes + bytes > this.#batchBytesMax) {
      this.#sealFull();
    }
    if (this.#filling === undefined) {
      this.#filling = new OutgoingBatch(ordinal, this.#uplink.spareBuffers);
      this.#uplink.schedule(this);
    }
    return this.#filling;
  }

  #add({ kind, content }: EncodedBody, extras: EncodedOptions | undefined): void {
    const batch = this.#filling!;
    batch.add(kind, content, extras);
    if (batch.count === BATCH_COUNT_MAX) this.#sealFull();
  }

  /** Closes a batch that takes no more, and lets it go at once. */
  #sealFull(): void {
    this.#seal();
    const { link } = this.#uplink;
    if (link !== undefined) this.write(link);
  }

  #seal(): void {
    if (this.#filling === undefined) return;
    this.#unconfirmed.push(this.#filling);
    this.#filling = undefined;
  }

  /** Sends what is closed and not sent, as far as the link takes it. */
  #send(link: Link): void {
    if (this.#finished !== undefined) return;
    this.#dropAbandoned();
    while (this.#sentCount < this.#unconfirmed.length && this.#sentCount < SENT_MAX) {
      const batch = this.#unconfirmed[this.#sentCount]!;
      if (this.#isHeldBack(batch)) break;
      // What the link has not taken yet stays here, and is not copied into a buffer that grows.
      if (link.outboundBytes >= OUTBOUND_BYTES_MAX) return this.#uplink.schedule(this);
      if (batch.sequence === 0) {
        batch.sequence = this.#nextSequence;
        this.#nextSequence += batch.count;
      }
      this.#sentCount++;
      const { sequence, messages } = batch;
      const settled = this.#unconfirmed[0]!.sequence;
      writePublish(link.writer, { publisher: this.#number, sequence, settled }, messages);
    }
    link.flush();
  }

  /** Whether a batch has to wait because a stream is full. */
  #isHeldBack(batch: OutgoingBatch): boolean {
    // What was numbered on an earlier link may be stored, and gets its answer under its number.
    if (this.#refused.length > 0) return batch.sequence === 0;
    return this.#roomWait.holdsBack(batch);
  }

  /** Finds the oldest batch without an answer, if it is the one that an answer is about. */
  #findSent(sequence: number): OutgoingBatch | undefined {
    const index = this.#refused.length;
    if (index >= this.#sentCount) return undefined;
    const batch = this.#unconfirmed[index]!;
    return batch.sequence === sequence ? batch : undefined;
  }

  /** Takes it out. */
  #takeSent(sequence: number): OutgoingBatch | undefined {
    const batch = this.#findSent(sequence);
    if (batch === undefined) return undefined;
    this.#sentCount--;
    if (this.#refused.length === 0) this.#unconfirmed.shift();
    else this.#unconfirmed.splice(this.#refused.length, 1);
    return batch;
  }

  /** An answer has come: does what has waited for it. */
  #goOn(): void {
    const [first, ...others] = this.#refused;
    if (first !== undefined && this.#isAnswered) this.#handleFull([first, ...others]);
    if (this.#sentCount === 0) this.#finished?.resolve();
    this.#line.move(() => this.#oldestOrdinal);
    this.#settleFlushes();
    if (this.#sentCount < this.#unconfirmed.length) this.#uplink.schedule(this);
  }

  /** Whether all that was ever sent has its answer. */
  get #isAnswered(): boolean {
    const { length } = this.#refused;
    if (this.#sentCount > length) return false;
    return this.#finished !== undefined || (this.#unconfirmed[length]?.sequence ?? 0) === 0;
  }

  /** A stream is full: decides what becomes of what it has refused. */
  #handleFull(refused: readonly [RefusedBatch, ...RefusedBatch[]]): void {
    this.#refused = [];
    this.#roomWait.end();
    this.#forgetNumbers();
    const decision = decideWhenFull(refused, this.#options.whenFull);
    this.#unconfirmed.splice(0, refused.length, ...decision.again);
    this.#sentCount = 0;
    this.#roomWait.begin(decision, () => this.#uplink.schedule(this));
    for (const { batch, error } of decision.lost) batch.refuse(error);
  }

  /** What a full stream has refused is sent under new numbers, and what is behind it as well. */
  #forgetNumbers(): void {
    for (const batch of this.#unconfirmed) batch.sequence = 0;
    this.#dropSoon();
  }

  /** The place of the oldest message without an outcome, if there is one. */
  get #oldestOrdinal(): number | undefined {
    return this.#unconfirmed[0]?.ordinal ?? this.#filling?.ordinal ?? this.#line.first?.ordinal;
  }

  /** Ends those calls of `flush` that have nothing left to wait for. */
  #settleFlushes(): void {
    this.#flushes.settle(this.#oldestOrdinal, () => this.#failures.tell());
  }
}
