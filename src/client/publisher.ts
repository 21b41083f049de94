/**
 * Sends messages. Calls that are not awaited are pipelined, kept in order and collected into batches;
 * nothing waits for a timer.
 *
 * @module
 */

import {
  BATCH_COUNT_MAX,
  BrokerError,
  type ConfirmFields,
  encodeHeaders,
  ENTRY_HEAD_BYTES,
  FrameType,
  type Refusal,
  writeControlFrame,
  writePublish,
} from "../../protocol.ts";
import type { Link } from "../transport/link.ts";
import type { Bind } from "./bind.ts";
import { encodeBody, type EncodedBody, type MessageBody } from "./body.ts";
import { ConnectionClosedError } from "./connection_closed_error.ts";
import { Confirmation, Failures } from "./confirmation.ts";
import { OutgoingBatch } from "./outgoing_batch.ts";
import { BatchCollector, type BatchReceipt, MessageConfirmation, type Receipt } from "./receipt.ts";
import type { PublishingMember } from "./member.ts";
import type { Uplink } from "./uplink.ts";

/** Options of {@linkcode Publisher.sendMessage}. */
export interface SendOptions {
  /**
   * Names and values that travel with the message: 4 KiB at most, all together.
   *
   * @default {{}}
   */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Sends messages to the streams that its bind matches.
 *
 * @example Sending without waiting for each
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * await connection.cursor().createStream("numbers");
 *
 * await using publisher = connection.publisher("numbers");
 * for (let number = 0; number < 1000; number++) publisher.sendMessage(number);
 * await publisher.flush();
 * assertEquals((await connection.cursor().getStream("numbers")).ready, 1000);
 * ```
 */
export interface Publisher extends AsyncDisposable {
  /** What it is tied to. */
  readonly bind: Bind;

  /**
   * Sends a message.
   *
   * Not awaiting it is fine: calls are sent in their order, many in one frame. If such a call fails,
   * {@linkcode Publisher.flush} rejects with what failed, or else {@linkcode Publisher.close}.
   *
   * @param body A string, a `Uint8Array` (copied before the call returns), or a JSON value.
   * @param options Headers.
   * @returns What was stored, once the broker has confirmed it.
   * @throws {TypeError} If JSON cannot express the body.
   * @throws {RangeError} If body or headers are over the broker's limits; nothing was sent.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `NO_MATCHING_STREAM`, `BAD_PATTERN`, `MEMORY_FULL`:
   * the message is not stored.
   * @throws {ConnectionClosedError} If the connection was closed before the confirm came.
   */
  sendMessage(body: MessageBody, options?: SendOptions): Promise<Receipt>;

  /**
   * Sends many messages in one go.
   *
   * Up to 4,096 small messages (128 KiB) are stored together or not at all; more than that are sent
   * as several such batches, of which each is confirmed for itself.
   *
   * @param bodies The bodies, each as in {@linkcode Publisher.sendMessage}.
   * @param options Headers, the same for all.
   * @returns What was stored, once the broker has confirmed all of it.
   * @throws {TypeError | RangeError | BrokerError | ConnectionClosedError} Like
   * {@linkcode Publisher.sendMessage}; with a bad body nothing at all was sent.
   */
  sendMessages(bodies: Iterable<MessageBody>, options?: SendOptions): Promise<BatchReceipt>;

  /**
   * Waits until everything sent so far is confirmed.
   *
   * @throws {Error} What failed since the last flush in calls that nobody was waiting for: the error,
   * or an `AggregateError` of several (of the first 100, if there are more).
   */
  flush(): Promise<void>;

  /**
   * Waits for the confirms of what was sent, and ends the publisher. Calling it again does nothing.
   *
   * @throws {Error} What failed and has not been told to anybody, as {@linkcode Publisher.flush} does.
   */
  close(): Promise<void>;
}

/** A batch is closed at this size: one write, one read, one confirm. */
const BATCH_BYTES_MAX = 128 * 1024;

/** What a `publish` frame has beside the batch, rounded up. */
const FIELD_BYTES = 64;

/** More is not handed to a link that has not taken what it has. */
const OUTBOUND_BYTES_MAX = 1024 * 1024;

/** A call of `flush` that waits. */
interface FlushWaiter extends PromiseWithResolvers<void> {
  /** It waits for the outcome of all messages below this number. */
  readonly sequence: number;
}

/** The publisher of a client. */
export class ClientPublisher implements Publisher, PublishingMember {
  readonly bind: Bind;
  readonly #uplink: Uplink;
  readonly #number: number;
  readonly #identity = crypto.randomUUID();
  #nextSequence = 1;
  #filling: OutgoingBatch | undefined;
  /** Batches without an outcome, in order; the first `#sentCount` of them are sent. */
  readonly #unconfirmed: OutgoingBatch[] = [];
  #sentCount = 0;
  /** Set while the broker stops: it is left the time for what is sent, and sent nothing more. */
  #finished: PromiseWithResolvers<void> | undefined;
  readonly #flushes: FlushWaiter[] = [];
  readonly #failures = new Failures();
  /** Whether the broker has been told of it, over this connection. */
  #isOpen = false;
  #isClosed = false;
  #error: Error | undefined;

