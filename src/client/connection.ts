import type { Cursor } from "./cursor/cursor.ts";
import type { Follower, FollowerOptions } from "./following/follower.ts";
import type { BindLike } from "./member/bind.ts";
import type { CallOptions, CloseOptions } from "./member/call_options.ts";
import type { MessageBody } from "./outgoing/body.ts";
import type { Publisher, PublisherOptions } from "./publishing/publisher.ts";
import type { StreamDefinition } from "./typing/stream_definition.ts";
import type { TypedPublisher } from "./typing/typed_publisher.ts";
import type { BrokerInfo, CloseReason, ConnectionStatus } from "./uplink/status.ts";

/** Options of every connection, with or without a socket. */
export interface ConnectionOptions {
  /**
   * A name for this client, shown in the broker's log.
   *
   * @default {"simplemq-client"}
   */
  readonly name?: string;
  /**
   * Wait until the broker can be reached, instead of failing when the first attempt fails. Mistakes end the
   * wait: a refused token or certificate, a port that is not a broker's, TLS on one side only.
   *
   * @default {false}
   */
  readonly waitForBroker?: boolean;
  /**
   * How long it may take to connect to one broker, with the handshake of TLS, and then to get its answer,
   * in milliseconds, 1 to 2^31 - 1. Of several brokers each has 2 seconds at most, or the time of silence after
   * which its cluster gives a broker up; more if none of them has answered.
   *
   * @default {10000}
   */
  readonly connectTimeoutMs?: number;
  /**
   * How long closing waits, in milliseconds, 0 to 2^31 - 1: for handlers to finish the messages they
   * have, and for confirms while nothing moves. It is used by `close()` of the connection and its
   * members, and when an `await using` block is left; `close({ drainMs })` overrides it.
   *
   * @default {5000}
   */
  readonly drainMs?: number;
  /** Stops waiting for the first connection. It does not close an open connection. */
  readonly signal?: AbortSignal;
}

/**
 * What only the command line says: that a standby of a cluster will do, which answers questions about itself
 * and gives backups.
 */
export interface StandbyOption {
  readonly standby?: boolean;
}

/** The names of the options of every connection. */
export const CONNECTION_OPTION_NAMES: readonly (keyof ConnectionOptions)[] = [
  "name",
  "waitForBroker",
  "connectTimeoutMs",
  "drainMs",
  "signal",
];

/** Options of a connection inside the broker's process: without `user` and `token` it may do everything. */
export interface InProcessOptions extends ConnectionOptions {
  /**
   * The user to act for, by the name in the broker's file of users; also `anonymous`, if sessions without a
   * credential have permissions. `local`, the default, may do everything.
   */
  readonly user?: string;
  /** The token of a user, in place of `user`: 1 to 512 visible ASCII characters. */
  readonly token?: string;
}

/**
 * A connection to a broker. One TCP connection carries all its publishers, followers and cursors.
 *
 * A lost connection is restored automatically, however long that takes, with all its members. Before
 * each attempt the client pauses for a random time: at most 0.1 seconds before the first (1 to 2 seconds if
 * an operator has closed the connection), doubling up to 10 seconds; if it knows several brokers, 0.25 seconds
 * at most. To a broker of a cluster that another one names as active it goes at once. Messages without a
 * confirm are sent again, and stored once if the connection is restored within 10 minutes.
 *
 * @example Closing at the end of a block
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * {
 *   await using connection = await broker.connect();
 *   assertEquals(connection.broker.engine, "memory");
 * }
 * ```
 */
export interface Connection extends AsyncDisposable {
  /** The broker's version, engine, durability and address, and the user; new values after each reconnect. */
  readonly broker: BrokerInfo;
  /** Resolves to the reason when the connection is closed for good. Never rejects. */
  readonly closed: Promise<CloseReason>;

