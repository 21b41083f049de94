/**
 * Takes messages: asks for as many as the handler can use, hands them out one by one, and sends
 * acknowledgements in ranges.
 *
 * @module
 */

import {
  BrokerError,
  type DeliverFields,
  type FrameDecoder,
  FrameType,
  readBatch,
  readEntrySize,
  writeControlFrame,
  writeCredit,
  writeTags,
} from "../../protocol.ts";
import type { Link } from "../transport/link.ts";
import type { Bind } from "./bind.ts";
import { ConnectionClosedError } from "./connection_closed_error.ts";
import type { FollowingMember } from "./member.ts";
import { type AckOptions, type DeliveredBatch, DeliveredMessage, type Message } from "./message.ts";
import { setImmediate } from "node:timers";
import { Prefetch, WORK_MS } from "./prefetch.ts";
import { TagRanges } from "./tag_ranges.ts";
import type { Uplink } from "./uplink.ts";

/** Options of {@linkcode Connection.follower}. */
export interface FollowerOptions {
  /**
   * The follower's name: a label, under which its pending entry list is found. Two followers may
   * have the same one.
   *
   * @default {"follower-" and a random part}
   */
  readonly name?: string;
  /**
   * How many messages to hold unacknowledged, 1 to 4,096. `"auto"` finds it out: one for a slow
   * handler, as many as never to wait for the network for a fast one.
   *
   * @default {"auto"}
   */
  readonly prefetch?: number | "auto";
}

/** Options of {@linkcode Follower.getMessages}. */
export interface GetMessagesOptions {
  /**
   * Acknowledge each message before the loop sees it: what becomes of it there does not count.
   *
   * @default {false}
   */
  readonly autoAck?: boolean;
  /** Ends the loop, with the signal's reason as an error. */
  readonly signal?: AbortSignal;
}

/**
 * Takes messages from the streams that its bind matches. Followers of one stream compete: a message
 * goes to one of them, which holds it until it is acknowledged.
 *
 * @typeParam Body What the messages' bodies are; it is not checked.
 *
 * @example Taking and acknowledging
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * await connection.cursor().createStream("greetings");
 * await connection.publisher("greetings").sendMessage("hello");
 *
 * const follower = connection.follower<string>("greetings");
 * for await (const message of follower.getMessages()) {
 *   assertEquals(message.body, "hello");
 *   await follower.ackMessage(message);
 *   break;
 * }
 * ```
 */
export interface Follower<Body = unknown> extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** What it is tied to. */
  readonly bind: Bind;

  /**
   * Messages as they come, for ever: the loop waits when there are none.
   *
   * When the connection is lost, the loop goes on after it has come back. Leaving the loop gives back
   * what was fetched ahead; the message in hand stays pending until it is acknowledged.
   *
   * @param options Whether to acknowledge by itself; a signal to end the loop.
   * @returns Messages to iterate over with `for await`; it ends when the follower is closed.
   * @throws {BrokerError} In the loop: `BAD_PATTERN` if the broker's engine cannot match the pattern.
   * @throws {ConnectionClosedError} In the loop, if the broker cannot be reached any more.
   */
  getMessages(options?: GetMessagesOptions): AsyncIterableIterator<Message<Body>>;

  /**
   * Acknowledges a message: it is done, and gone.
   *
   * A plain acknowledgement is on its way when the call returns, together with others and without
   * waiting; if the connection is lost or closed at that moment, the message may come again. With `confirm`
   * the call resolves when it is as durable as the engine promises: the message never comes again.
   *
   * @param message A message of this follower.
   * @param options Whether to wait for the broker.
   * @throws {TypeError} If the message was taken by another follower.
   * @throws {BrokerError} `STALE_DELIVERY` if it was acknowledged before; with `confirm` also if the
   * connection was lost since: it is somebody else's now.
   * @throws {ConnectionClosedError} With `confirm`, if the connection was lost before the answer.
   */
  ackMessage(message: Message<Body>, options?: AckOptions): Promise<void>;

  /**
   * Ends the follower, and the loops over its messages: what it holds is ready again, and what it
   * had only fetched does not count as an attempt. Calling it again does nothing.
   */
  close(): Promise<void>;
}

