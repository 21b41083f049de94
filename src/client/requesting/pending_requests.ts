/**
 * Requests that wait for their replies: all of a connection, by number. Replies come over a stream
 * that is this connection's alone, and ends with the link: on the next link it is another one.
 *
 * @module
 */

import {
  BrokerError,
  type FrameDecoder,
  readBatch,
  type ReplyAddress,
  writeControlFrame,
} from "../../../protocol.ts";
import { findEntries } from "../../protocol/messages/batch.ts";
import { readProperties } from "../../protocol/messages/properties.ts";
import type { Clock, ClockTimer } from "../../transport/clock.ts";
import type { Link } from "../../transport/link.ts";
import { whenAborted } from "../member/call_options.ts";
import { traceCaller } from "../member/caller_trace.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import { DeadlineTimer } from "../member/deadline_timer.ts";
import type { BatchWaiter } from "../outgoing/outgoing_batch.ts";
import { ReceivedReply, type Reply } from "./reply.ts";
import { type RequestOptions, resolveRequestOptions } from "./request.ts";
import { type EncodedOptions, encodeOptions, type SendOptions } from "../outgoing/send_options.ts";

/** What the requests need of their connection. */
export interface RequestWay {
  /** The link, if there is one now. */
  readonly link: Link | undefined;
  /** The time that they wait by. */
  readonly clock: Clock;
}

/** A request on its way, or waiting for its reply. */
export class PendingRequest implements BatchWaiter {
  /** The reply. */
  readonly promise: Promise<Reply>;
  /** Who has made it. */
  readonly owner: object;
  /** How long it waits, in milliseconds. */
  readonly timeoutMs: number;
  /** Until when it waits, by the connection's clock. */
  readonly deadline: number;
  /** Whether it has been put into a batch, with the address that is written there. */
  isPlaced = false;
  readonly #place: () => EncodedOptions;
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (reason: unknown) => void;
  #isAbandoned = false;
  #isSettled = false;
  #cleanUps: (() => void)[] = [];
  #giveUp: (() => void) | undefined;

  constructor(
    owner: object,
    times: { timeoutMs: number; now: number },
    place: () => EncodedOptions,
  ) {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.owner = owner;
    this.timeoutMs = times.timeoutMs;
    this.deadline = times.now + times.timeoutMs;
    this.promise = promise;
    this.#place = place;
    this.#resolve = resolve;
    this.#reject = (reason) => resolve(traceCaller(reason as Error));
  }

  /** Whether it has been given up: what of it is not sent yet need not be. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** What stands in front of its body, with the address of this moment: it is put into a batch. */
  place(): EncodedOptions {
    this.isPlaced = true;
    return this.#place();
  }

  /** Does something as soon as the outcome is known. */
  whenSettled(action: () => void): void {
    this.#cleanUps.push(action);
  }

  /** Does something if it is given up. */
  whenAbandoned(action: () => void): void {
    this.#giveUp = action;
  }

  /** It is stored; what matters is the reply. */
  confirm(): void {}