  /**
   * Opens a publisher.
   *
   * @typeParam Body The type of the messages, see {@linkcode Publisher}.
   * @param bind The stream to publish to, or a `RegExp` (or `Bind.regex`) for all matching streams.
   * @param options Timeout, behaviour at full streams, and the maximum of unconfirmed messages.
   * @throws {TypeError | RangeError} If the bind or an option is not allowed.
   * @throws {BrokerError} `TOO_MANY_MEMBERS` if the connection has 10,000 publishers.
   * @throws {ConnectionClosedError} If the connection is closed.
   *
   * @example Waiting for room in a full stream
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * await connection.cursor().createStream("small", { maxMessages: 10 });
   * const publisher = connection.publisher("small", { whenFull: "wait", maxUnconfirmed: 1000 });
   * for (let number = 0; number < 50; number++) publisher.sendMessage(number);
   *
   * const seen: unknown[] = [];
   * for await (const message of connection.follower("small").getMessages()) {
   *   await message.ack();
   *   if (seen.push(message.body) === 50) break;
   * }
   * assertEquals(seen, Array.from({ length: 50 }, (_, number) => number));
   * ```
   */
  publisher<Body = MessageBody>(bind: BindLike, options?: PublisherOptions): Publisher<Body>;
  /**
   * Opens a publisher that checks each body before it sends it.
   *
   * @param definition What the messages are like, from {@linkcode defineStream}.
   * @param options As for other publishers.
   * @throws {TypeError | RangeError | BrokerError | ConnectionClosedError} As for other publishers.
   */
  publisher<Input, Output, Result>(
    definition: StreamDefinition<Input, Output, Result>,
    options?: PublisherOptions,
  ): TypedPublisher<Input, Result>;

  /**
   * Opens a follower. It fetches nothing until its messages are iterated over.
   *
   * @typeParam Body The type of the messages' bodies; it is not checked.
   * @param bind The stream to follow, which need not exist yet, or a `RegExp` (or `Bind.regex`).
   * @param options Name and prefetch.
   * @throws {TypeError | RangeError} If the bind or an option is not allowed.
   * @throws {BrokerError} `TOO_MANY_MEMBERS` if the connection has 10,000 followers.
   * @throws {ConnectionClosedError} If the connection is closed.
   */
  follower<Body = unknown>(bind: BindLike, options?: FollowerOptions): Follower<Body>;
  /**
   * Opens a follower that checks each body before it hands the message out; what it does with others is the
   * `onInvalid` of the definition.
   *
   * @param definition What the messages are like, from {@linkcode defineStream}.
   * @param options As for other followers.
   * @throws {TypeError | RangeError | BrokerError | ConnectionClosedError} As for other followers.
   */
  follower<Input, Output, Result>(
    definition: StreamDefinition<Input, Output, Result>,
    options?: FollowerOptions,
  ): Follower<Output>;

  /** Returns a cursor, to create, list, inspect and delete streams. */
  cursor(): Cursor;

  /**
   * Reports events of the connection: it is connected, lost, reconnecting or closed, and streams of
   * followers are deleted or missing, or their breakers open or close. The first event is the present state, the last one is `closed`.
   *
   * Each call has its own list of events. When more than 1,000 are unread, the oldest are dropped.
   *
   * @param options A signal to end the loop, with its reason as an error.
   * @returns The events, for `for await`.
   *
   * @example Watching a connection
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * const connection = await broker.connect();
   * const seen: string[] = [];
   * for await (const status of connection.status()) {
   *   seen.push(status.type);
   *   if (status.type === "connected") await connection.close();
   * }
   * assertEquals(seen, ["connected", "closed"]);
   * ```
   */
  status(options?: CallOptions): AsyncIterableIterator<ConnectionStatus>;

  /**
   * Closes the connection and all its members.
   *
   * Followers are closed first: loops get no more messages, and handlers may finish the messages they hold,
   * see {@linkcode Follower.close}. Until then publishers and cursors still work. After that the client waits
   * for confirms, replies and answers, and sends the remaining acknowledgements and replies.
   *
   * The wait ends when nothing has moved for `drainMs`, when the signal is aborted, or when the
   * connection is lost. Then messages without a confirm, and queries without an answer (after at least
   * one second), fail with `ConnectionClosedError`. A second call waits for the same end.
   *
   * @param options How long to wait, and a signal to close at once.
   * @throws {TypeError | RangeError} If `drainMs` is not allowed; the connection stays open.
   * @throws {Error} Failures of publishing calls that were not awaited. The connection is closed in this
   * case, too.
   */
  close(options?: CloseOptions): Promise<void>;
}
