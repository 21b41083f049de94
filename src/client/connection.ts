/**
 * A connection to a broker that comes back by itself.
 *
 * @module
 */

import { BrokerError, type Welcome } from "../../protocol.ts";
import { BATCH_COUNT_MAX, findLabelMistake, MEMBERS_MAX } from "../protocol/limits.ts";
import { type Clock, systemClock } from "../transport/clock.ts";
import type { Duplex } from "../transport/duplex.ts";
import { Backoff } from "./uplink/backoff.ts";
import { Bind, type BindLike } from "./member/bind.ts";
import type { MessageBody } from "./outgoing/body.ts";
import { BrokerSession } from "./uplink/session.ts";
import {
  type CallOptions,
  checkCloseOptions,
  type CloseOptions,
  resolveDrainTime,
  whenAborted,
} from "./member/call_options.ts";
import { ClientCursor } from "./cursor/client_cursor.ts";
import { ClientFollower } from "./following/client_follower.ts";
import { ClientPublisher } from "./publishing/client_publisher.ts";
import { ClosingPatience, FAREWELL_MS } from "./member/closing_limit.ts";
import { ConnectionClosedError } from "./member/connection_closed_error.ts";
import type { Cursor } from "./cursor/cursor.ts";
import { DeadlineTimer } from "./member/deadline_timer.ts";
import type { Follower, FollowerOptions } from "./following/follower.ts";
import { checkOptionNames } from "./member/option_check.ts";
import {
  type Publisher,
  type PublisherOptions,
  resolvePublisherOptions,
} from "./publishing/publisher.ts";
import {
  type BrokerInfo,
  type CloseReason,
  type ConnectionStatus,
  StatusBoard,
} from "./uplink/status.ts";
import { Uplink } from "./uplink/uplink.ts";

/** Options of every connection, however it is made. */
export interface ConnectionOptions {
  /**
   * A name for this client, a label for the broker's log.
   *
   * @default {"simplemq-client"}
   */
  readonly name?: string;
  /**
   * Wait until there is a broker, instead of failing when the first attempt does.
   *
   * @default {false}
   */
  readonly waitForBroker?: boolean;
  /**
   * How long one attempt may take, in milliseconds.
   *
   * @default {10000}
   */
  readonly connectTimeoutMs?: number;
  /**
   * How long handlers may take to finish the messages that they have when the connection or one of its
   * followers is closed, also by leaving an `await using`, in milliseconds: 0 to 2^31 - 1. A publisher
   * that is closed waits so long for confirms while nothing moves: with 0, what is under way fails.
   * Calls of `close` may say something else.
   *
   * @default {5000}
   */
  readonly drainMs?: number;
  /** Ends the wait for the first connection; it does not end a connection that is open. */
  readonly signal?: AbortSignal;
}