  /** It is not stored: there will be no reply. */
  refuse(error: Error): void {
    if (this.#settle()) this.#reject(error);
  }

  /** The reply has come. */
  resolve(reply: Reply): void {
    if (this.#settle()) this.#resolve(reply);
  }

  /** Nobody waits for the reply any more. */
  abandon(reason: unknown): void {
    if (!this.#settle()) return;
    this.#isAbandoned = true;
    this.#reject(reason);
    this.#giveUp?.();
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    for (const cleanUp of this.#cleanUps) cleanUp();
    return true;
  }
}

/** The requests of one connection. */
export class PendingRequests {
  readonly #way: RequestWay;
  readonly #requests = new Map<number, PendingRequest>();
  /** How many have had an outcome. */
  outcomeCount = 0;
  #lastNumber = 0;
  /** The stream that replies come to, since a request has asked for it on this link or the next one. */
  #stream: string | undefined;
  /** One timer for all of them: for the one that ends first. */
  #timer: ClockTimer | undefined;
  #ringsAt = Infinity;

  constructor(way: RequestWay) {
    this.#way = way;
  }

  /**
   * Begins a request.
   *
   * @param owner Who makes it.
   * @param options What is said of it.
   * @throws What is wrong with the options, or the reason of a signal that is aborted already.
   */
  begin(owner: object, options: RequestOptions): PendingRequest {
    const { signal } = options;
    const { timeoutMs, send } = resolveRequestOptions(options);
    signal?.throwIfAborted();
    const { clock } = this.#way;
    const number = this.#nextNumber();
    const place = this.#makePlace(number, send);
    const request = new PendingRequest(owner, { timeoutMs, now: clock.now() }, place);
    request.whenSettled(() => this.#remove(number));
    if (signal !== undefined) {
      request.whenSettled(whenAborted(signal, () => request.abandon(signal.reason)));
    }
    this.#requests.set(number, request);
    this.#arm(request.deadline);
    return request;
  }

  /** A new link is in use: requests made since the last one was lost get their stream. */
  attach(link: Link): void {
    if (this.#stream === undefined) return;
    writeControlFrame(link.writer, "openReplies", { stream: this.#stream });
  }

  /** The link is lost, and the stream with it: what asked for a reply there gets none. */
  lose(): void {
    this.#stream = undefined;
    this.#abandon(
      ({ isPlaced }) => isPlaced,
      "Cannot tell whether it was answered: the connection was lost",
    );
  }

  /** Ends all of them, for good. */
  end(cause: Error | undefined): void {
    this.#abandon(() => true, "Cannot get a reply: the connection is closed", cause);
  }

  /** Ends those that somebody has made. */
  endOf(owner: object, reason: Error): void {
    for (const request of [...this.#requests.values()]) {
      if (request.owner === owner) request.abandon(reason);
    }
  }

  /** Waits until the requests that somebody has made by now have their outcome. */
  async settled(owner: object): Promise<void> {
    const own = [...this.#requests.values()].filter((request) => request.owner === owner);
    await Promise.allSettled(own.map(({ promise }) => promise));
  }

  /** Handles a `replies` frame. */
  handleReplies(frame: FrameDecoder): void {
    const { count, buffer, start, end } = readBatch(frame);
    // One copy for all: the decoder's buffer is read into again.
    const bytes = buffer.slice(start, end);
    for (const offset of findEntries({ count, buffer: bytes, start: 0, end: bytes.length })) {
      const number = readProperties(bytes, offset).request?.number;
      // A second reply, and one that comes too late, are answers to nothing.
      if (number !== undefined) {
        this.#requests.get(number)?.resolve(new ReceivedReply(bytes, offset));
      }
    }
  }

  /** Encodes what stands in front of a body; once more if the address is another one by then. */
  #makePlace(number: number, send: SendOptions): () => EncodedOptions {
    const address = this.#addressOf(number);
    const encoded = encodeOptions(send, "Cannot request", address);
    const { headers } = send;
    const kept = headers === undefined ? send : { ...send, headers: { ...headers } };
    return () => {
      const current = this.#addressOf(number);
      return current.stream === address.stream
        ? encoded
        : encodeOptions(kept, "Cannot request", current);
    };
  }

  /** Where the reply to a request goes to; a stream that is not open yet is opened before it. */
  #addressOf(number: number): ReplyAddress {
    if (this.#stream === undefined) {
      this.#stream = `$reply.${crypto.randomUUID()}`;
      const { link } = this.#way;
      if (link !== undefined) this.attach(link);
    }
    return { stream: this.#stream, number };
  }

  /** A number that no request has that is under way. */
  #nextNumber(): number {
    do this.#lastNumber = (this.#lastNumber + 1) >>> 0; while (
      this.#requests.has(this.#lastNumber)
    );
    return this.#lastNumber;
  }

  #remove(number: number): void {
    this.#requests.delete(number);
    this.outcomeCount++;
    if (this.#requests.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ringsAt = Infinity;
  }

  #abandon(isMeant: (request: PendingRequest) => boolean, message: string, cause?: Error): void {
    for (const request of [...this.#requests.values()].filter(isMeant)) {
      request.abandon(new ConnectionClosedError(message, { cause }));
    }
  }

  #arm(at: number): void {
    if (at >= this.#ringsAt) return;
    this.#timer?.cancel();
    this.#ringsAt = at;
    this.#timer = new DeadlineTimer(this.#way.clock, at, () => this.#ring());
  }

  /** Some may have waited long enough; those that were answered meanwhile are not there any more. */
  #ring(): void {
    this.#ringsAt = Infinity;
    const now = this.#way.clock.now();
    let next = Infinity;
    for (const request of [...this.#requests.values()]) {
      if (request.deadline > now) next = Math.min(next, request.deadline);
      else request.abandon(explainTimeout(request));
    }
    this.#arm(next);
  }
}

function explainTimeout({ timeoutMs }: PendingRequest): BrokerError {
  return new BrokerError("REPLY_TIMEOUT", `Cannot get a reply: none came within ${timeoutMs} ms`);
}
