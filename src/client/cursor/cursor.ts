/**
 * Cursors as applications see them: what creates, changes, lists and looks into streams.
 *
 * @module
 */

import type {
  DifferenceWay,
  PendingEntry,
  PendingEntryList,
  StreamCreation,
  StreamInfo,
  StreamOptionsInput,
} from "../../../protocol.ts";
import type { CallOptions } from "../member/call_options.ts";
import type { PeekedMessage } from "./peeked_message.ts";
import type { RedriveOptions, RedriveResult } from "./redrive.ts";

/** How to create a stream that may be there already. */
export interface CreateStreamOptions extends CallOptions {
  /**
   * What to do if there is one with other options than those that are given: `"keep"` leaves it as it
   * is, `"update"` sets the given ones, `"fail"` rejects with `STREAM_DIFFERS`.
   *
   * @default {"keep"}
   */
  readonly ifDifferent?: DifferenceWay;
}

/** Options of {@linkcode Cursor.peek}. */
export interface PeekOptions {
  /**
   * The first id to look for.
   *
   * @default {1}
   */
  readonly from?: number;
  /**
   * How many messages to look at, 1 to 1,000.
   *
   * @default {100}
   */
  readonly limit?: number;
}

/**
 * The utility member of a connection. It takes no part in the exchange of messages.
 *
 * What reads, and what may be done twice (to create, change, pause or resume a stream), is asked
 * again when the connection is lost before the answer. Everything else fails then with
 * `ConnectionClosedError`: it may have been done or not.
 *
 * @example Looking around
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * const cursor = connection.cursor();
 * await cursor.createStream("orders");
 * await cursor.createStream("invoices");
 * assertEquals((await cursor.getStreams()).map(({ name }) => name), ["invoices", "orders"]);
 * assertEquals((await cursor.getStream("orders")).nextId, 1);
 * ```
 */