/** Messages of one frame that have not been handed out yet. */
interface FetchedBatch extends DeliveredBatch {
  offset: number;
  nextTag: number;
  nextId: number;
  left: number;
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
export class ClientFollower implements Follower<never>, FollowingMember {
  readonly name: string;
  readonly bind: Bind;
  readonly #uplink: Uplink;
  readonly #number: number;
  readonly #prefetch: Prefetch;
  /** Counts connections: tags of an earlier one mean nothing any more. */
  #epoch = 0;
  /** The last tag that has come over this connection. */
  #lastTag = 0;
  #fetched: FetchedBatch[] = [];
  #fetchedCount = 0;
  /** How many messages are handed out and not acknowledged. */
  #heldCount = 0;
  #handedOutCount = 0;
  #waiters: MessageWaiter[] = [];
  readonly #acks = new TagRanges();
  readonly #begins = new TagRanges();
  readonly #releases = new TagRanges();
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
    if (!(message instanceof DeliveredMessage) || message.owner !== this) {
      return Promise.reject(
        new TypeError(`Cannot acknowledge a message that follower "${this.name}" has not taken`),
      );
    }
    if (message.isAcknowledged) return Promise.reject(explainStale(message, "acknowledged before"));
    message.isAcknowledged = true;
    const isHeld = message.epoch === this.#epoch && !this.#isClosed;
    if (isHeld && --this.#heldCount === 0) this.#finished?.resolve();
    if (options?.confirm) return this.#ackConfirmed(message, isHeld);
    // A message lost with its connection comes again, to this follower or another one.
    if (isHeld) {
      this.#acks.add(message.tag);
      this.#uplink.schedule(this);
    }
    return settled;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#pause();
    const { link } = this.#uplink;
    if (link !== undefined && this.#isOpen) {
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
    for (
      const [type, tags] of [
        [FrameType.begin, this.#begins],
        [FrameType.release, this.#releases],
        [FrameType.ack, this.#acks],
      ] as const
    ) {
      if (tags.isEmpty) continue;
      writeTags(writer, type, { follower: this.#number, request: 0, ranges: tags.take() });
    }
    link.flush();
  }

  lose(): void {
    this.#isOpen = false;
    this.#epoch++;
    this.#lastTag = 0;
    this.#fetched = [];
    this.#fetchedCount = 0;
    this.#heldCount = 0;
    for (const tags of [this.#acks, this.#begins, this.#releases]) tags.clear();
    this.#finished?.resolve();
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
    const { count, buffer, start, end } = readBatch(frame);
    const { firstTag, firstId, attempts } = fields;
    this.#lastTag = firstTag + count - 1;
    if (this.#isPaused || this.#isClosed) return this.#release(firstTag, count);
    this.#fetched.push({
      owner: this,
      epoch: this.#epoch,
      stream: this.#uplink.streamName(fields.stream),
      attempts,
      // One copy for all: the decoder's buffer is read into again.
      bytes: buffer.slice(start, end),
      offset: 0,
      nextTag: firstTag,
      nextId: firstId,
      left: count,
    });
    this.#fetchedCount += count;
    this.#serveWaiters();
    if (this.#fetchedCount > 0) this.#watchHandler();
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
    if (this.#fetchedCount === 0) return this.#wait(autoAck, signal);
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
    const abort = () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      this.#leave();
      waiter.reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    const forget = () => signal.removeEventListener("abort", abort);
    waiter.promise.then(forget, forget);
  }

  #serveWaiters(): void {
    if (this.#waiters.length === 0) return;
    this.#prefetch.waitEnds(now());
    while (this.#waiters.length > 0 && this.#fetchedCount > 0) {
      const { resolve, autoAck } = this.#waiters.shift()!;
      resolve({ done: false, value: this.#take(autoAck) });
    }
    if (this.#waiters.length > 0) this.#prefetch.waitBegins(now());
  }

  /** Hands the next message out. */
  #take(autoAck: boolean): DeliveredMessage {
    const batch = this.#fetched[0]!;
    const tag = batch.nextTag++;
    const message = new DeliveredMessage(batch, batch.offset, { id: batch.nextId++, tag });
    batch.offset += readEntrySize(batch.bytes, batch.offset);
    if (--batch.left === 0) this.#fetched.shift();
    this.#fetchedCount--;
    this.#handedOutCount++;
    if (autoAck) {
      message.isAcknowledged = true;
      this.#acks.add(tag);
    } else if (this.#heldCount++ > 0) {
      // Of the oldest one the broker assumes by itself that it is being worked on.
      this.#begins.add(tag);
    }
    const hasChanged = this.#prefetch.take(now);
    if (hasChanged || autoAck || this.#heldCount > 1) this.#uplink.schedule(this);
    return message;
  }

  async #ackConfirmed(message: DeliveredMessage, isHeld: boolean): Promise<void> {
    if (!isHeld) throw explainStale(message, "lost with its connection");
    await this.#uplink.sendRequest(undefined, (writer, request) => {
      writeTags(writer, FrameType.ack, {
        follower: this.#number,
        request,
        ranges: [{ firstTag: message.tag, count: 1 }],
      });
    });
  }

  /** A loop has ended: unless another one waits, nobody asks for messages now. */
  #leave(): void {
    if (this.#waiters.length === 0) this.#pause();
  }

  /** Gives back what is fetched, and asks for nothing more until the handler does. */
  #pause(): void {
    this.#isPaused = true;
    for (const { nextTag, left } of this.#fetched) this.#releases.add(nextTag, left);
    this.#fetched = [];
    this.#fetchedCount = 0;
    this.#uplink.schedule(this);
  }

  #release(firstTag: number, count: number): void {
    this.#releases.add(firstTag, count);
    this.#uplink.schedule(this);
  }

  /** Looks from time to time whether the handler still takes what is fetched for it. */
  #watchHandler(): void {
    if (this.#timer !== undefined || !this.#prefetch.isAutomatic) return;
    this.#timer = setInterval(() => {
      if (this.#fetchedCount === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      } else if (this.#prefetch.tick(this.#fetchedCount, this.#heldCount)) {
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

function explainStale(message: DeliveredMessage, why: string): BrokerError {
  return new BrokerError(
    "STALE_DELIVERY",
    `Cannot acknowledge message ${message.id} of "${message.stream}": it was ${why}`,
  );
}

/** The broker's own refusals are passed on; everything else has ended the connection. */
function explainEnd(error: Error): Error {
  if (error instanceof BrokerError && !error.fatal) return error;
  return new ConnectionClosedError("Cannot get messages: the connection is closed", {
    cause: error,
  });
}
