/**
 * The broker: as a program (`deno run -A server.ts`), or inside an application.
 *
 * @example A broker inside an application
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect(); // no socket in between
 * await connection.cursor().createStream("orders");
 * const receipt = await connection.publisher("orders").sendMessage({ pizza: 1 });
 * assertEquals(receipt.streams, [{ stream: "orders", id: 1 }]);
 * ```
 *
 * @module
 */

import manifest from "./deno.json" with { type: "json" };
import { BATCH_COUNT_MAX, FRAME_BYTES_RESERVE, HEADER_BYTES_MAX } from "./protocol.ts";
import type { Engine } from "./src/broker/engine.ts";
import {
  ClientConnection,
  type Connection,
  type ConnectionOptions,
} from "./src/client/connection.ts";
import { ConnectionClosedError } from "./src/client/connection_closed_error.ts";
import { MemoryEngine } from "./src/engine/memory.ts";
import { ByteBudget } from "./src/server/byte_budget.ts";
import { runCommandLine, StartError } from "./src/server/command_line.ts";
import { findConnectionLimit } from "./src/server/connection_limit.ts";
import { Listener } from "./src/server/listener.ts";
import { Log } from "./src/server/log.ts";
import type { SessionContext } from "./src/server/session.ts";
import { SessionTable } from "./src/server/session_table.ts";
import { type PartialSettings, resolveSettings, type Settings } from "./src/server/settings.ts";
import { Ticker } from "./src/server/ticker.ts";
import { createPipe } from "./src/transport/duplex.ts";
import { Heartbeat } from "./src/transport/heartbeat.ts";

export type { LogLevel } from "./src/server/log.ts";
export {
  type LimitSettings,
  type PartialSettings,
  type Settings,
  SettingsError,
  type StorageEngine,
  type StorageSettings,
} from "./src/server/settings.ts";
export { StartError };

/** A broker that is running in this process. Two of them do not disturb each other. */
export interface BrokerServer extends AsyncDisposable {
  /** The address that it listens at. */
  readonly hostname: string;
  /** The port that it listens at: the one asked for, or the one found if that was 0. */
  readonly port: number;
  /** The engine that holds its streams. */
  readonly engine: string;
  /** What a confirm promises. */
  readonly durability: string;
  /** How many clients are connected. */
  readonly connectionCount: number;

  /**
   * Connects to it without a socket.
   *
   * @param options As for `connect`, less what is about addresses.
   * @returns A connection like any other; it is closed for good when the broker is.
   * @throws {ConnectionClosedError} If the broker is closed.
   */
  connect(options?: ConnectionOptions): Promise<Connection>;

  /**
   * Stops it: no new connections; confirms and acknowledgements that are under way are finished, for
   * `shutdownTimeoutMs` at most; clients are told. Calling it again waits for the same.
   */
  close(): Promise<void>;
}

/**
 * Starts a broker.
 *
 * @example Two brokers in one process
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertNotEquals } from "@std/assert";
 *
 * await using one = await serve({ port: 0 });
 * await using other = await serve({ port: 0 });
 * assertNotEquals(one.port, other.port);
 * ```
 *
 * @param settings What should not be as in `settings.yaml`. Inside an application only warnings and
 * errors are logged, unless `logLevel` says otherwise.
 * @returns The broker, ready to accept.
 * @throws {TypeError | RangeError} If a setting is not allowed; the message tells all mistakes,
 * `cause` is a {@linkcode SettingsError}.
 * @throws {StartError} If the port is taken or the address not to be had.
 */
export function serve(settings: PartialSettings = {}): Promise<BrokerServer> {
  return new Promise((resolve) => {
    const complete = resolveSettings(settings);
    const { logLevel = "warning" } = settings;
    resolve(start({ ...complete, logLevel }, new Log({ level: logLevel })));
  });
}

/** The running broker. */
class Server implements BrokerServer {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #engine: Engine;
  readonly #sessions: SessionTable;
  readonly #ticker: Ticker;
  readonly #listener: Listener;
  #closeCall: Promise<void> | undefined;