/**
 * A connection to a broker; one TCP connection carries all its members.
 *
 * A connection that is lost comes back by itself, for as long as it takes, with all its publishers
 * and followers. Before each attempt it pauses for a random time: up to 0.1 seconds before the
 * first, up to twice as long before each further one, 10 seconds at most. What was sent and not
 * confirmed is sent again, and stored once, if the connection comes back within 10 minutes.
 *
 * @example Closing by leaving a block
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
  /** What the broker says of itself; after a reconnect, what the broker of then says. */
  readonly broker: BrokerInfo;
  /** Resolves when the connection is closed for good, to why. It never rejects. */
  readonly closed: Promise<CloseReason>;

  /**
   * Opens a publisher.
   *
   * @typeParam Body What its messages are, if they are all of one type; see {@linkcode Publisher}.
   * @param bind The stream to publish to, or a `RegExp` (or `Bind.regex`) for all that match.
   * @param options What happens when a stream is full, and how much may be under way.
   * @throws {TypeError | RangeError} If the bind or an option is not allowed; see {@linkcode Bind}.
   * @throws {BrokerError} `TOO_MANY_MEMBERS` if the connection has 10,000 publishers.
   * @throws {ConnectionClosedError} If the connection is closed.
   *
   * @example Waiting for room instead of failing
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
   * Opens a follower. Nothing is fetched before its messages are asked for.
   *
   * @typeParam Body What the messages' bodies are; it is not checked.
   * @param bind The stream to follow, which need not exist yet, or a `RegExp` (or `Bind.regex`).
   * @param options Name and prefetch.
   * @throws {TypeError | RangeError} If the bind or an option is not allowed.
   * @throws {BrokerError} `TOO_MANY_MEMBERS` if the connection has 10,000 followers.
   * @throws {ConnectionClosedError} If the connection is closed.
   */
  follower<Body = unknown>(bind: BindLike, options?: FollowerOptions): Follower<Body>;

  /** Gives a cursor: to create, list and look into streams. */
  cursor(): Cursor;

  /**
   * What happens to the connection: it is lost, it is tried to get it back, it is there again; a
   * stream is gone that was followed; it is closed. The first thing told is the state of the
   * moment, the last one `closed`, after which the loop ends.
   *
   * Every call has its own list, and whoever does not read loses the oldest of more than 1,000
   * events.
   *
   * @param options A signal to end the loop, with its reason as an error.
   * @returns What happens, to iterate over with `for await`.
   *
   * @example Telling somebody
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
   * Closes the connection. Its followers are closed first: loops get nothing more, and handlers may
   * finish the messages that they have, for `drainMs`; see {@linkcode Follower.close}. Until then all
   * else works as before, so that they can publish and ask. Then what was sent is confirmed, what
   * stands in a publisher's line or waits for room in a stream included; what was asked for is
   * answered, requests have their replies or have waited long enough, acknowledgements and replies
   * are sent. If the connection is lost meanwhile, the signal is aborted, or nothing has moved for
   * `drainMs`, what is not confirmed fails with `ConnectionClosedError`; what is not answered does so
   * too, after a second at least. Calling it again waits for the same.
   *
   * @param options How long handlers may take, 5 seconds unless said otherwise; a signal after which
   * neither they nor confirms and answers are waited for any more.
   * @throws {TypeError | RangeError} If `drainMs` is not a whole number from 0 to 2^31-1.
   * @throws {Error} What could not be published and has not been told to anybody: the connection is
   * closed all the same.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** Makes a connection; called again whenever one is lost. */
export type Dial = (signal: AbortSignal) => Promise<Duplex>;

/** How long one attempt may take unless somebody says otherwise, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/** The longest time that a timer can be set to, in milliseconds. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** After these, another attempt would end in the same way. */
const HOPELESS: ReadonlySet<string> = new Set(["BAD_MAGIC", "UNSUPPORTED_VERSION", "BAD_FRAME"]);

/** The connection of a client. */
export class ClientConnection implements Connection {
  readonly closed: Promise<CloseReason>;
  readonly #dial: Dial;
  readonly #options: ConnectionOptions;
  readonly #uplink: Uplink;
  readonly #board = new StatusBoard();
  readonly #closing = new AbortController();
  /** Resolves when whoever closes does not want to wait for confirms any more. */
  readonly #hurry = Promise.withResolvers<void>();
  #session: BrokerSession | undefined;
  #broker: BrokerInfo;
  /** Whether the last session was of any use: the broker has answered something. */
  #hasServed = false;
  #closeCall: Promise<void> | undefined;

  private constructor(
    dial: Dial,
    options: ConnectionOptions,
    first: { session: BrokerSession; welcome: Welcome },
    clock: Clock,
  ) {
    this.#dial = dial;
    this.#options = options;
    const drainMs = resolveDrainTime(options);
    this.#uplink = new Uplink(first.welcome.limits, this.#board, { clock, drainMs });
    this.#broker = describeBroker(first.welcome);
    this.closed = this.#run(first);
  }

