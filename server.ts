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
import { BATCH_COUNT_MAX, HEADER_BYTES_MAX } from "./protocol.ts";
import { FRAME_BYTES_RESERVE } from "./src/protocol/limits.ts";
import type { Engine } from "./src/broker/engine.ts";
import {
  ClientConnection,
  type Connection,
  type ConnectionOptions,
} from "./src/client/connection.ts";
import { ConnectionClosedError } from "./src/client/member/connection_closed_error.ts";
import { JournalEngine } from "./src/engine/journal.ts";
import { DenoDisk, DenoDiskView } from "./src/engine/journal/disk/deno_disk.ts";
import { JournalError } from "./src/engine/journal/disk/journal_error.ts";
import { repairJournal, verifyJournal } from "./src/engine/journal/repair/tools.ts";
import { MemoryEngine } from "./src/engine/memory.ts";
import { ByteBudget } from "./src/server/flow/byte_budget.ts";
import { ExitCode, runCommandLine, StartError } from "./src/server/process/command_line.ts";
import { findConnectionLimit } from "./src/server/process/connection_limit.ts";
import type { JournalCommands } from "./src/server/process/journal_command.ts";
import { Listener } from "./src/server/front_door/listener.ts";
import { Log, type LogFields } from "./src/server/log.ts";
import type { SessionContext } from "./src/server/flow/session_context.ts";
import { ReceivingRoom } from "./src/server/flow/receiving_room.ts";
import { SendQueues } from "./src/server/flow/send_queues.ts";
import { SessionTable } from "./src/server/front_door/session_table.ts";
import { resolveServeOptions, type ServeOptions } from "./src/server/settings/serve_options.ts";
import type { Settings } from "./src/server/settings/settings.ts";
import { startCaretaker } from "./src/server/process/caretaker.ts";
import { Ticker } from "./src/server/process/ticker.ts";
import { WaitingReplies } from "./src/server/flow/waiting_replies.ts";
import { WorkTurn } from "./src/server/flow/work_turn.ts";
import { Traffic } from "./src/server/process/traffic.ts";
import { type Clock, systemClock } from "./src/transport/clock.ts";
import { createPipe, type Duplex } from "./src/transport/duplex.ts";
import { Heartbeat } from "./src/transport/heartbeat.ts";

