/**
 * Publishers as applications see them: what sends messages to streams.
 *
 * @module
 */

import type { Bind } from "../member/bind.ts";
import type { Accepted, BodyList, MessageBody, Sendable } from "../outgoing/body.ts";
import { checkTimeout } from "../member/call_timeouts.ts";
import type { CallOptions, CloseOptions } from "../member/call_options.ts";
import type { BatchReceipt, Receipt } from "./receipt.ts";
import type { Reply } from "../requesting/reply.ts";
import { checkOptionNames } from "../member/option_check.ts";
import type { RequestOptions } from "../requesting/request.ts";
import type { SendBatchOptions, SendOptions } from "../outgoing/send_options.ts";

/** Options of {@linkcode Connection.publisher}. */
export interface PublisherOptions {
  /**
   * How long each call of `sendMessage` or `sendMessages` waits for its confirm, in milliseconds, 1 to
   * 2^31 - 1; see {@linkcode DeliveryOptions.timeoutMs}. Without it a call waits as long as the
   * connection lives, so that a program that may wait loses nothing while the broker is away. Whoever
   * serves others while it waits, such as an HTTP handler, sets it.
   *
   * @default {none: calls wait}
   */
  readonly timeoutMs?: number;
  /**
   * What happens when a stream has as much as its options allow (`maxMessages`, `maxBytes`) and
   * refuses more.
   *
   * `"error"`: what there is no room for fails with `STREAM_FULL`. `"wait"`: it waits until there is
   * room, and all that was sent behind it as well; only a call that is larger than the stream may be
   * fails. Messages are stored in the order of the calls either way.
   *
   * @default {"error"}
   */
  readonly whenFull?: "error" | "wait";
  /**
   * How many messages may be sent and not confirmed yet, 1 to 1,000,000. Beyond it calls stand in a
   * line, which is as long as there are calls: their promises take longer, and nothing else changes. A
   * call of `sendMessages` is let in as a whole, as soon as there is room for its first message.
   *
   * @default {100000}
   */
  readonly maxUnconfirmed?: number;
}

