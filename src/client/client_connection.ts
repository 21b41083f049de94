import { BrokerError } from "../../protocol.ts";
import { BATCH_COUNT_MAX, findLabelMistake, MEMBERS_MAX } from "../protocol/limits.ts";
import { formatAddress } from "../transport/address.ts";
import { type Clock, systemClock } from "../transport/clock.ts";
import type { Duplex } from "../transport/duplex.ts";
import {
  type Connection,
  CONNECTION_OPTION_NAMES,
  type ConnectionOptions,
  type InProcessOptions,
  type StandbyOption,
} from "./connection.ts";
import { ClientCursor } from "./cursor/client_cursor.ts";
import type { Cursor } from "./cursor/cursor.ts";
import { ClientFollower } from "./following/client_follower.ts";
import { checkToken } from "./dialing/token.ts";
import type { FollowerOptions } from "./following/follower.ts";
import { whenAborted } from "./member/abort_listener.ts";
import { Bind, type BindLike } from "./member/bind.ts";
import {
  type CallOptions,
  checkCloseOptions,
  checkDrainTime,
  type CloseOptions,
  DRAIN_MS_DEFAULT,
} from "./member/call_options.ts";
import { ClosingLimit, FAREWELL_MS } from "./member/closing_limit.ts";
import { ConnectionClosedError } from "./member/connection_closed_error.ts";
import { checkNumber, checkOptionNames, checkTimeout } from "./member/option_check.ts";
import { SpareBuffers } from "./outgoing/spare_buffers.ts";
import { ClientPublisher } from "./publishing/client_publisher.ts";
import {
  type Publisher,
  type PublisherOptions,
  resolvePublisherOptions,
} from "./publishing/publisher.ts";
import { OutgoingReplies } from "./requesting/outgoing_replies.ts";
import { PendingRequests } from "./requesting/pending_requests.ts";
import { traceFollowing } from "./tracing/traced_follower.ts";
import { TracedPublisher } from "./tracing/traced_publisher.ts";
import { Tracing } from "./tracing/tracing.ts";
import { DefinedStream, type StreamDefinition } from "./typing/stream_definition.ts";
import { CheckedFollower } from "./typing/typed_follower.ts";
import { CheckedPublisher } from "./typing/typed_publisher.ts";
import { IncomingFrames } from "./uplink/incoming_frames.ts";
import type { ClientSession } from "./uplink/client_session.ts";
import { SessionOpener } from "./uplink/session_opener.ts";
import {
  type BrokerInfo,
  type CloseReason,
  type ConnectionStatus,
  StatusBoard,
} from "./uplink/status.ts";
import type { Target } from "./uplink/target.ts";
import { Uplink } from "./uplink/uplink.ts";

const NAME_DEFAULT = "simplemq-client";
const CONNECT_TIMEOUT_MS_DEFAULT = 10_000;

export class ClientConnection implements Connection {
  readonly closed: Promise<CloseReason>;
  readonly #opener: SessionOpener;
  readonly #uplink: Uplink;
  readonly #requests: PendingRequests;
  readonly #replies: OutgoingReplies;
  readonly #spare = new SpareBuffers();
  readonly #board = new StatusBoard();
  readonly #tracing: Tracing | undefined;
  readonly #closing = new AbortController();
  /** Resolves when `close()` must not wait any longer. */
  readonly #hurry = Promise.withResolvers<void>();
  #closeCall: Promise<void> | undefined;

  private constructor(opener: SessionOpener, first: ClientSession, clock: Clock, drainMs: number) {
    this.#opener = opener;
    this.#uplink = new Uplink(first, { clock, drainMs });
    this.#requests = new PendingRequests(this.#uplink, clock);
    this.#replies = new OutgoingReplies(this.#uplink, this.#spare);
    this.#uplink.share([this.#requests, this.#replies]);
    this.#tracing = Tracing.find(() => opener.address);
    this.closed = this.#run(first);
  }

