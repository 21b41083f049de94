import type { Bind } from "../member/bind.ts";
import type { CallOptions, CloseOptions } from "../member/call_options.ts";
import { checkNumber, checkOptionNames, checkTimeout } from "../member/option_check.ts";
import type { Accepted, BodyList, MessageBody, Sendable } from "../outgoing/body.ts";
import type { SendBatchOptions, SendOptions } from "../outgoing/send_options.ts";
import type { Reply } from "../requesting/reply.ts";
import type { RequestOptions } from "../requesting/request_options.ts";
import type { BatchReceipt, Receipt } from "./receipt.ts";

/** Options of {@linkcode Connection.publisher}. */
export interface PublisherOptions {
  /**
   * How long each call of `sendMessage` or `sendMessages` waits for its confirm, in milliseconds, 1 to
   * 2^31 - 1; see {@linkcode DeliveryOptions.timeoutMs}. By default a call waits while the broker is
   * away, so that nothing is lost. Set it where a caller waits for the result, as in an HTTP handler.
   *
   * @default {no timeout}
   */
  readonly timeoutMs?: number;
  /**
   * What happens when a stream is full (`maxMessages`, `maxBytes`): with `"error"` messages that do not
   * fit fail with `STREAM_FULL`; with `"wait"` they, and all messages sent after them, wait for room.
   * A call that is larger than the stream may be fails in any case. Messages are stored in the order of
   * the calls either way.
   *
   * @default {"error"}
   */
  readonly whenFull?: "error" | "wait";
  /**
   * The most messages that are sent and not yet confirmed, 1 to 1,000,000. Further calls wait in a queue
   * without limit. A call of `sendMessages` leaves the queue as a whole, as soon as there is room for
   * its first message.
   *
   * @default {100000}
   */
  readonly maxUnconfirmed?: number;
}

/**
 * Sends messages to the streams that its bind matches.
 *
 * @typeParam Body The type of the messages: `connection.publisher<Order>("orders")` accepts nothing
 * else. By default it accepts everything that JSON can express. Anything else does not compile.
 *
 * @example Sending without waiting for each message
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
  /** The bind to the streams it sends to. */
  readonly bind: Bind;

  /**
   * Sends a message and waits until the broker has stored it.
   *
   * Calls need not be awaited: they are sent in their order, many in one frame. When such a call fails,
   * its error is reported by a {@linkcode Publisher.flush} or {@linkcode Publisher.close} that is
   * waiting at that time. Otherwise it is an unhandled rejection, which ends the process by default.
   *
   * @param body A string, a `Uint8Array` (copied before the call returns), or a JSON value. A string
   * with half a surrogate pair is sent as JSON, so that it arrives unchanged.
   * @param options Headers, order, time of delivery, deduplication, timeout and signal.
   * @returns Where the message is stored.
   * @throws {TypeError} If JSON cannot express the body or would change it (`NaN`, a `Map`, a function),
   * or an option does not exist or has the wrong type.
   * @throws {RangeError} If the body or the headers are too large, or an option is out of range. In both
   * cases nothing is sent.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `NO_MATCHING_STREAM`, `BAD_PATTERN`, `FORBIDDEN` (the user has
   * no permission to publish there), `LIMIT_REACHED` (the user's streams hold as many bytes as allowed),
   * `MEMORY_FULL`, `DISK_FULL`, or `STREAM_FULL` (`details` tell how full it is and when to try again): the
   * message is not stored. `PUBLISH_TIMEOUT` if it was not confirmed within `timeoutMs`.
   * @throws {ConnectionClosedError} If the connection is closed before the confirm.
   *
   * @example A delayed message that is stored once
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
   * ```
   */
  sendMessage<Sent extends Body>(
    body: Accepted<Body, Sent>,
    options?: SendOptions,
  ): Promise<Receipt>;

  /**
   * Sends several messages in one call.
   *
   * Up to 4,096 messages with 128 KiB in total are stored together or not at all. Larger calls are
   * divided into several such batches, each confirmed for itself.
   *
   * @param bodies The bodies, each as in {@linkcode Publisher.sendMessage}.
   * @param options The options of all messages; `key` and `priority` may be functions.
   * @returns Where the messages are stored, once the broker has confirmed all of them.
   * @throws {TypeError | RangeError | BrokerError | ConnectionClosedError} Like
   * {@linkcode Publisher.sendMessage}. If one body is not allowed, nothing is sent.
   */
  sendMessages<Sent extends Body>(
    bodies: Iterable<Accepted<Body, Sent>> & BodyList,
    options?: SendBatchOptions<NoInfer<Sent>>,
  ): Promise<BatchReceipt>;

  /**
   * Sends a message and waits for a reply: a follower takes the message like any other one and calls
   * `message.reply()`. Thousands of requests may be under way over one connection.
   *
   * Replies are not stored. If the connection is lost before the reply, the call fails although the
   * request may be processed. With a regex bind the request goes to all matching streams, and the first
   * reply counts.
   *
   * @typeParam ReplyBody The type of the reply's body; it is not checked.
   * @param body A string, a `Uint8Array` (copied before the call returns), or a JSON value.
   * @param options Timeout, headers, order, and a signal to stop waiting.
   * @returns The reply.
   * @throws {TypeError | RangeError} Like {@linkcode Publisher.sendMessage}.
   * @throws {BrokerError} `REPLY_TIMEOUT` if no reply came in time; all codes of
   * {@linkcode Publisher.sendMessage}.
   * @throws {ConnectionClosedError} If the connection is lost or closed before the reply.
   *
   * @example Requests and replies
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
   * Waits until everything sent so far is confirmed, including calls that wait in the queue or for room
   * in a full stream.
   *
   * @param options A signal to stop waiting.
   * @throws {Error} The failures since the last flush in calls that were not awaited: the error, or an
   * `AggregateError` of the first 100.
   */
  flush(options?: CallOptions): Promise<void>;

  /**
   * Closes the publisher: accepts no more messages, and waits for confirms and replies. When nothing has
   * been confirmed, answered or sent for `drainMs`, the remaining calls fail with `ConnectionClosedError`. A
   * second call waits for the same end.
   *
   * @param options How long to wait without progress, and a signal to stop waiting: then messages without a
   * confirm fail (those that were sent may be stored), and the call rejects with the signal's reason.
   * @throws {Error} Failures of calls that were not awaited, see {@linkcode Publisher.flush}.
   * @throws {TypeError | RangeError} If `drainMs` is not allowed; the publisher stays open.
   */
  close(options?: CloseOptions): Promise<void>;
}

const UNCONFIRMED_MAX = 1_000_000;
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
  const action = "Cannot open a publisher";
  checkOptionNames(options, ["timeoutMs", "whenFull", "maxUnconfirmed"], action);
  const { whenFull = "error", maxUnconfirmed = UNCONFIRMED_DEFAULT, timeoutMs } = options;
  checkTimeout("timeoutMs", timeoutMs, action);
  checkNumber("maxUnconfirmed", maxUnconfirmed, { low: 1, high: UNCONFIRMED_MAX }, action);
  if (whenFull !== "error" && whenFull !== "wait") {
    throw new TypeError(`${action}: whenFull must be "error" or "wait"`);
  }
  return { whenFull, maxUnconfirmed, timeoutMs };
}
