import type { Connection, InProcessOptions } from "../../../client.ts";
import { ConnectionClosedError } from "../../../client.ts";
import { type HashKey, KeyedHash } from "../../broker/collections/keyed_hash.ts";
import type { Engine } from "../../broker/engine.ts";
import { formatAddress } from "../../transport/address.ts";
import { type Clock, systemClock } from "../../transport/clock.ts";
import { type AcceptedSocket, isPortTaken, prepareSocket } from "../../transport/deno_sockets.ts";
import { createPipe, type Duplex } from "../../transport/duplex.ts";
import type { Access } from "../access/access.ts";
import type { SeatWatch } from "../cluster/seat_watch.ts";
import { LoginGuard } from "../access/login_guard.ts";
import type { UsersWatch } from "../access/users/users_watch.ts";
import type { Caller } from "../flow/speaker.ts";
import { makeSessionContext, type SessionContext } from "../flow/session_context.ts";
import { SendQueues } from "../front_door/send_queues.ts";
import { Listener } from "../front_door/listener.ts";
import { SessionTable } from "../front_door/session_table.ts";
import type { TlsDoor } from "../front_door/tls_door.ts";
import type { HttpPort } from "../http/http_port.ts";
import type { openService } from "../http/route_table.ts";
import type { Log } from "../log.ts";
import type { BrokerManagement } from "../management/broker_management.ts";
import type { ConnectionNumbers } from "../management/management.ts";
import type { Settings } from "../settings/settings.ts";
import { findConnectionLimit } from "../system_file.ts";
import { startCaretaker } from "./caretaker.ts";
import { ClockWatch, type Peer } from "./clock_watch.ts";
import { StartError } from "./start_error.ts";
import { Succession } from "./succession.ts";
import { Ticker } from "./ticker.ts";

/** Where a broker serves HTTP: health, metrics, and its page. */
export interface HttpLocation {
  /** The host name or address that it listens on. */
  readonly hostname: string;
  /** The port that it listens on; a free one if the setting was 0. */
  readonly port: number;
}

/** A broker that runs in this process. Several brokers do not disturb each other. */
export interface BrokerServer extends AsyncDisposable {
  /** The host name or address that it listens on. */
  readonly hostname: string;
  /** The port that it listens on; a free one if the setting was 0. */
  readonly port: number;
  /** The engine that holds its streams. */
  readonly engine: string;
  /** What a confirm promises. */
  readonly durability: string;
  /** Where it serves HTTP, if it does. */
  readonly http: HttpLocation | undefined;
  /** How many clients are connected, except for HTTP. */
  readonly connectionCount: number;
  /**
   * Resolves when the broker is closed: to `undefined` after {@linkcode BrokerServer.close}, and when it has
   * given the lead of its cluster away; otherwise to the error that ended it. A broker whose disk has
   * failed confirms nothing more and ends by itself; when it is started again, everything that was
   * confirmed is there.
   */
  readonly closed: Promise<Error | undefined>;

  /**
   * Connects to it without a socket.
   *
   * @param options As for `connect`, with the name of a user in place of an address. Without a user or a
   * token the connection may do everything.
   * @returns A connection like any other; it is closed for good with its broker.
   * @throws {TypeError | RangeError} If an option does not exist, or is not allowed.
   * @throws {BrokerError} `UNAUTHORIZED` if there is no such user, or the token is not valid;
   * `TOO_MANY_CONNECTIONS`.
   * @throws {ConnectionClosedError} If the broker is closed.
   */
  connect(options?: InProcessOptions): Promise<Connection>;

  /**
   * Stops the broker: it accepts no new connections, tells its clients, and finishes confirms and
   * acknowledgements that are under way, for at most `shutdownTimeoutMs`. A second call waits for the
   * same. The active broker of a cluster gives the lead to a standby before, if there is one, and its
   * clients move there at once: what their handlers have in hand comes again there.
   */
  close(): Promise<void>;
}

export interface ServerParts {
  readonly version: string;
  readonly settings: Settings;
  readonly log: Log;
  readonly engine: Engine;
  readonly access: Access;
  readonly management: BrokerManagement;
  /** The broker's place in its cluster, if it is in one. */
  readonly seat: SeatWatch | undefined;
  /** The file of users, if there is one. */
  readonly users: UsersWatch | undefined;
  readonly clock: Clock;
  /** The secret key of hashes. */
  readonly hashKey: HashKey;
  /** Set if the port speaks TLS. */
  readonly tls?: TlsDoor | undefined;
  readonly connectionNumbers: ConnectionNumbers;
  /** The port for HTTP, which is open already, and what answers there from now on. */
  readonly http?: {
    readonly port: HttpPort;
    readonly openService: typeof openService;
  } | undefined;
  /** Opens a client's connection over the given one. */
  readonly connect: (
    open: (options: InProcessOptions) => Promise<Duplex>,
    options: InProcessOptions,
    clock: Clock,
  ) => Promise<Connection>;
}