export interface Cursor {
  /**
   * Creates a stream. If there is one of that name already, it stays as it is, and the result tells
   * which of the given options it has otherwise; `ifDifferent` says what to do about that.
   *
   * @param name 1 to 128 of the characters `A-Z a-z 0-9 . _ -`, a letter or a digit first.
   * @param options What is set for it; what is not said has its default.
   * @param call What to do about other options, and a signal to stop waiting.
   * @returns Whether it was created. After a lost connection, `created` may be `false` although this
   * call has created it.
   * @throws {RangeError} If the name or an option is not allowed; nothing was sent.
   * @throws {BrokerError} `TOO_MANY_STREAMS`; `STREAM_DIFFERS` with `ifDifferent: "fail"`.
   *
   * @example A stream that holds 1,000 messages at most, each delivered 3 times at most
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("orders", { maxMessages: 1000, maxDeliveries: 3 });
   * assertEquals((await cursor.getStream("orders")).options.maxDeliveries, 3);
   * ```
   *
   * @example A program that is deployed again with another option
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("orders", { maxDeliveries: 3 });
   * const found = await cursor.createStream("orders", { maxDeliveries: 5 });
   * assertEquals(found, { created: false, differs: ["maxDeliveries"] });
   * await cursor.createStream("orders", { maxDeliveries: 5 }, { ifDifferent: "update" });
   * assertEquals((await cursor.getStream("orders")).options.maxDeliveries, 5);
   * ```
   */
  createStream(
    name: string,
    options?: StreamOptionsInput,
    call?: CreateStreamOptions,
  ): Promise<StreamCreation>;
  /**
   * Changes a stream's options, those that are given. They count from now on.
   *
   * @param name The stream's name.
   * @param options What is set anew.
   * @param call A signal to stop waiting.
   * @throws {RangeError} If the name or an option is not allowed; nothing was sent.
   * @throws {BrokerError} `STREAM_NOT_FOUND`.
   */
  updateStream(name: string, options: StreamOptionsInput, call?: CallOptions): Promise<void>;
  /**
   * Lets nothing be delivered from a stream until it is resumed, also after the broker was started
   * again. Publishing goes on, and what followers hold stays theirs.
   *
   * @param name The stream's name.
   * @param call A signal to stop waiting.
   * @throws {RangeError} If the name is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`.
   */
  pauseStream(name: string, call?: CallOptions): Promise<void>;
  /**
   * Lets messages of a paused stream be delivered again. If it is not paused, nothing happens.
   *
   * @param name The stream's name.
   * @param call A signal to stop waiting.
   * @throws {RangeError} If the name is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`.
   */
  resumeStream(name: string, call?: CallOptions): Promise<void>;
  /**
   * Removes all messages of a stream that no follower holds: those that are ready and those that are
   * held back. They do not go to the dead letters.
   *
   * @param name The stream's name.
   * @param call A signal to stop waiting.
   * @returns How many were removed.
   * @throws {RangeError} If the name is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`.
   * @throws {ConnectionClosedError} If the connection is lost before the answer.
   */
  purgeStream(name: string, call?: CallOptions): Promise<number>;
  /**
   * Deletes a stream with all its messages. Followers bound to it wait for a stream of that name.
   *
   * @param name The stream's name.
   * @param call A signal to stop waiting.
   * @throws {RangeError} If the name is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`.
   * @throws {ConnectionClosedError} If the connection is lost before the answer.
   */
  deleteStream(name: string, call?: CallOptions): Promise<void>;
  /** Tells of all streams, sorted by name. */
  getStreams(call?: CallOptions): Promise<StreamInfo[]>;
  /**
   * Tells of one stream.
   *
   * @param name The stream's name.
   * @param call A signal to stop waiting.
   * @throws {RangeError} If the name is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`.
   */
  getStream(name: string, call?: CallOptions): Promise<StreamInfo>;
  /** Tells what followers have taken and not acknowledged, by the followers' names. */
  getPels(call?: CallOptions): Promise<PendingEntryList[]>;
  /**
   * Tells what the followers of one name have taken and not acknowledged: the first 50,000 entries.
   *
   * @param followerName The followers' name.
   * @param call A signal to stop waiting.
   * @throws {RangeError} If the name is not allowed.
   * @throws {BrokerError} `FOLLOWER_NOT_FOUND` if none of that name is connected.
   */
  getPel(followerName: string, call?: CallOptions): Promise<PendingEntry[]>;
  /**
   * Takes back what the followers of one name hold, so that others get it. What they were working on
   * counts as an attempt; the signals of those messages abort.
   *
   * @param followerName The followers' name.
   * @param call A signal to stop waiting.
   * @returns How many messages were taken back.
   * @throws {RangeError} If the name is not allowed.
   * @throws {BrokerError} `FOLLOWER_NOT_FOUND` if none of that name is connected.
   * @throws {ConnectionClosedError} If the connection is lost before the answer.
   */
  releasePel(followerName: string, call?: CallOptions): Promise<number>;
  /**
   * Looks at messages of a stream without taking them, in the order of their ids, whatever their
   * state is. An answer ends early when it has 1 MiB: to look at all, go on behind the last id until
   * an answer is empty.
   *
   * @typeParam Body What the messages' bodies are; it is not checked.
   * @param stream The stream's name.
   * @param options Where to begin, and how many.
   * @param call A signal to stop waiting.
   * @throws {RangeError} If the name, `from` or `limit` is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`.
   *
   * @example Looking at what waits
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("orders");
   * await connection.publisher("orders").sendMessages(["one", "two", "three"]);
   * const messages = await cursor.peek("orders", { from: 2, limit: 10 });
   * assertEquals(messages.map(({ id, body, state }) => [id, body, state]), [
   *   [2, "two", "ready"],
   *   [3, "three", "ready"],
   * ]);
   * ```
   */
  peek<Body = unknown>(
    stream: string,
    options?: PeekOptions,
    call?: CallOptions,
  ): Promise<PeekedMessage<Body>[]>;
  /**
   * Looks at one message without taking it.
   *
   * @typeParam Body What its body is; it is not checked.
   * @param stream The stream's name.
   * @param id The message's id.
   * @param call A signal to stop waiting.
   * @throws {RangeError} If the name or the id is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `MESSAGE_NOT_FOUND` if it is gone or never was.
   */
  getMessage<Body = unknown>(
    stream: string,
    id: number,
    call?: CallOptions,
  ): Promise<PeekedMessage<Body>>;
  /**
   * Sends dead letters back to where they came from, the oldest first: each gets a new id there, and
   * begins with no attempts. What comes into the dead-letter stream meanwhile is left there.
   *
   * @param stream The stream that they came from, or its dead-letter stream, `<name>.dead`.
   * @param options Which, how many, how fast; a signal to stop. What was sent back before it stays so.
   * @returns How many were sent back, and how many that were chosen could not be.
   * @throws {TypeError | RangeError} If the name or an option is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND` if there is no such stream.
   * @throws {ConnectionClosedError} If the connection is lost while messages are sent back.
   *
   * @example Trying again what was rejected
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("orders");
   * await connection.publisher("orders").sendMessage("an order");
   * for await (const message of connection.follower("orders").getMessages()) {
   *   await message.reject("no such article", { confirm: true });
   *   break;
   * }
   * const result = await cursor.redrive("orders", {
   *   filter: ({ deadLetter }) => deadLetter?.cause === "rejected",
   * });
   * assertEquals(result, { count: 1, skipped: 0 });
   * assertEquals((await cursor.getStream("orders")).ready, 1);
   * ```
   */
  redrive(stream: string, options?: RedriveOptions): Promise<RedriveResult>;
  /**
   * Says in sentences, for a person, why a stream's messages are delivered or are not: whether it is
   * paused, who follows it, what they hold, what is held back until when, what went to the dead
   * letters. Of a stream that does not exist it says who waits for it.
   *
   * @param stream The stream's name.
   * @param call A signal to stop waiting.
   * @throws {RangeError} If the name is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND` if there is none and nobody waits for it.
   */
  explain(stream: string, call?: CallOptions): Promise<string[]>;
}