  constructor(settings: Settings, log: Log) {
    const now = createClock();
    const heartbeat = new Heartbeat();
    const engine = openEngine(settings, now);
    const context = makeContext(settings, { engine, log, heartbeat, now });
    this.#settings = settings;
    this.#log = log;
    this.#engine = engine;
    this.#sessions = new SessionTable(context, findConnectionLimit(settings.limits.connections));
    this.#listener = openListener(settings, log, this.#sessions);
    const intervalMs = findSweepInterval(settings);
    this.#ticker = new Ticker({
      now,
      tick: (now) => {
        heartbeat.sweep(now, intervalMs);
        return engine.tick(now);
      },
      intervalMs,
    });
  }

  get hostname(): string {
    return this.#listener.address.hostname;
  }

  get port(): number {
    return this.#listener.address.port;
  }

  get engine(): string {
    return this.#engine.name;
  }

  get durability(): string {
    return this.#engine.durability;
  }

  get connectionCount(): number {
    return this.#sessions.count;
  }

  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return ClientConnection.open(() => {
      if (this.#closeCall !== undefined) {
        throw new ConnectionClosedError("Cannot connect: the broker in this process is closed");
      }
      const [here, there] = createPipe();
      this.#sessions.open(there, "in-process");
      return Promise.resolve(here);
    }, options);
  }

  close(): Promise<void> {
    this.#closeCall ??= this.#close();
    return this.#closeCall;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#listener.close();
    await this.#sessions.close(this.#settings.shutdownTimeoutMs);
    this.#ticker.stop();
    await this.#engine.close();
    this.#log.debug("everything is closed");
  }
}

function start(settings: Settings, log: Log): Promise<Server> {
  return new Promise((resolve) => {
    const server = new Server(settings, log);
    log.info(`SimpleMQ ${manifest.version} is listening`, {
      address: `${settings.host}:${server.port}`,
      engine: server.engine,
      durability: server.durability,
    });
    resolve(server);
  });
}

/** The only place that names an engine. */
function openEngine(settings: Settings, now: () => number): Engine {
  return new MemoryEngine({ memoryLimit: settings.storage.memoryLimit, now });
}

/** Milliseconds since 1970 that never go back or jump, whatever is done to the system's clock. */
function createClock(): () => number {
  return () => performance.timeOrigin + performance.now();
}

function makeContext(
  settings: Settings,
  parts: Pick<SessionContext, "engine" | "log" | "heartbeat" | "now">,
): SessionContext {
  const { limits, heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs } = settings;
  return {
    ...parts,
    version: manifest.version,
    limits: {
      bodyBytes: limits.messageBytes,
      headerBytes: HEADER_BYTES_MAX,
      frameBytes: limits.messageBytes + FRAME_BYTES_RESERVE,
      batchCount: BATCH_COUNT_MAX,
      unacknowledgedMessages: limits.unacknowledgedMessages,
      unacknowledgedBytes: limits.unacknowledgedBytes,
    },
    heartbeatLimits: { heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs },
    handshakeTimeoutMs: settings.handshakeTimeoutMs,
    outboundBytesMax: limits.outboundBytes,
    budget: new ByteBudget(limits.unconfirmedBytes),
  };
}

/** Opens the port, or tells in a line why that cannot be. */
function openListener(settings: Settings, log: Log, sessions: SessionTable): Listener {
  const { host: hostname, port } = settings;
  try {
    return new Listener({
      hostname,
      port,
      log,
      onConnection: (connection) => {
        connection.setNoDelay(true);
        const { hostname, port } = connection.remoteAddr;
        sessions.open(connection, `${hostname}:${port}`);
      },
    });
  } catch (cause) {
    const why = cause instanceof Deno.errors.AddrInUse
      ? "the port is taken; is a broker running already? Choose another one with --port"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new StartError(`Cannot listen at ${hostname}:${port}: ${why}`, { cause });
  }
}

/** Links are looked after so often at least, in milliseconds. */
const SWEEP_MS_MAX = 1000;

/** Links are looked after several times within the shortest time that may pass. */
function findSweepInterval(settings: Settings): number {
  const { heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs, handshakeTimeoutMs } = settings;
  const shortest = Math.min(
    heartbeatMs,
    heartbeatTimeoutMs,
    slowReaderTimeoutMs,
    handshakeTimeoutMs,
  );
  return Math.max(1, Math.min(SWEEP_MS_MAX, shortest / 4));
}

if (import.meta.main) {
  Deno.exit(
    await runCommandLine({ args: Deno.args, version: manifest.version, serve: start }),
  );
}
