/**
 * Followers as applications see them: what takes messages from streams.
 *
 * @module
 */

import type { Bind } from "../member/bind.ts";
import type { CallOptions, CloseOptions } from "../member/call_options.ts";
import type { AckOptions, Message, NackOptions } from "./message.ts";

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
export interface GetMessagesOptions extends CallOptions {
  /**
   * Acknowledge each message before the loop sees it: what becomes of it there does not count. Calls
   * of `ack()` have nothing left to do then, all others are refused with a `TypeError`.
   *
   * @default {false}
   */
  readonly autoAck?: boolean;
  /** Ends the loop, with the signal's reason as an error. */
  readonly signal?: AbortSignal;
}

/**
 * Takes messages from the streams that its bind matches. Followers of one stream compete: a message
 * goes to one of them, which holds it until it is acknowledged, given back or rejected.
 *
 * A message that is held for longer than the stream's `ackTimeoutMs` is taken back by the broker and
 * delivered again; {@linkcode Follower.extendMessage} takes more time, {@linkcode Message.signal}
 * tells when it is too late.
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
   * When the connection is lost, the loop goes on after it has come back.
   *
   * A loop that is left (by `break`, `return` or `throw`, or by the iterator's `return()`) is over.
   * Its message in hand, the one that it was given last, goes back at once unless it is ended, and its
   * attempt counts: JavaScript cannot tell a loop that was left from one that has failed. To give it
   * back without an attempt, call `release()` before. What was only fetched ahead goes back without an
   * attempt. Messages that the loop was given before and has passed on to other tasks stay theirs; to
   * leave the last one with its task, too, end the loop with `signal` or {@linkcode Follower.close}.
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
   * waiting; if the connection is lost at that moment, or the broker has taken the message back
   * before, it may come again. It leaves this process before the loop gets its next message, or
   * within a millisecond of work, and before the next message in any case while the loop is given what
   * a crash has left: what a handler takes with it that ends its process is done twice at most. With `confirm` the call resolves when it is as durable as the
   * engine promises: the message never comes again.
   *
   * @param message A message of this follower.
   * @param options Whether to wait for the broker, and a signal to stop waiting.
   * @throws {TypeError} If the message was taken by another follower; with `confirm` also if its loop
   * has `autoAck` (without, there is nothing left to do, and the call resolves).
   * @throws {BrokerError} `STALE_DELIVERY` if it was acknowledged, given back or rejected before, or
   * the follower is closed; with `confirm` also if it was lost or taken back since: it is somebody
   * else's now. `message.signal` aborts then.
   * @throws {ConnectionClosedError} With `confirm`, if the connection was lost before the answer.
   */
  ackMessage(message: Message<Body>, options?: AckOptions): Promise<void>;

  /**
   * Gives a message back that could not be worked off: it is held back for a while and delivered
   * again, to this follower or another one. If this was its last delivery (the stream's
   * `maxDeliveries`), it goes to the dead letters instead.
   *
   * It is sent like an acknowledgement: plainly it is on its way when the call returns, and comes
   * behind what this follower has said before; with `confirm` the broker's answer is waited for. If
   * it does not get through, the message is delivered again without a delay.
   *
   * @param message A message of this follower.
   * @param options When it comes back, and why; whether to wait for the broker.
   * @throws {TypeError} If the message was taken by another follower, or `delayMs` is not a number.
   * @throws {RangeError} If `delayMs` is not a whole number from 0 to a hundred years; nothing was sent.
   * @throws {BrokerError} `STALE_DELIVERY` like {@linkcode Follower.ackMessage}.
   * @throws {ConnectionClosedError} With `confirm`, if the connection was lost before the answer.
   *
   * @example Trying again in a moment
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
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
   * Rejects a message that can never be worked off: it goes to the stream's dead letters at once, or
   * is gone if the stream keeps none. It is sent like {@linkcode Follower.nackMessage}.
   *
   * @param message A message of this follower.
   * @param reason Why, for whoever looks into the dead letters: a text or an error, cut to 256 bytes
   * of UTF-8.
   * @param options Whether to wait for the broker, and a signal to stop waiting.
   * @throws {TypeError} If the message was taken by another follower.
   * @throws {BrokerError} `STALE_DELIVERY` like {@linkcode Follower.ackMessage}.
   * @throws {ConnectionClosedError} With `confirm`, if the connection was lost before the answer.
   */
  rejectMessage(
    message: Message<Body>,
    reason?: string | Error,
    options?: AckOptions,
  ): Promise<void>;

  /**
   * Takes more time for a message: the broker takes it back `ms` milliseconds from now at the
   * earliest, instead of `ackTimeoutMs` after the delivery. May be called again and again.
   *
   * @param message A message of this follower.
   * @param ms How long from now, in milliseconds: 1 to a hundred years.
   * @param options A signal to stop waiting for the broker's answer.
   * @throws {TypeError} If the message was taken by another follower, or `ms` is not a number.
   * @throws {RangeError} If `ms` is not a whole number in these limits; nothing was sent.
   * @throws {BrokerError} `STALE_DELIVERY` if the message is not the follower's any more: it was
   * acknowledged, given back or rejected, lost or taken back.
   * @throws {ConnectionClosedError} If the connection was lost before the answer.
   *
   * @example Working longer than the stream allows by itself
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
   * Gives a message back as if it had not been taken: it is ready at once, in its old place, and its
   * attempt does not count. For a message that nobody has begun to work on, such as the last one when
   * a loop is about to be left. It is sent like an acknowledgement.
   *
   * @param message A message of this follower.
   * @param options Whether to wait for the broker, and a signal to stop waiting.
   * @throws {TypeError} If the message was taken by another follower.
   * @throws {BrokerError} `STALE_DELIVERY` like {@linkcode Follower.ackMessage}.
   * @throws {ConnectionClosedError} With `confirm`, if the connection was lost before the answer.
   *
   * @example Leaving a loop, and the message to others
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
   * Closes the follower. Loops over its messages get no more of them; what was fetched ahead goes back
   * without an attempt. Handlers may finish the messages that they have: what they acknowledge, give
   * back or reject within `drainMs` counts. What is left then is ready again with its attempt counted,
   * its signal aborts, and whatever is said of it rejects with `STALE_DELIVERY`.
   *
   * A handler that waits for this call before it ends its own message waits for all of `drainMs`.
   * Calling it again may shorten the time, and waits for the same.
   *
   * @param options How long handlers may take, 5 seconds unless said otherwise, and a signal to end
   * that time.
   * @throws {TypeError | RangeError} If `drainMs` is not a whole number from 0 to 2^31-1.
   */
  close(options?: CloseOptions): Promise<void>;
}