  /** Connects; see `connect` in `client.ts`. What its members wait for goes by the clock. */
  static async open(
    dial: Dial,
    options: ConnectionOptions,
    clock: Clock = systemClock,
  ): Promise<Connection> {
    const mistake = findLabelMistake(options.name ?? "simplemq-client");
    if (mistake !== undefined) throw new RangeError(`Cannot connect: ${mistake}`);
    checkTimeout(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    resolveDrainTime(options);
    const first = options.waitForBroker
      ? await retry(
        () => openSession(dial, options, options.signal),
        new Backoff(),
        options.signal,
      )
      : await openSession(dial, options, options.signal);
    return new ClientConnection(dial, options, first, clock);
  }

  get broker(): BrokerInfo {
    return this.#broker;
  }

  publisher<Body = MessageBody>(
    bind: BindLike,
    options: PublisherOptions = {},
  ): Publisher<Body> {
    this.#uplink.requireOpen("open a publisher");
    checkMemberCount("publishers", this.#uplink.publishers.size);
    const resolved = resolvePublisherOptions(options);
    return new ClientPublisher(this.#uplink, Bind.from(bind), resolved);
  }

  follower<Body = unknown>(bind: BindLike, options: FollowerOptions = {}): Follower<Body> {
    this.#uplink.requireOpen("open a follower");
    if (this.#closeCall !== undefined) {
      throw new ConnectionClosedError("Cannot open a follower: the connection is being closed");
    }
    checkMemberCount("followers", this.#uplink.followers.size);
    checkOptionNames(options, ["name", "prefetch"], "Cannot open a follower");
    const { name = `follower-${crypto.randomUUID().slice(0, 8)}`, prefetch = "auto" } = options;
    const mistake = findLabelMistake(name);
    if (mistake !== undefined) throw new RangeError(`Cannot open a follower: ${mistake}`);
    checkPrefetch(prefetch);
    return new ClientFollower(this.#uplink, Bind.from(bind), { name, prefetch });
  }

  cursor(): Cursor {
    return new ClientCursor(this.#uplink);
  }

  status(options: CallOptions = {}): AsyncIterableIterator<ConnectionStatus> {
    return this.#board.watch(options);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    const { signal } = options;
    if (signal?.aborted) this.#hurry.resolve();
    else if (signal !== undefined) {
      const forget = whenAborted(signal, () => this.#hurry.resolve());
      this.closed.then(forget);
    }
    for (const publisher of this.#uplink.publishers.values()) publisher.expectClose();
    // Another call may give handlers less time.
    const followers = [...this.#uplink.followers.values()].map((member) => member.close(options));
    this.#closeCall ??= this.#close(Promise.all(followers), options);
    await this.#closeCall;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(drained: Promise<unknown>, { drainMs }: CloseOptions): Promise<void> {
    const limit = drainMs === undefined ? {} : { drainMs };
    const closing = drained.then(() => {
      const publishers = [...this.#uplink.publishers.values()];
      return Promise.allSettled(publishers.map((member) => member.close(limit)));
    });
    const hurry = this.#hurry.promise;
    let patience: ClosingPatience | undefined;
    const finished = closing.then(() => {
      const waitMs = Math.max(drainMs ?? this.#uplink.drainMs, FAREWELL_MS);
      const giveUp = () => this.#hurry.resolve();
      patience = new ClosingPatience(waitMs, () => this.#uplink.progress, giveUp);
      return this.#uplink.answered();
    });
    // Without a link there is nothing to wait for: what is unconfirmed fails, and says so.
    if (this.#uplink.link !== undefined) await Promise.race([finished, this.closed, hurry]);
    this.#closing.abort();
    await this.#session?.close(hurry);
    await this.closed;
    const results = await closing;
    patience?.end();
    throwFailures(results);
  }

  /** Keeps a session going until the connection is closed for good. */
  async #run(first: { session: BrokerSession; welcome: Welcome }): Promise<CloseReason> {
    const { signal } = this.#closing;
    let error = await this.#serve(first);
    try {
      const backoff = new Backoff();
      // Whoever closes does not want a new connection: what is unconfirmed fails, and says so.
      while (this.#closeCall === undefined && !isHopeless(error)) {
        // A broker that takes a connection and ends it at once is left in peace longer each time.
        if (this.#hasServed) backoff.reset();
        await backoff.pause(signal);
        let attemptCount = 0;
        const attempt = () => {
          this.#board.post({ type: "reconnecting", attempt: ++attemptCount });
          return openSession(this.#dial, this.#options, signal);
        };
        error = await this.#serve(await retry(attempt, backoff, signal));
      }
    } catch (cause) {
      error = cause as Error;
    }
    if (this.#closeCall !== undefined) error = undefined;
    this.#uplink.end(error);
    const reason = describeEnd(error);
    this.#board.post({ type: "closed", reason });
    return reason;
  }

  /** Uses a session until it ends; returns why it did. */
  async #serve(
    { session, welcome }: { session: BrokerSession; welcome: Welcome },
  ): Promise<Error | undefined> {
    const uplink = this.#uplink;
    if (this.#closing.signal.aborted) {
      // It was closed while this session came about.
      session.link.close();
      return undefined;
    }
    this.#session = session;
    this.#broker = describeBroker(welcome);
    uplink.attach(session.link, welcome);
    this.#board.post({ type: "connected", broker: this.#broker });
    this.#hasServed = false;
    const error = await session.serve({
      handleFrame: (frame) => {
        uplink.handleFrame(frame);
        this.#hasServed = true;
      },
      handleReady: () => uplink.handleReady(),
      handleGoodbye: () => void this.#letGo(session),
    });
    uplink.detach(error);
    this.#session = undefined;
    // Whoever closes has not lost anything.
    if (this.#closeCall === undefined) {
      this.#board.post(error === undefined ? { type: "lost" } : { type: "lost", error });
    }
    return error;
  }

  /** The broker stops: what is under way is finished, and the connection given up. */
  async #letGo(session: BrokerSession): Promise<void> {
    await this.#uplink.finish();
    await session.link.drain();
    session.link.close();
  }
}

/** Makes one attempt to open a session. */
async function openSession(
  dial: Dial,
  options: ConnectionOptions,
  signal: AbortSignal | undefined,
): Promise<{ session: BrokerSession; welcome: Welcome }> {
  const { name = "simplemq-client", connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const duplex = await withTimeout(dial, connectTimeoutMs, signal);
  return await BrokerSession.open(duplex, name, { timeoutMs: connectTimeoutMs, signal });
}

/** Throws what nobody has heard of yet, if anything. */
function throwFailures(results: readonly PromiseSettledResult<void>[]): void {
  const reasons: unknown[] = [];
  for (const result of results) if (result.status === "rejected") reasons.push(result.reason);
  if (reasons.length === 1) throw reasons[0];
  if (reasons.length > 1) throw new AggregateError(reasons, "Cannot publish: messages were lost");
}

/** Dials, for so long at most. The timer ends with the attempt. */
async function withTimeout(
  dial: Dial,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Duplex> {
  const limit = new AbortController();
  const timer = new DeadlineTimer(systemClock, systemClock.now() + timeoutMs, () => {
    limit.abort(new DOMException(`no connection within ${timeoutMs} ms`, "TimeoutError"));
  });
  try {
    const signals = signal === undefined ? [limit.signal] : [signal, limit.signal];
    return await dial(AbortSignal.any(signals));
  } finally {
    timer.cancel();
  }
}

/** Tries until it works, with a pause after each attempt that does not. */
async function retry<T>(
  attempt: () => Promise<T>,
  backoff: Backoff,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (isHopeless(error)) throw error;
      await backoff.pause(signal);
    }
  }
}

function isHopeless(error: unknown): boolean {
  if (error instanceof ConnectionClosedError) return true;
  return error instanceof BrokerError && HOPELESS.has(error.code);
}

function describeBroker({ version, engine, durability }: Welcome): BrokerInfo {
  return { version, engine, durability };
}

function describeEnd(error: Error | undefined): CloseReason {
  if (error === undefined) return { message: "the connection was closed here" };
  return { message: error.message, error };
}

function checkMemberCount(kind: string, count: number): void {
  if (count < MEMBERS_MAX) return;
  throw new BrokerError(
    "TOO_MANY_MEMBERS",
    `Cannot open more ${kind}: the connection has ${count}, the most allowed`,
  );
}

function checkTimeout(timeoutMs: number): void {
  if (timeoutMs >= 1 && timeoutMs <= TIMEOUT_MS_MAX) return;
  throw new RangeError(
    `Cannot connect: connectTimeoutMs is ${timeoutMs}, allowed are 1 to ${TIMEOUT_MS_MAX}`,
  );
}

function checkPrefetch(prefetch: unknown): void {
  if (prefetch === "auto") return;
  if (typeof prefetch !== "number") {
    throw new TypeError(`Cannot open a follower: prefetch is a number or "auto"`);
  }
  if (!Number.isInteger(prefetch) || prefetch < 1 || prefetch > BATCH_COUNT_MAX) {
    throw new RangeError(
      `Cannot open a follower: prefetch is ${prefetch}, allowed are 1 to ${BATCH_COUNT_MAX}`,
    );
  }
}