  /**
   * Connects to one of the brokers; see `connect` in `client.ts`.
   *
   * @param targets The brokers, or what looks for them once the other options are checked.
   * @param clock The clock of the timeouts of calls.
   */
  static async open(
    targets: readonly Target[] | (() => Promise<readonly Target[]>),
    options: ConnectionOptions & StandbyOption,
    clock: Clock = systemClock,
  ): Promise<Connection> {
    const { name = NAME_DEFAULT, connectTimeoutMs = CONNECT_TIMEOUT_MS_DEFAULT } = options;
    const { drainMs = DRAIN_MS_DEFAULT, waitForBroker, signal, standby } = options;
    checkName(name, "Cannot connect");
    checkTimeout("connectTimeoutMs", connectTimeoutMs, "Cannot connect");
    checkDrainTime(drainMs, "Cannot connect");
    const found = typeof targets === "function" ? await targets() : targets;
    const opener = new SessionOpener(found, { client: name, timeoutMs: connectTimeoutMs, standby });
    const opening = waitForBroker ? opener.openPersistently(signal) : opener.openFirst(signal);
    const first = await opening;
    return new ClientConnection(opener, first, clock, drainMs);
  }

  /** Connects to a broker in this process; see `BrokerServer.connect`. */
  static async openInProcess(
    dial: (options: InProcessOptions) => Promise<Duplex>,
    options: InProcessOptions,
    clock: Clock,
  ): Promise<Connection> {
    const action = "Cannot connect";
    checkOptionNames(options, [...CONNECTION_OPTION_NAMES, "user", "token"], action);
    const { user, token } = options;
    if (user !== undefined && token !== undefined) {
      throw new TypeError(`${action}: user and token exclude each other`);
    }
    if (user !== undefined && findLabelMistake(user) !== undefined) {
      throw new RangeError(`${action}: user: ${findLabelMistake(user)}`);
    }
    if (token !== undefined) checkToken("token", token, action);
    const readToken = token === undefined ? undefined : () => Promise.resolve(token);
    const target = { action, readToken, dial: () => dial(options) };
    return await ClientConnection.open([target], options, clock);
  }

  get broker(): BrokerInfo {
    const { welcome, brokers } = this.#uplink.session;
    const { version, engine, durability, user } = welcome;
    const { address: at } = this.#opener;
    const address = at && formatAddress(at.hostname, at.port);
    return { version, engine, durability, user, ...address && { address }, brokers };
  }