export type { LogLevel } from "./src/server/log.ts";
export type { ServeOptions } from "./src/server/settings/serve_options.ts";
export { VirtualClock, type VirtualClockOptions } from "./src/server/process/virtual_clock.ts";
export type { Clock, ClockTimer, ClockUser } from "./src/transport/clock.ts";
export {
  type LimitSettings,
  type PartialSettings,
  type Settings,
  SettingsError,
  type SizeField,
  type StorageEngine,
  type StorageSettings,
  type SyncLevel,
} from "./src/server/settings/settings.ts";
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
   * Resolves when it is closed: to nothing if it was asked to, or to why it had to. A broker that
   * cannot make anything durable any more confirms nothing and ends by itself; when it is started
   * again, everything that was confirmed is there.
   */
  readonly closed: Promise<Error | undefined>;

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
 * await using one = await serve({ port: 0, storage: { engine: "memory" } });
 * await using other = await serve({ port: 0, storage: { engine: "memory" } });
 * assertNotEquals(one.port, other.port);
 * ```
 *
 * @param options What should not be as in `settings.yaml`, and a clock, for tests. Inside an
 * application only warnings and errors are logged, unless `logLevel` says otherwise.
 * @returns The broker, ready to accept.
 * @throws {TypeError | RangeError} If a setting is not allowed; the message tells all mistakes,
 * `cause` is a {@linkcode SettingsError}.
 * @throws {StartError} If the port is taken or the address not to be had, or if the journal is in
 * use, cannot be used or is damaged.
 */
export async function serve(options: ServeOptions = {}): Promise<BrokerServer> {
  const { settings, clock } = resolveServeOptions(options);
  const { logLevel = "warning" } = options;
  return await start({ ...settings, logLevel }, new Log({ level: logLevel }), clock);
}

/**
 * Clients say after so long that a handler has a message, in milliseconds: what is done at once is
 * not spoken of.
 */
const BEGIN_MS = 50;

/** The running broker. */
class Server implements BrokerServer {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #sessions: SessionTable;
  readonly #turn: WorkTurn;
  /** Sees to messages, by the clock. */
  readonly #ticker: Ticker;
  /** Sees to links and the disk, by the time of this machine: those are real in any case. */
  readonly #caretaker: Ticker;
  /** What connections carry, if the clock wants to know. */
  readonly #traffic: Traffic | undefined;
  readonly #detachClock: (() => void) | undefined;
  readonly #listener: Listener;
  readonly #closed = Promise.withResolvers<Error | undefined>();
  #failure: Error | undefined;
  #closeCall: Promise<void> | undefined;

  constructor(settings: Settings, { log, engine, clock }: ServerParts) {
    const heartbeat = new Heartbeat();
    // A clock that does not go by itself does not tell how long a handler has a message.
    const beginMs = clock.attach === undefined ? BEGIN_MS : 0;
    const now = systemClock.now;
    const context = makeContext(settings, { engine, log, heartbeat, beginMs, now });
    this.#settings = settings;
    this.#log = log;
    this.#engine = engine;
    this.#clock = clock;
    this.#turn = context.turn;
    this.#traffic = clock.attach && new Traffic();
    this.#sessions = new SessionTable(context, findConnectionLimit(settings.limits.connections));
    this.#listener = openListener(settings, log, (duplex, peer, countQueued) => {
      this.#open(duplex, peer, countQueued);
    });
    this.#ticker = new Ticker({
      clock,
      tick: (now) => engine.tick(now),
      // A clock that does not go by itself waits for everything that comes.
      ...clock.attach === undefined && { heard: () => this.#sessions.receivedBytes },
    });
    this.#caretaker = startCaretaker(settings, context);
    this.#detachClock = this.#attachClock();
  }

  /** There is a deadline that is earlier than the engine has said. */
  hasten(at: number): void {
    this.#ticker.hasten(at);
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

  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  /** Ends it at once: nothing becomes durable any more, so nothing may be confirmed. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#closed.resolve(this.#failure);
    this.close().catch((error) => this.#log.error("the broker did not end well", { error }));
  }

  connect(options: ConnectionOptions = {}): Promise<Connection> {
    return ClientConnection.open(
      () => {
        if (this.#closeCall !== undefined) {
          throw new ConnectionClosedError("Cannot connect: the broker in this process is closed");
        }
        const [here, there] = createPipe();
        this.#open(there, "in-process");
        return Promise.resolve(here);
      },
      options,
      this.#clock,
    );
  }

  close(): Promise<void> {
    this.#closeCall ??= this.#close();
    return this.#closeCall;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(duplex: Duplex, peer: string, countQueued?: (now: number) => number | undefined): void {
    this.#sessions.open(this.#traffic?.watch(duplex) ?? duplex, peer, countQueued);
  }

  /** Lets a clock that does not go by itself know whether there is something to wait for. */
  #attachClock(): (() => void) | undefined {
    const traffic = this.#traffic;
    if (traffic === undefined) return undefined;
    return this.#clock.attach?.({
      noteDateSet: () => this.#ticker.hasten(this.#clock.now()),
      get activity() {
        return traffic.count;
      },
      settle: () => {
        // What is done in slices goes on in the next turn.
        const settling = this.#engine.settle() ?? this.#turn.awaited;
        // A broker that ends finishes nothing any more.
        return settling && Promise.race([settling, this.#closed.promise.then(() => {})]);
      },
    });
  }

  async #close(): Promise<void> {
    await this.#listener.close();
    // After a failure there is nothing that clients could finish.
    const timeoutMs = this.#failure === undefined ? this.#settings.shutdownTimeoutMs : 0;
    await this.#sessions.close(timeoutMs);
    this.#detachClock?.();
    this.#ticker.stop();
    this.#caretaker.stop();
    await this.#engine.close();
    this.#closed.resolve(this.#failure);
    this.#log.debug("everything is closed");
  }
}

/** What a server is made of. */
interface ServerParts {
  readonly log: Log;
  readonly engine: Engine;
  readonly clock: Clock;
}

async function start(
  settings: Settings,
  log: Log,
  clock: Clock = systemClock,
): Promise<Server> {
  const now = () => clock.now();
  const dateNow = clock.dateNow && (() => clock.dateNow!());
  let server: Server | undefined;
  const fail = (cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `nothing can be made durable any more, the broker ends: ${why}`;
    log.error(message, { directory: settings.storage.directory });
    server?.fail(new Error(message, { cause }));
  };
  const hasten = (at: number) => server?.hasten(at);
  const engine = await openEngine(settings, { now, dateNow, log, fail, hasten });
  try {
    server = new Server(settings, { log, engine, clock });
  } catch (error) {
    await engine.close();
    throw error;
  }
  log.info(`SimpleMQ ${manifest.version} is listening`, {
    address: `${settings.host}:${server.port}`,
    engine: server.engine,
    durability: server.durability,
  });
  return server;
}

/** The only place that names an engine. */
async function openEngine(
  { storage }: Settings,
  { now, dateNow, log, fail, hasten }: {
    readonly now: () => number;
    readonly dateNow: (() => number) | undefined;
    readonly log: Log;
    readonly fail: (cause: unknown) => void;
    readonly hasten: (at: number) => void;
  },
): Promise<Engine> {
  const { memoryLimit, directory, sync: level, syncIntervalMs: intervalMs } = storage;
  if (storage.engine === "memory") {
    const report = (message: string, fields: LogFields) => log.warning(message, fields);
    return new MemoryEngine({ memoryLimit, now, dateNow, hasten, report });
  }
  try {
    const disk = DenoDisk.open(directory);
    const report = (kind: "info" | "warning", message: string, fields?: LogFields) =>
      log[kind](message, fields);
    return await JournalEngine.open({
      disk,
      level,
      intervalMs,
      memoryLimit,
      now,
      dateNow,
      diskNow: systemClock.now,
      hasten,
      report,
      fail,
    });
  } catch (cause) {
    const way =
      "stop that one, or choose another directory: --storage-directory, or storage.directory";
    throw explainJournalError(cause, directory, way);
  }
}

/** Why a journal cannot be used, in a line, with what to do if another broker has it. */
function explainJournalError(cause: unknown, directory: string, way: string): unknown {
  if (cause instanceof JournalError) {
    const exitCode = cause.trouble === "damaged" ? ExitCode.damaged : ExitCode.notStarted;
    const advice = cause.trouble === "inUse" ? `; ${way}` : "";
    return new StartError(`${cause.message}${advice}`, { cause, exitCode });
  }
  // What the system says of a directory; faults of the broker stay what they are.
  if (!(cause instanceof Error && "code" in cause)) return cause;
  return new StartError(`Cannot use ${directory}: ${cause.message}`, { cause });
}

/** So many bytes of replies wait for clients that are slow to take them. */
const REPLY_BYTES_MAX = 64 * 1024 * 1024;

function makeContext(
  settings: Settings,
  parts: Pick<SessionContext, "engine" | "log" | "heartbeat" | "beginMs" | "now">,
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
    jsonLines: settings.jsonLines,
    budget: new ByteBudget(limits.unconfirmedBytes),
    receivingRoom: new ReceivingRoom(limits.unconfirmedBytes / 2),
    lineRoom: new ReceivingRoom(limits.unconfirmedBytes / 2),
    turn: new WorkTurn(() => parts.engine.steps),
    waitingReplies: new WaitingReplies(REPLY_BYTES_MAX),
  };
}

/** Opens the port, or tells in a line why that cannot be. */
function openListener(
  settings: Settings,
  log: Log,
  open: (duplex: Duplex, peer: string, countQueued: (now: number) => number | undefined) => void,
): Listener {
  const { host: hostname, port } = settings;
  const queues = new SendQueues();
  try {
    return new Listener({
      hostname,
      port,
      log,
      onConnection: (connection) => {
        connection.setNoDelay(true);
        // Who speaks JSON lines sends no heartbeats: that it is gone, only the system can find.
        connection.setKeepAlive(true);
        const { hostname, port } = connection.remoteAddr;
        const ports = { local: connection.localAddr.port, remote: port };
        open(connection, `${hostname}:${port}`, (now) => queues.find(ports, now));
      },
    });
  } catch (cause) {
    const why = cause instanceof Deno.errors.AddrInUse
      ? "the port is taken; is a broker running already? Choose another one: --port, or port of serve"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new StartError(`Cannot listen at ${hostname}:${port}: ${why}`, { cause });
  }
}

/** A slip of the pen must not create a directory. */
async function requireDirectory(directory: string): Promise<void> {
  try {
    await Deno.stat(directory);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw explainJournalError(cause, directory, "");
    throw new StartError(`Cannot look at ${directory}: there is no such directory`, { cause });
  }
}

/** Takes a journal's directory for a command. */
async function withDisk<T>(directory: string, use: (disk: DenoDisk) => T): Promise<Awaited<T>> {
  await requireDirectory(directory);
  let disk: DenoDisk | undefined;
  try {
    disk = DenoDisk.open(directory);
    return await use(disk);
  } catch (cause) {
    throw explainJournalError(cause, directory, "stop that one first");
  } finally {
    disk?.close();
  }
}

const journal: JournalCommands = {
  verify: async (directory) => {
    await requireDirectory(directory);
    const view = new DenoDiskView(directory);
    try {
      return verifyJournal(view, view.findUser());
    } catch (cause) {
      throw explainJournalError(cause, directory, "");
    }
  },
  repair: (directory, way) =>
    withDisk(directory, (disk) => {
      const suffix = new Date().toISOString().replaceAll(/[:.]/g, "-");
      return repairJournal(disk, way, suffix);
    }),
};

if (import.meta.main) {
  const { version } = manifest;
  Deno.exit(await runCommandLine({ args: Deno.args, version, serve: start, journal }));
}