/**
 * Sends messages to the streams that its bind matches.
 *
 * @typeParam Body What its messages are: `connection.publisher<Order>("orders")` takes nothing else.
 * Without one it takes whatever can be sent. Either way, what JSON cannot express does not compile.
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
export interface Publisher<Body = MessageBody> extends AsyncDisposable {
  /** What it is tied to. */
  readonly bind: Bind;

  /**
   * Sends a message.
   *
   * Not awaiting it is fine: calls are sent in their order, many in one frame. If such a call fails
   * while {@linkcode Publisher.flush} or {@linkcode Publisher.close} waits, that one rejects with what
   * failed; otherwise it is an unhandled rejection, which ends the process unless something handles it.
   *
   * @param body A string, a `Uint8Array` (copied before the call returns), or a JSON value. A string
   * that UTF-8 cannot express, with half a surrogate pair, is sent as JSON and comes back as it was.
   * @param options How long to wait, headers, when and until when to deliver it, an id by which a repetition is
   * recognised, a signal to stop waiting.
   * @returns What was stored, once the broker has confirmed it.
   * @throws {TypeError} If JSON cannot express the body, or would change something in it (`NaN`, a
   * `Map`, a function); if there is no such option, or it is of a wrong type.
   * @throws {RangeError} If body or headers are over the broker's limits, or an option is not allowed;
   * nothing was sent.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `NO_MATCHING_STREAM`, `BAD_PATTERN`, `MEMORY_FULL`,
   * `DISK_FULL`, `STREAM_FULL` (whose `details` tell how full, and when to try again): the message is
   * not stored. `PUBLISH_TIMEOUT` if it was not confirmed within `timeoutMs`.
   * @throws {ConnectionClosedError} If the connection was closed before the confirm came.
   *
   * @example Later, not too late, and once only
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("reminders");
   *
   * const publisher = connection.publisher("reminders");
   * const options = { delayMs: 60_000, ttlMs: 3_600_000, dedupId: "reminder-1" };
   * await publisher.sendMessage("pay the bill", options);
   * const { streams, duplicate } = await publisher.sendMessage("pay the bill", options);
   * assertEquals([streams[0]?.id, duplicate], [1, true]);
   * assertEquals((await connection.cursor().getStream("reminders")).delayed, 1);
   * ```
   */
  sendMessage<Sent extends Body>(
    body: Accepted<Body, Sent>,
    options?: SendOptions,
  ): Promise<Receipt>;

  /**
   * Sends many messages in one go.
   *
   * Up to 4,096 small messages (128 KiB) are stored together or not at all; more than that are sent
   * as several such batches, of which each is confirmed for itself.
   *
   * @param bodies The bodies, each as in {@linkcode Publisher.sendMessage}.
   * @param options Headers and the other options, the same for all; a `dedupId` is not among them.
   * @returns What was stored, once the broker has confirmed all of it.
   * @throws {TypeError | RangeError | BrokerError | ConnectionClosedError} Like
   * {@linkcode Publisher.sendMessage}; with a bad body nothing at all was sent.
   */
  sendMessages<Sent extends Body>(
    bodies: Iterable<Accepted<Body, Sent>> & BodyList,
    options?: SendBatchOptions<NoInfer<Sent>>,
  ): Promise<BatchReceipt>;

  /**
   * Sends a message and waits for the reply: a follower takes the message like any other one and calls
   * `message.reply()`. Thousands may be under way over one connection.
   *
   * The reply comes over a stream that is this connection's alone and ends with it. If the connection
   * is lost, nobody can tell whether the request was answered: the call fails, and the request may
   * be worked on all the same. With a regex bind the message goes to all streams that match, and the
   * first reply counts.
   *
   * @typeParam ReplyBody What the reply's body is; it is not checked.
   * @param body A string, a `Uint8Array` (copied before the call returns), or a JSON value.
   * @param options How long to wait, headers, a signal to stop waiting.
   * @returns The reply.
   * @throws {TypeError | RangeError} Like {@linkcode Publisher.sendMessage}.
   * @throws {BrokerError} `REPLY_TIMEOUT` if nobody has replied in time; `STREAM_NOT_FOUND` and all
   * others for which {@linkcode Publisher.sendMessage} fails.
   * @throws {ConnectionClosedError} If the connection was lost, or closed, before the reply came.
   *
   * @example Asking, and being answered
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("questions");
   *
   * const follower = connection.follower<string>("questions");
   * const answering = (async () => {
   *   for await (const message of follower.getMessages()) {
   *     message.reply(message.body.toUpperCase());
   *     await message.ack();
   *   }
   * })();
   *
   * const publisher = connection.publisher("questions");
   * const questions = ["a", "b", "c"].map((body) => publisher.request(body, { timeoutMs: 5000 }));
   * const replies = await Promise.all(questions);
   * assertEquals(replies.map(({ body }) => body), ["A", "B", "C"]);
   * await follower.close();
   * await answering;
   * ```
   */
  request<ReplyBody = unknown>(
    body: Body & Sendable<Body>,
    options?: RequestOptions,
  ): Promise<Reply<ReplyBody>>;

  /**
   * Waits until everything sent so far is confirmed, what stands in the line or waits for room
   * included.
   *
   * @param options A signal to stop waiting: what fails while nobody waits is an unhandled rejection,
   * and what has failed by then is told by the next call.
   * @throws {Error} What failed since the last flush in calls that nobody was waiting for, also if it
   * was an unhandled rejection: the error, or an `AggregateError` of several (of the first 100, if there
   * are more).
   */
  flush(options?: CallOptions): Promise<void>;

  /**
   * Takes nothing more, waits for the confirms of what was sent and for the replies to requests, and
   * ends the publisher. When nothing has moved for `drainMs` (no confirm, no reply, no byte taken by
   * the network), what is left fails with `ConnectionClosedError`. Calling it again waits for the same.
   *
   * @param options How long to wait while nothing moves, and a signal to end the waiting, and the
   * publisher with it: the call rejects with the signal's reason, messages that are not confirmed fail,
   * and those that were sent may be stored all the same.
   * @throws {Error} What failed and has not been told to anybody, as {@linkcode Publisher.flush} does.
   * @throws {TypeError | RangeError} If `drainMs` is not allowed: the publisher stays open.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** The most messages that a publisher may have unconfirmed. */
const UNCONFIRMED_MAX = 1_000_000;

/** How many those are unless somebody says otherwise. */
const UNCONFIRMED_DEFAULT = 100_000;

/** A publisher's options with their defaults. */
export type ResolvedPublisherOptions =
  & Required<Omit<PublisherOptions, "timeoutMs">>
  & { readonly timeoutMs: number | undefined };

/**
 * Checks a publisher's options and puts defaults in.
 *
 * @throws {TypeError | RangeError} If one is not allowed.
 */
export function resolvePublisherOptions(options: PublisherOptions): ResolvedPublisherOptions {
  const names = ["timeoutMs", "whenFull", "maxUnconfirmed"];
  checkOptionNames(options, names, "Cannot open a publisher");
  const { whenFull = "error", maxUnconfirmed = UNCONFIRMED_DEFAULT, timeoutMs } = options;
  checkTimeout(timeoutMs, "Cannot open a publisher");
  if (whenFull !== "error" && whenFull !== "wait") {
    throw new TypeError(`Cannot open a publisher: whenFull is "error" or "wait"`);
  }
  if (typeof maxUnconfirmed !== "number") {
    throw new TypeError("Cannot open a publisher: maxUnconfirmed is a number");
  }
  const isAllowed = Number.isInteger(maxUnconfirmed) && maxUnconfirmed >= 1 &&
    maxUnconfirmed <= UNCONFIRMED_MAX;
  if (isAllowed) return { whenFull, maxUnconfirmed, timeoutMs };
  throw new RangeError(
    `Cannot open a publisher: maxUnconfirmed is ${maxUnconfirmed}, ` +
      `allowed are whole numbers from 1 to ${UNCONFIRMED_MAX}`,
  );
}