/** The time after which clients report that a handler has a message, in milliseconds. */
const BEGIN_MS = 50;

/** How long clients have that only ask about a broker that serves nobody, in milliseconds. */
const AWAY_MS = 500;

/** The running broker: an engine, its sessions, its port, and its tickers. */
export class Server implements BrokerServer {
  readonly #parts: ServerParts;
  readonly #sessions: SessionTable;
  /** Ticks the engine, by the clock. */
  readonly #ticker: Ticker;
  /** Sweeps links and tends the disk, by the system clock: a virtual one does not apply to them. */
  readonly #caretaker: Ticker;
  /** Tells a virtual clock what to wait for. */
  readonly #watch: ClockWatch | undefined;
  readonly #detachClock: (() => void) | undefined;
  readonly #listener: Listener;
  readonly #context: SessionContext;
  readonly #http: HttpPort | undefined;
  /** Set in a cluster. */
  readonly #succession: Succession | undefined;
  readonly #closed = Promise.withResolvers<Error | undefined>();
  #failure: Error | undefined;
  #closeCall: Promise<void> | undefined;

  /** Opens the port; throws a {@linkcode StartError} if it cannot. */
  constructor(parts: ServerParts) {
    const { settings, log, engine, clock } = parts;
    const isOwnTime = clock.attach === undefined;
    // A virtual clock does not tell how long a handler has a message.
    const beginMs = isOwnTime ? BEGIN_MS : 0;
    const now = systemClock.now;
    const hash = new KeyedHash(parts.hashKey);
    const hasten = (at: number) => this.#caretaker.hasten(at);
    const connectionsMax = findConnectionLimit(settings.limits.connections);
    // Refusals that wait must not keep others out.
    const waitingMax = Math.ceil(connectionsMax / 10);
    const loginGuard = new LoginGuard({ log, waitingMax, hasten });
    const own = { hash, loginGuard, beginMs, now };
    const context = makeSessionContext(settings, { ...parts, ...own });
    this.#parts = parts;
    this.#watch = isOwnTime ? undefined : new ClockWatch({
      noteDateSet: () => this.hasten(clock.now()),
      whenIdle: () => {
        // Work in slices goes on in the next turn.
        const settling = engine.whenDurable() ?? context.turn.awaited;
        // An ending broker finishes nothing more.
        return settling && Promise.race([settling, this.#closed.promise.then(() => {})]);
      },
    });
    this.#context = context;
    this.#http = parts.http?.port;
    this.#sessions = new SessionTable(context, connectionsMax, () => this.#http?.count ?? 0);
    this.#succession = parts.seat && new Succession(parts.seat, this.#sessions, log);
    if (this.#succession !== undefined) {
      parts.management.noteCluster({ seat: parts.seat!, handOver: () => this.#handOver() });
    }
    this.#listener = this.#listen(context);
    parts.management.addConnections(this.#sessions);
    parts.management.noteListening(formatAddress(settings.host, this.port));
    this.#ticker = new Ticker({
      clock,
      tick: (now) => engine.tick(now),
      // A virtual clock waits for everything that arrives.
      ...isOwnTime && { heard: () => this.#sessions.receivedBytes },
    });
    this.#caretaker = startCaretaker(
      parts,
      context,
      this.#sessions,
      (now) => this.#http?.sweep(now),
    );
    this.#watchUsers(hasten);
    parts.tls?.certificates.watchAuthorities(() => parts.access.recheck());
    this.#detachClock = this.#watch?.attachTo(clock);
    this.#serveHttp();
  }

  /** The engine serves, after it has followed another broker: what became due meanwhile is done. */
  noteOpened(): void {
    this.#parts.seat?.noteOpened();
    this.hasten(this.#parts.clock.now());
  }

  /** Whether it is being closed. */
  get isEnding(): boolean {
    return this.#closeCall !== undefined;
  }

  /** Whether it has given the lead of its cluster to another broker, and has to be started again to follow. */
  get isHandedOver(): boolean {
    return this.#succession?.isHandedOver === true;
  }

  /** Notes a deadline that is earlier than the engine returned. */
  hasten(at: number): void {
    this.#ticker.hasten(at);
  }

  get hostname(): string {
    return this.#listener.address.hostname;
  }

  get port(): number {
    return this.#listener.address.port;
  }

  get http(): HttpLocation | undefined {
    return this.#http && { hostname: this.#http.hostname, port: this.#http.port };
  }

  get engine(): string {
    return this.#parts.engine.name;
  }

  get durability(): string {
    return this.#parts.engine.durability;
  }

  get connectionCount(): number {
    return this.#sessions.count;
  }

  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  /** Ends the broker at once: nothing becomes durable any more, so nothing may be confirmed. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#parts.management.noteFailure(error.message);
    // In a cluster clients are told first who serves them now.
    const left = this.#succession?.whenLeft();
    if (left === undefined) this.#closed.resolve(this.#failure);
    else left.finally(() => this.#closed.resolve(this.#failure));
    this.close().catch((error) => this.#parts.log.error("cannot close the broker", { error }));
  }

  connect(options: InProcessOptions = {}): Promise<Connection> {
    const { connect, clock } = this.#parts;
    return connect(
      ({ user }) => {
        if (this.#closeCall !== undefined) {
          throw new ConnectionClosedError("Cannot connect: the broker in this process is closed");
        }
        const [here, there] = createPipe();
        this.#open({ duplex: there, peer: "in-process", inProcess: { user } });
        return Promise.resolve(here);
      },
      options,
      clock,
    );
  }

  close(): Promise<void> {
    this.#closeCall ??= this.#close();
    return this.#closeCall;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Gives the lead away, and ends, since only a new start makes it follow; whoever asked is answered first. */
  async #handOver(): Promise<string | undefined> {
    const active = await this.#succession!.handOver();
    setTimeout(() => this.close());
    return active;
  }

  #open(caller: Caller, socket?: Peer): void {
    const duplex = this.#watch?.watch(caller.duplex, socket) ?? caller.duplex;
    this.#sessions.open({ ...caller, duplex });
  }

