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
import { type BatchOutcome, OutgoingBatch } from "./outgoing_batch.ts";
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

/** What the broker has confirmed of one message. */
export interface Receipt {
  /** The streams that it was stored in, and its id in each. */
  readonly streams: readonly StoredMessage[];
  /** Whether it had been stored before, and this was a repetition after a lost connection. */
  readonly duplicate: boolean;
}

/** Where a message was stored. */
export interface StoredMessage {
  /** The stream. */
  readonly stream: string;
  /** The message's id in it. */
  readonly id: number;
}

/** What the broker has confirmed of a batch. */
export interface BatchReceipt {
  /** The streams that it was stored in, with the ids in each; a long batch has several ranges. */
  readonly streams: readonly StoredRangeReceipt[];
  /** Whether some of it had been stored before, and was repeated after a lost connection. */
  readonly duplicate: boolean;
}

/** Where consecutive messages were stored. */
export interface StoredRangeReceipt {
  /** The stream. */
  readonly stream: string;
  /** The id of the first message. */
  readonly firstId: number;
  /** The id of the last message. */
  readonly lastId: number;
}

/**
 * Sends messages to the streams that its bind matches.
 *
 * @example Sending without waiting for each
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0 });
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
   * {@linkcode Publisher.flush} rejects with what failed.
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
   * @throws {Error} What failed since the last flush: the error, or an `AggregateError` of several.
   */
  flush(): Promise<void>;

  /** Waits for the confirms of what was sent, and ends the publisher. Calling it again does nothing. */
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
  #failures: Error[] = [];
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
    const { promise, resolve, reject } = Promise.withResolvers<Receipt>();
    try {
      const [encoded] = this.#encode([body]);
      const headers = options?.headers && encodeHeaders(options.headers);
      this.#roomFor(encoded!, headers).addWaiter({
        confirm: (outcome, first) => resolve(makeReceipt(outcome, first)),
        refuse: (error) => {
          // Whoever does not await the call learns of it from `flush`.
          promise.catch(ignore);
          reject(error);
        },
      });
      this.#add(encoded!, headers);
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  sendMessages(bodies: Iterable<MessageBody>, options?: SendOptions): Promise<BatchReceipt> {
    const { promise, resolve, reject } = Promise.withResolvers<BatchReceipt>();
    try {
      const encoded = this.#encode(bodies);
      const headers = options?.headers && encodeHeaders(options.headers);
      const collector = new BatchCollector(resolve, (error) => {
        promise.catch(ignore);
        reject(error);
      });
      for (const body of encoded) {
        collector.countIn(this.#roomFor(body, headers));
        this.#add(body, headers);
      }
      collector.end();
    } catch (error) {
      reject(error);
    }
    return promise;
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
    // What failed has been told to whoever sent it.
    await this.flush().catch(ignore);
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

  /** Checks and encodes bodies; nothing is sent if one of them is bad. */
  #encode(bodies: Iterable<MessageBody>): EncodedBody[] {
    if (this.#error !== undefined) throw this.#error;
    if (this.#isClosed) throw new ConnectionClosedError("Cannot publish: the publisher is closed");
    const { bodyBytes } = this.#uplink.limits;
    const encoded: EncodedBody[] = [];
    for (const body of bodies) encoded.push(encodeBody(body, bodyBytes));
    return encoded;
  }

  /** The batch that a message goes into: the one being filled, or a new one. */
  #roomFor({ content }: EncodedBody, headers: Uint8Array | undefined): OutgoingBatch {
    const bytesMax = Math.min(BATCH_BYTES_MAX, this.#uplink.limits.frameBytes - FIELD_BYTES);
    const bytes = entryBytesMax(content, headers);
    if (this.#filling !== undefined && this.#filling.bytes + bytes > bytesMax) this.#sealFull();
    if (this.#filling === undefined) {
      this.#filling = new OutgoingBatch(this.#nextSequence);
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
    this.#failures.push(error);
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
    const failures = this.#failures;
    this.#failures = [];
    if (failures.length === 0) return Promise.resolve();
    if (failures.length === 1) return Promise.reject(failures[0]);
    return Promise.reject(
      new AggregateError(failures, `Cannot publish: ${failures.length} batches were not stored`),
    );
  }
}

/** Collects the outcomes of all batches that one call of `sendMessages` went into. */
class BatchCollector {
  readonly #resolve: (receipt: BatchReceipt) => void;
  readonly #reject: (error: Error) => void;
  readonly #streams: StoredRangeReceipt[] = [];
  #isDuplicate = false;
  #batch: OutgoingBatch | undefined;
  #piece = { count: 0 };
  /** One for each batch, and one for the call itself, which may not be at its end yet. */
  #openCount = 1;

  constructor(resolve: (receipt: BatchReceipt) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Counts a message that is about to be added to a batch. */
  countIn(batch: OutgoingBatch): void {
    if (batch !== this.#batch) {
      const piece = { count: 0 };
      batch.addWaiter({
        confirm: (outcome, first) => this.#confirm(outcome, first, piece.count),
        refuse: this.#reject,
      });
      this.#batch = batch;
      this.#piece = piece;
      this.#openCount++;
    }
    this.#piece.count++;
  }

  /** Notes that no more messages come. */
  end(): void {
    if (--this.#openCount > 0) return;
    this.#resolve({ streams: this.#streams, duplicate: this.#isDuplicate });
  }

  #confirm(outcome: BatchOutcome, first: number, count: number): void {
    this.#isDuplicate ||= outcome.isDuplicate;
    for (const { stream, firstId } of outcome.storedIn) {
      this.#streams.push({
        stream,
        firstId: firstId + first,
        lastId: firstId + first + count - 1,
      });
    }
    this.end();
  }
}

function ignore(): void {}

/** The most bytes that a message can take up. */
function entryBytesMax(content: Uint8Array | string, headers: Uint8Array | undefined): number {
  const bodyBytes = typeof content === "string" ? content.length * 3 : content.length;
  return ENTRY_HEAD_BYTES + (headers?.length ?? 0) + bodyBytes;
}

function makeReceipt({ storedIn, isDuplicate }: BatchOutcome, index: number): Receipt {
  const streams: StoredMessage[] = [];
  for (const { stream, firstId } of storedIn) streams.push({ stream, id: firstId + index });
  return { streams, duplicate: isDuplicate };
}
