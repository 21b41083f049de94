import type { Bind } from "../member/bind.ts";
import type { CallOptions, CloseOptions } from "../member/call_options.ts";
import type { AckOptions, Message, NackOptions, PostponeOptions } from "../deliveries/message.ts";
import type { Batch } from "../batching/batch.ts";
import type { GetBatchesOptions, HandleBatchesOptions } from "../batching/batch_options.ts";
import type { HandleOptions } from "../handling/handle_options.ts";
import type { Handling } from "../handling/handling.ts";

/** Options of {@linkcode Connection.follower}. */
export interface FollowerOptions {
  /**
   * The follower's name, under which its pending entry list is found. Followers may share a name.
   *
   * @default {"follower-" and a random part}
   */
  readonly name?: string;
  /**
   * The most unacknowledged messages to hold, 1 to 4,096; with `handle`, so many for one handler, and one more for
   * each further one. `"auto"` adapts it: one message for a slow handler, and enough for a fast one, so that it
   * never waits for the network.
   *
   * @default {"auto"}
   */
  readonly prefetch?: number | "auto";
}

/** Options of {@linkcode Follower.getMessages}. */
export interface GetMessagesOptions extends CallOptions {
  /**
   * Acknowledge each message before the loop gets it. `ack()` then does nothing, and other calls on the
   * message fail with a `TypeError`.
   *
   * @default {false}
   */
  readonly autoAck?: boolean;
  /** Ends the loop, with the signal's reason as an error. */
  readonly signal?: AbortSignal;
}