  #watchUsers(hasten: (at: number) => void): void {
    const { users, access, log } = this.#parts;
    users?.watch({
      access,
      hasten,
      report: (level, message, fields) => log[level](message, fields),
    });
  }

  #serveHttp(): void {
    const { http, management, users } = this.#parts;
    if (http === undefined) return;
    const { inputMemory } = this.#context;
    http.port.serve({
      parts: { ...this.#parts, ...this.#context, hasUsers: users !== undefined, dateNow: Date.now },
      countOthers: () => this.#sessions.count,
      isThrifty: () => inputMemory.isSpent,
    }, http.openService);
    management.addConnections(http.port);
    management.noteHttp(formatAddress(http.port.hostname, http.port.port));
  }

  /** Opens the port; the error says in one line why it cannot. */
  #listen({ loginGuard, inputMemory }: SessionContext): Listener {
    const { settings: { host: hostname, port }, log, tls } = this.#parts;
    const queues = new SendQueues();
    const onConnection = (connection: AcceptedSocket) => {
      const { hostname, port } = connection.remoteAddr;
      if (!loginGuard.admits(hostname, systemClock.now())) return connection.close();
      prepareSocket(connection);
      const ports = { local: connection.localAddr.port, remote: port };
      const peer = formatAddress(hostname, port);
      this.#open({
        duplex: connection,
        peer,
        address: hostname,
        countQueued: (now) => queues.find(ports, now),
        ...tls?.admit(connection, peer, () => inputMemory.isSpent),
      }, { hostname, port });
    };
    try {
      return new Listener({ hostname, port, log, onConnection });
    } catch (cause) {
      let why = cause instanceof Error ? cause.message : String(cause);
      if (isPortTaken(cause)) {
        why = "the port is taken; is a broker running already? " +
          "Choose another one: --port, or port of serve";
      }
      throw new StartError(`Cannot listen at ${formatAddress(hostname, port)}: ${why}`, { cause });
    }
  }

  async #close(): Promise<void> {
    const { settings, engine, seat, access, users, tls, log, management } = this.#parts;
    management.noteStopping();
    if (this.#failure === undefined) await this.#succession?.stop();
    await this.#listener.close();
    await this.#succession?.whenLeft();
    // After a failure clients cannot finish anything.
    const isFailed = this.#failure !== undefined;
    const timeoutMs = Math.min(settings.shutdownTimeoutMs, seat?.isAway ? AWAY_MS : Infinity);
    await this.#sessions.close(isFailed ? 0 : timeoutMs);
    // Until then probes are told why the broker is not ready.
    await this.#http?.close();
    this.#detachClock?.();
    this.#ticker.stop();
    this.#caretaker.stop();
    await users?.close();
    await tls?.close();
    access.end();
    await engine.close();
    seat?.close();
    this.#closed.resolve(this.#failure);
    log.debug("everything is closed");
  }
}