  constructor(uplink: Uplink, bind: Bind) {
    this.#uplink = uplink;
    this.bind = bind;
    this.#number = uplink.nextNumber();
    uplink.publishers.set(this.#number, this);
    uplink.schedule(this);
  }

  sendMessage(body: MessageBody, options?: SendOptions): Promise<Receipt> {
    const confirmation = new MessageConfirmation(this.#failures);
    try {
      this.#requireOpen();
      const encoded = encodeBody(body, this.#uplink.limits.bodyBytes);
      const headers = options?.headers && encodeHeaders(options.headers);
      this.#roomFor(encoded, headers).addWaiter(confirmation);
      this.#add(encoded, headers);
    } catch (error) {
      confirmation.refuse(error as Error);
    }
    return confirmation;
  }

  sendMessages(bodies: Iterable<MessageBody>, options?: SendOptions): Promise<BatchReceipt> {
    const confirmation = new Confirmation<BatchReceipt>(this.#failures);
    try {
      this.#requireOpen();
      const encoded = this.#encodeAll(bodies);
      const headers = options?.headers && encodeHeaders(options.headers);
      this.#sealUnlessRoom(encoded, headers);
      const collector = new BatchCollector(confirmation);
      for (const body of encoded) {
        collector.countIn(this.#roomFor(body, headers));
        this.#add(body, headers);
      }
      collector.end();
    } catch (error) {
      confirmation.refuse(error as Error);
    }
    return confirmation;
  }

  flush(): Promise<void> {
    if (this.#filling === undefined && this.#unconfirmed.length === 0) return this.#tellFailures();
    const waiter = { ...Promise.withResolvers<void>(), sequence: this.#nextSequence };
    this.#flushes.push(waiter);
    return waiter.promise;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.flush();
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
    this.#finished?.resolve();
  }

  finish(): Promise<void> {
    this.#finished ??= Promise.withResolvers();
    if (this.#sentCount === 0) this.#finished.resolve();
    return this.#finished.promise;
  }

  end(error: Error | undefined): void {
    this.#error ??= error instanceof BrokerError && !error.fatal
      ? error
      : new ConnectionClosedError("Cannot publish: the connection is closed", { cause: error });
    this.#seal();
    this.#sentCount = 0;
    this.#finished?.resolve();
    for (const batch of this.#unconfirmed.splice(0)) this.#refuse(batch, this.#error);
  }

  handleConfirm(fields: ConfirmFields): void {
    const batch = this.#takeSent(fields.sequence);
    if (batch === undefined) return;
    const storedIn = fields.stored.map(({ stream, firstId }) => ({
      stream: this.#uplink.streamName(stream),
      firstId,
    }));
    batch.confirm({ storedIn, isDuplicate: fields.isDuplicate });
    this.#settleFlushes();
  }

  handleRefusal(fields: Refusal): void {
    const batch = this.#takeSent(fields.sequence);
    if (batch !== undefined) this.#refuse(batch, new BrokerError(fields.code, fields.message));
  }

  #requireOpen(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#isClosed) throw new ConnectionClosedError("Cannot publish: the publisher is closed");
  }

  /** Checks and encodes bodies; nothing is sent if one of them is bad. */
  #encodeAll(bodies: Iterable<MessageBody>): EncodedBody[] {
    const { bodyBytes } = this.#uplink.limits;
    const encoded: EncodedBody[] = [];
    for (const body of bodies) encoded.push(encodeBody(body, bodyBytes));
    return encoded;
  }

  /** Keeps messages that fit into one batch together: what is being filled goes first. */
  #sealUnlessRoom(bodies: readonly EncodedBody[], headers: Uint8Array | undefined): void {
    const filling = this.#filling;
    if (filling === undefined) return;
    let { bytes } = filling;
    for (const { content } of bodies) bytes += entryBytesMax(content, headers);
    const hasRoom = bytes <= this.#batchBytesMax &&
      filling.count + bodies.length <= BATCH_COUNT_MAX;
    if (!hasRoom) this.#sealFull();
  }

  /** How many bytes a batch may have. */
  get #batchBytesMax(): number {
    return Math.min(BATCH_BYTES_MAX, this.#uplink.limits.frameBytes - FIELD_BYTES);
  }

  /** The batch that a message goes into: the one being filled, or a new one. */
  #roomFor({ content }: EncodedBody, headers: Uint8Array | undefined): OutgoingBatch {
    const bytes = entryBytesMax(content, headers);
    if (this.#filling !== undefined && this.#filling.bytes + bytes > this.#batchBytesMax) {
      this.#sealFull();
    }
    if (this.#filling === undefined) {
      this.#filling = new OutgoingBatch(this.#nextSequence, this.#uplink.spareBuffers);
      this.#uplink.schedule(this);
    }
    return this.#filling;
  }

  #add({ kind, content }: EncodedBody, headers: Uint8Array | undefined): void {
    const batch = this.#filling!;
    batch.add(kind, content, headers);
    this.#nextSequence++;
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
    while (this.#sentCount < this.#unconfirmed.length) {
      // What the link has not taken yet stays here, and is not copied into a buffer that grows.
      if (link.outboundBytes >= OUTBOUND_BYTES_MAX) return this.#uplink.schedule(this);
      const { sequence, messages } = this.#unconfirmed[this.#sentCount++]!;
      const settled = this.#unconfirmed[0]!.sequence;
      writePublish(link.writer, { publisher: this.#number, sequence, settled }, messages);
    }
    link.flush();
  }

  /** Takes the oldest sent batch out, if it is the one that an outcome is about. */
  #takeSent(sequence: number): OutgoingBatch | undefined {
    if (this.#sentCount === 0 || this.#unconfirmed[0]!.sequence !== sequence) return undefined;
    this.#sentCount--;
    if (this.#sentCount === 0) this.#finished?.resolve();
    return this.#unconfirmed.shift();
  }

  #refuse(batch: OutgoingBatch, error: Error): void {
    batch.refuse(error);
    this.#settleFlushes();
  }

  /** Ends those calls of `flush` that have nothing left to wait for. */
  #settleFlushes(): void {
    const open = this.#unconfirmed[0] ?? this.#filling;
    while (this.#flushes.length > 0) {
      if (open !== undefined && open.sequence < this.#flushes[0]!.sequence) return;
      const { resolve } = this.#flushes.shift()!;
      resolve(this.#tellFailures());
    }
  }

  #tellFailures(): Promise<void> {
    const error = this.#failures.take();
    return error === undefined ? Promise.resolve() : Promise.reject(error);
  }
}

/** The most bytes that a message can take up. */
function entryBytesMax(content: Uint8Array | string, headers: Uint8Array | undefined): number {
  const bodyBytes = typeof content === "string" ? content.length * 3 : content.length;
  return ENTRY_HEAD_BYTES + (headers?.length ?? 0) + bodyBytes;
}