/**
 * Takes messages from the streams that its bind matches. Followers of one stream compete: each message
 * goes to one of them, which holds it until it is acknowledged, given back, released or rejected.
 *
 * A message that is held for longer than the stream's `ackTimeoutMs` is taken back by the broker and
 * delivered again: {@linkcode Message.signal} aborts. {@linkcode Follower.extendMessage} extends the
 * time.
 *
 * @typeParam Body The type of the messages' bodies; it is not checked.
 *
 * @example Taking and acknowledging messages
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
  /** The follower's name. */
  readonly name: string;
  /** The bind to the streams it takes from. */
  readonly bind: Bind;

  /**
   * Iterates over messages as they come. The loop waits while there are none, and continues after a
   * lost connection is restored. It ends when the follower is closed.
   *
   * A loop that is left by `break`, `return` or `throw` is over. Its last message goes back at once unless it
   * was acknowledged, given back or rejected. The attempt counts, since JavaScript cannot tell `break` from a
   * failure; call `release()` before leaving to avoid that. Messages that were only fetched ahead go back
   * without counting an attempt. Earlier messages that were passed on to other tasks stay with them. To leave
   * the last message with its task, too, end the loop by `signal` or {@linkcode Follower.close}.
   *
   * @param options Whether to acknowledge automatically, and a signal to end the loop.
   * @returns The messages, for `for await`.
   * @throws {BrokerError} In the loop: `BAD_PATTERN` if the broker cannot run the pattern, `FORBIDDEN` if the
   * user has no permission to follow the stream, or has none any more.
   * @throws {ConnectionClosedError} In the loop: the connection is closed for good.
   */
  getMessages(options?: GetMessagesOptions): AsyncIterableIterator<Message<Body>>;

  /**
   * Calls a function for each message, also for several at once. When it has returned (or what it returned has
   * resolved), the message is acknowledged; when it has thrown, the message is given back for another attempt,
   * with the error as reason. While it runs, the message stays reserved, however short the stream's
   * `ackTimeoutMs` is.
   *
   * - A thrown {@linkcode Reject} moves the message to the dead letters, a {@linkcode Postpone} lets it come again
   *   later at no cost.
   * - A handler may acknowledge, give back, postpone, reject or release its message itself; that counts.
   * - Two messages of one key are never in two handlers.
   * - What handlers throw never ends the work.
   * - When the message is taken away, its `signal` aborts; what the handler does then changes nothing.
   *
   * @param handler Called with a message; awaited if it returns a promise. What it returns is ignored.
   * @param options How many handlers run at once, how long each may take, what becomes of errors.
   * @returns The work: to wait for its end, and to close it. Closing the follower closes it, too.
   * @throws {TypeError | RangeError} If the handler is no function, or an option is not allowed.
   *
   * @example Ten messages at once
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("numbers");
   * await connection.publisher("numbers").sendMessages([1, 2, 3, 4]);
   *
   * let sum = 0;
   * const work = connection.follower<number>("numbers").handle(async ({ body, signal }) => {
   *   await new Promise((resolve) => setTimeout(resolve, 10));
   *   signal.throwIfAborted();
   *   sum += body;
   *   if (sum === 10) work.close();
   * }, { concurrency: 10 });
   * await work.closed;
   * assertEquals(sum, 10);
   * ```
   */
  handle(
    handler: (message: Message<Body>) => unknown,
    options?: HandleOptions<Body>,
  ): Handling;

  /**
   * Iterates over batches of messages as they come, as {@linkcode Follower.getMessages} does over messages. All
   * messages of a batch need an outcome before the loop asks for the next one; `batch.ack()` is for those that have
   * none yet.
   *
   * When a batch is lost with its follower, runs out of time or fails as a whole, its messages come again in two
   * halves, and so on: a message that makes a handler fail is soon alone, and only then uses up an attempt. That
   * is known to the broker that is active; after its restart, messages come again without halves.
   *
   * @param options How many messages, how long to wait for them, what they have in common; a signal to end the loop.
   * @returns The batches, for `for await`.
   * @throws {TypeError | RangeError} If an option is not allowed.
   * @throws {BrokerError} In the loop: `BATCH_NOT_SETTLED` if messages of the last batch have no outcome; they are
   * given back. `BAD_PATTERN` and `FORBIDDEN` as in {@linkcode Follower.getMessages}.
   * @throws {ConnectionClosedError} In the loop: the connection is closed for good.
   */
  getBatches(options?: GetBatchesOptions): AsyncIterableIterator<Batch<Body>>;

  /**
   * Calls a function for each batch of messages, as {@linkcode Follower.handle} does for each message. When it has
   * returned, all messages without an outcome are acknowledged; when it has thrown, they are given back together,
   * see {@linkcode Batch.nack}. `onError: "reject"` rejects a message that was alone.
   *
   * @param handler Called with a batch; awaited if it returns a promise.
   * @param options The size of the batches; how many handlers run at once, and the other options of `handle`.
   * @returns The work: to wait for its end, and to close it.
   * @throws {TypeError | RangeError} If the handler is no function, or an option is not allowed.
   *
   * @example Two batches at once
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("rows");
   * await connection.publisher("rows").sendMessages([1, 2, 3, 4, 5, 6]);
   *
   * const stored: number[] = [];
   * const follower = connection.follower<number>("rows");
   * const work = follower.handleBatches(({ bodies }) => {
   *   stored.push(...bodies);
   *   if (stored.length === 6) work.close();
   * }, { size: 3, concurrency: 2 });
   * await work.closed;
   * assertEquals(stored.toSorted(), [1, 2, 3, 4, 5, 6]);
   * ```
   */
  handleBatches(
    handler: (batch: Batch<Body>) => unknown,
    options?: HandleBatchesOptions<Body>,
  ): Handling;

  /**
   * Acknowledges a message: it is done, and removed from the stream.
   *
   * By default the call resolves at once, and the acknowledgement is sent before the loop gets its next
   * message or within a millisecond of work. It may get lost with the connection; the message is then
   * delivered again. With `confirm` the call resolves when the broker has recorded the acknowledgement
   * as durably as its engine promises: the message never comes again.
   *
   * @throws {TypeError} If another follower has taken the message; with `confirm` also if its loop has
   * `autoAck`.
   * @throws {BrokerError} `STALE_DELIVERY` if the message was acknowledged, given back or rejected
   * before, or the follower is closed; with `confirm` also if the message is no longer this follower's.
   * @throws {ConnectionClosedError} With `confirm`, if the connection is lost before the answer.
   */
  ackMessage(message: Message<Body>, options?: AckOptions): Promise<void>;

  /**
   * Gives a message back after a failure. It is delivered again after a delay, to this or another
   * follower; after its last attempt (the stream's `maxDeliveries`) it goes to the dead letters.
   *
   * Like an acknowledgement it is sent without waiting unless `confirm` is set. If it gets lost with the
   * connection, the message is delivered again without a delay.
   *
   * @param options The delay and the reason; whether to wait for the broker.
   * @throws {TypeError} If another follower has taken the message, or `delayMs` is not a number.
   * @throws {RangeError} If `delayMs` is not a whole number from 0 to 100 years.
   * @throws {BrokerError} `STALE_DELIVERY`, see {@linkcode Follower.ackMessage}.
   * @throws {ConnectionClosedError} With `confirm`, if the connection is lost before the answer.
   *
   * @example Retrying after 10 milliseconds
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("mails");
   * await connection.publisher("mails").sendMessage("hello");
   *
   * const follower = connection.follower("mails");
   * for await (const message of follower.getMessages()) {
   *   if (message.attempts === 2) break;
   *   await follower.nackMessage(message, { delayMs: 10, reason: "the server is busy" });
   * }
   * ```
   */
  nackMessage(message: Message<Body>, options?: NackOptions): Promise<void>;

  /**
   * Gives a message back for later: it is delivered again after `ms` milliseconds, keeps its place and its
   * key, and no attempt is used up. Use it when the work cannot be done now and nothing has failed: a service
   * asks to try later, a file is not complete yet.
   *
   * A message may be postponed 1,000 times; after that each time is an attempt. It is sent like
   * {@linkcode Follower.nackMessage}. If it gets lost with the connection, the message is delivered again
   * without a delay. A broker of an earlier version counts the attempt.
   *
   * @param ms How long the message waits, in milliseconds, 0 to 100 years.
   * @param options The reason; whether the lane waits as well, and whether to wait for the broker.
   * @throws {TypeError} If another follower has taken the message, or `ms` or `lane` is not a number.
   * @throws {RangeError} If one of them is not a whole number in these limits.
   * @throws {BrokerError} `STALE_DELIVERY`, see {@linkcode Follower.ackMessage}.
   * @throws {ConnectionClosedError} With `confirm`, if the connection is lost before the answer.
   *
   * @example Trying again when the service says so
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("mails", { maxDeliveries: 1 });
   * await connection.publisher("mails").sendMessage("hello");
   *
   * let retryAfterMs = 10;
   * for await (const message of connection.follower("mails").getMessages()) {
   *   assertEquals(message.attempts, 1);
   *   if (retryAfterMs > 0) {
   *     await message.postpone(retryAfterMs, { reason: "429" });
   *     retryAfterMs = 0;
   *     continue;
   *   }
   *   await message.ack();
   *   break;
   * }
   * ```
   */
  postponeMessage(message: Message<Body>, ms: number, options?: PostponeOptions): Promise<void>;

  /**
   * Rejects a message that can never be processed: it goes to the dead letters at once, or is removed if
   * the stream has none. It is sent like {@linkcode Follower.nackMessage}.
   *
   * @param reason The reason, kept with the dead letter: a text or an error, cut to 256 bytes of UTF-8.
   * @throws {TypeError} If another follower has taken the message.
   * @throws {BrokerError} `STALE_DELIVERY`, see {@linkcode Follower.ackMessage}.
   * @throws {ConnectionClosedError} With `confirm`, if the connection is lost before the answer.
   */
  rejectMessage(
    message: Message<Body>,
    reason?: string | Error,
    options?: AckOptions,
  ): Promise<void>;

  /**
   * Extends the time for a message: the broker takes it back `ms` milliseconds from now at the earliest.
   * May be called repeatedly.
   *
   * @param ms The time from now, in milliseconds, 1 to 100 years.
   * @param options A signal to stop waiting for the broker's answer.
   * @throws {TypeError} If another follower has taken the message, or `ms` is not a number.
   * @throws {RangeError} If `ms` is not a whole number in these limits.
   * @throws {BrokerError} `STALE_DELIVERY` if the message is no longer this follower's.
   * @throws {ConnectionClosedError} If the connection is lost before the answer.
   *
   * @example Working longer than the stream's `ackTimeoutMs`
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("films", { ackTimeoutMs: 1000 });
   * await connection.publisher("films").sendMessage("film.mkv");
   *
   * const follower = connection.follower("films");
   * for await (const message of follower.getMessages()) {
   *   await follower.extendMessage(message, 60_000);
   *   await message.ack();
   *   break;
   * }
   * ```
   */
  extendMessage(message: Message<Body>, ms: number, options?: CallOptions): Promise<void>;

  /**
   * Gives a message back as if it had not been taken: it is ready at once, in its original position, and
   * the attempt does not count. Use it for a message whose processing has not begun. It is sent like
   * an acknowledgement.
   *
   * @throws {TypeError} If another follower has taken the message.
   * @throws {BrokerError} `STALE_DELIVERY`, see {@linkcode Follower.ackMessage}.
   * @throws {ConnectionClosedError} With `confirm`, if the connection is lost before the answer.
   *
   * @example Leaving a message to another follower
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("letters");
   * await connection.publisher("letters").sendMessage("to somebody else");
   *
   * for await (const message of connection.follower("letters").getMessages()) {
   *   await message.release();
   *   break;
   * }
   * for await (const message of connection.follower("letters").getMessages()) {
   *   assertEquals(message.attempts, 1);
   *   await message.ack();
   *   break;
   * }
   * ```
   */
  releaseMessage(message: Message<Body>, options?: AckOptions): Promise<void>;

  /**
   * Closes the follower. Its loops get no more messages, and messages that were fetched ahead go back
   * without counting an attempt. Handlers may finish the messages they have within `drainMs`. After that
   * the remaining messages are ready again, with the attempt counted: their signals abort, and calls on
   * them fail with `STALE_DELIVERY`.
   *
   * A handler that awaits this call before it acknowledges its own message waits for all of `drainMs`. A
   * second call may shorten the time.
   *
   * @param options How long handlers may take, 5 seconds by default, and a signal to close at once.
   * @throws {TypeError | RangeError} If `drainMs` is not a whole number from 0 to 2^31 - 1.
   */
  close(options?: CloseOptions): Promise<void>;
}