  publisher(target: BindLike | StreamDefinition, options: PublisherOptions = {}): never {
    const { bind, definition } = readTarget(target);
    this.#checkRoom("publisher", this.#uplink.members.publishers.size);
    const resolved = resolvePublisherOptions(options);
    const way = { uplink: this.#uplink, requests: this.#requests, spare: this.#spare };
    const own = new ClientPublisher(way, bind, resolved);
    const publisher: Publisher<never> = this.#tracing === undefined
      ? own
      : new TracedPublisher(own, this.#tracing);
    // What it accepts is what the caller has said.
    return (definition === undefined
      ? publisher
      : new CheckedPublisher(publisher, definition)) as never;
  }

  follower(target: BindLike | StreamDefinition, options: FollowerOptions = {}): never {
    const { bind, definition } = readTarget(target);
    this.#checkRoom("follower", this.#uplink.members.followers.size);
    const action = "Cannot open a follower";
    if (this.#closeCall !== undefined) {
      throw new ConnectionClosedError(`${action}: the connection is being closed`);
    }
    checkOptionNames(options, ["name", "prefetch"], action);
    const { name = `follower-${crypto.randomUUID().slice(0, 8)}`, prefetch = "auto" } = options;
    checkName(name, action);
    if (typeof prefetch === "string" && prefetch !== "auto") {
      throw new TypeError(`${action}: prefetch must be a number or "auto"`);
    } else if (prefetch !== "auto") {
      checkNumber("prefetch", prefetch, { low: 1, high: BATCH_COUNT_MAX }, action);
    }
    const way = this.#tracing === undefined
      ? { uplink: this.#uplink, replies: this.#replies }
      : traceFollowing(this.#tracing, { uplink: this.#uplink, replies: this.#replies });
    const follower = new ClientFollower(way, bind, { name, prefetch });
    return (definition === undefined
      ? follower
      : new CheckedFollower(follower, definition)) as never;
  }

  cursor(): Cursor {
    return new ClientCursor(this.#uplink.queries);
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
    const { publishers, followers } = this.#uplink.members;
    for (const publisher of publishers.values()) publisher.expectClose();
    // Another call may shorten the time for handlers.
    const drained = [...followers.values()].map((member) => member.close(options));
    this.#closeCall ??= this.#close(Promise.all(drained), options);
    await this.#closeCall;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(drained: Promise<unknown>, { drainMs }: CloseOptions): Promise<void> {
    const uplink = this.#uplink;
    const options = drainMs === undefined ? {} : { drainMs };
    const closing = drained.then(() => {
      const publishers = [...uplink.members.publishers.values()];
      return Promise.allSettled(publishers.map((member) => member.close(options)));
    });
    const hurry = this.#hurry.promise;
    let limit: ClosingLimit | undefined;
    const finished = closing.then(() => {
      const waitMs = Math.max(drainMs ?? uplink.options.drainMs, FAREWELL_MS);
      const limits = { drainMs: waitMs, progress: () => uplink.progress };
      limit = new ClosingLimit(limits, () => this.#hurry.resolve());
      return uplink.answered();
    });
    // Without a link there is nothing to wait for: unconfirmed messages fail.
    if (uplink.link !== undefined) await Promise.race([finished, this.closed, hurry]);
    this.#closing.abort();
    if (uplink.link !== undefined) await uplink.session.close(hurry);
    await this.closed;
    const results = await closing;
    limit?.end();
    throwFailures(results);
  }

  /** Opens session after session until the connection is closed for good. */
  async #run(first: ClientSession): Promise<CloseReason> {
    const { signal } = this.#closing;
    let error = await this.#serve(first);
    try {
      // A connection that is being closed is not restored: unconfirmed messages fail.
      while (this.#closeCall === undefined && !await this.#opener.isHopeless(error)) {
        await this.#opener.pause(this.#uplink.session, error, signal);
        let attempt = 0;
        const session = await this.#opener.reopen(signal, (error) => {
          this.#board.post({ type: "reconnecting", attempt: ++attempt, ...error && { error } });
        });
        error = await this.#serve(session);
      }
    } catch (cause) {
      error = cause as Error;
    }
    if (this.#closeCall !== undefined) error = undefined;
    this.#uplink.end(error);
    const reason = error === undefined
      ? { message: "the connection was closed here" }
      : { message: error.message, error };
    this.#board.post({ type: "closed", reason });
    return reason;
  }

  /** Uses a session until it ends; returns the error that ended it, if there is one. */
  async #serve(session: ClientSession): Promise<Error | undefined> {
    const uplink = this.#uplink;
    if (this.#closing.signal.aborted) {
      // The connection was closed while this session was being opened.
      session.link.close();
      return undefined;
    }
    const { members, queries } = uplink;
    const incoming = new IncomingFrames({
      members,
      queries,
      requests: this.#requests,
      board: this.#board,
    });
    uplink.attach(session);
    this.#board.post({ type: "connected", broker: this.broker });
    const error = await session.serve({
      handleFrame: (frame) => incoming.handle(frame),
      handleBrokers: () => this.#opener.noteBrokers(session),
      handleReady: () => uplink.handleReady(),
      handleGoodbye: () => void this.#letGo(session),
    });
    uplink.detach(error);
    // A connection that is being closed is not lost.
    if (this.#closeCall === undefined) {
      this.#board.post(error === undefined ? { type: "lost" } : { type: "lost", error });
    }
    return error;
  }

  /** The broker stops: finishes the work under way, and closes the link. */
  async #letGo({ link }: ClientSession): Promise<void> {
    await this.#uplink.finish();
    await link.drain();
    link.close();
  }

  /** Throws if no further member of this kind is allowed. */
  #checkRoom(kind: string, count: number): void {
    const closed = this.#uplink.findClosedError(`open a ${kind}`);
    if (closed !== undefined) throw closed;
    if (count < MEMBERS_MAX) return;
    throw new BrokerError(
      "TOO_MANY_MEMBERS",
      `Cannot open another ${kind}: the connection's limit of ${count} is reached`,
    );
  }
}

/** What a member is opened for: a bind, or what a program has defined. */
function readTarget(
  target: BindLike | StreamDefinition,
): { readonly bind: Bind; readonly definition?: StreamDefinition } {
  if (!(target instanceof DefinedStream)) return { bind: Bind.from(target as BindLike) };
  return { bind: target.bind, definition: target };
}

function checkName(name: string, action: string): void {
  const mistake = findLabelMistake(name);
  if (mistake !== undefined) throw new RangeError(`${action}: ${mistake}`);
}

/** Throws failures that were not reported yet. */
function throwFailures(results: readonly PromiseSettledResult<void>[]): void {
  const reasons: unknown[] = [];
  for (const result of results) if (result.status === "rejected") reasons.push(result.reason);
  if (reasons.length === 1) throw reasons[0];
  if (reasons.length > 1) throw new AggregateError(reasons, "Cannot publish: messages were lost");
}
