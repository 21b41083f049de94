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
import type { HashKey } from "./src/broker/collections/keyed_hash.ts";
import type { Engine } from "./src/broker/engine.ts";
import { ClientConnection } from "./src/client/client_connection.ts";
import { DenoDisk, DenoDiskView } from "./src/engine/journal/disk/deno_disk.ts";
import { JournalError } from "./src/engine/journal/disk/journal_error.ts";
import { Journal } from "./src/engine/journal/journal.ts";
import { repairJournal, verifyJournal } from "./src/engine/journal/repair/tools.ts";
import { LocalEngine } from "./src/engine/local_engine.ts";
import { createMemoryEngine } from "./src/engine/memory.ts";
import { Access } from "./src/server/access/access.ts";
import { checkExposure } from "./src/server/access/start_rules.ts";
import { UsersWatch } from "./src/server/access/users/users_watch.ts";
import type { JournalTools } from "./src/server/commands/command.ts";
import { runCommandLine } from "./src/server/commands/command_line.ts";
import type { TlsDoor } from "./src/server/front_door/tls_door.ts";
import { Log, type LogFields } from "./src/server/log.ts";
import { BrokerManagement } from "./src/server/management/broker_management.ts";
import { type BrokerServer, Server } from "./src/server/process/broker_server.ts";
import { ExitCode, StartError } from "./src/server/process/start_error.ts";
import { resolveServeOptions, type ServeOptions } from "./src/server/settings/serve_options.ts";
import { type Settings, SettingsError, type TlsSettings } from "./src/server/settings/settings.ts";
import { startFromProgram, type StartSettings } from "./src/server/settings/start_settings.ts";
import { findConnectionLimit } from "./src/server/system_file.ts";
import { formatAddress } from "./src/transport/address.ts";
import { type Clock, systemClock } from "./src/transport/clock.ts";

export type { SyncLevel } from "./src/broker/engine.ts";
export type { LogLevel } from "./src/server/log.ts";
export type { BrokerServer } from "./src/server/process/broker_server.ts";
export { VirtualClock, type VirtualClockOptions } from "./src/server/process/virtual_clock.ts";
export type { ServeOptions } from "./src/server/settings/serve_options.ts";
export {
  type LimitSettings,
  type PartialSettings,
  type Settings,
  SettingsError,
  type SizeField,
  type StorageEngine,
  type StorageSettings,
  type TlsSettings,
} from "./src/server/settings/settings.ts";
export type { Clock, ClockTimer, ClockUser } from "./src/transport/clock.ts";
export { StartError };

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
 * @throws {TypeError | RangeError} If a setting is not allowed, or the file of users cannot be used; the
 * message tells all mistakes, `cause` is a {@linkcode SettingsError}.
 * @throws {StartError} If the port is taken or the address not to be had, if the certificate cannot
 * be used, or if the journal is in use, cannot be used or is damaged.
 */
export async function serve(options: ServeOptions = {}): Promise<BrokerServer> {
  const { settings, clock } = resolveServeOptions(options);
  const { logLevel = "warning" } = options;
  const log = new Log({ level: logLevel, format: settings.logFormat });
  try {
    return await start(startFromProgram({ ...settings, logLevel }), log, clock);
  } catch (cause) {
    throw cause instanceof SettingsError ? new RangeError(cause.message, { cause }) : cause;
  }
}

async function start(
  options: StartSettings,
  log: Log,
  clock: Clock = systemClock,
): Promise<Server> {
  const { version } = manifest;
  const { settings } = options;
  const { users, warnings } = await openUsers(options, log);
  const tls = settings.tls.certificate === "" ? undefined : await openTls(settings.tls, log);
  const hashKey = createHashKey();
  let server: Server | undefined;
  const engine = await openEngine(settings, {
    now: () => clock.now(),
    dateNow: clock.dateNow && (() => clock.dateNow!()),
    hashKey,
    report: (level, message, fields) => log[level](message, fields),
    hasten: (at) => server?.hasten(at),
    fail: (cause) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `nothing can be made durable any more, the broker ends: ${why}`;
      log.error(message, { directory: settings.storage.directory });
      server?.fail(new Error(message, { cause }));
    },
  });
  const connect = ClientConnection.openInProcess;
  try {
    const access = new Access({
      engine,
      users: users?.table,
      log,
      now: systemClock.now,
      dateNow: Date.now,
      connectionsMax: findConnectionLimit(settings.limits.connections),
      noteUse: (hash, now) => users?.uses.note(hash, now),
    });
    const management = new BrokerManagement({
      version,
      engine,
      log,
      hasUsers: users !== undefined,
      certificates: tls?.certificates,
    });
    const parts = {
      management,
      version,
      settings,
      log,
      engine,
      access,
      users,
      clock,
      hashKey,
      connect,
      tls,
    };
    server = new Server(parts);
  } catch (error) {
    await users?.close();
    await engine.close();
    throw error;
  }
  log.info(`SimpleMQ ${version} is listening`, {
    address: formatAddress(settings.host, server.port),
    engine: server.engine,
    durability: server.durability,
  });
  for (const warning of warnings) log.warning(warning);
  return server;
}

/** A key that nobody knows: clients cannot choose texts and numbers whose hashes collide. */
function createHashKey(): HashKey {
  const [key0 = 0, key1 = 0] = crypto.getRandomValues(new Int32Array(2));
  return [key0, key1];
}

/** Opens the certificates. What speaks TLS is loaded only where it is used. */
async function openTls(
  { certificate, key, clientCa, clientCertificates: mode }: TlsSettings,
  log: Log,
): Promise<TlsDoor> {
  const { CertificateError } = await import("./src/server/certificates/certificate_files.ts");
  const { Certificates } = await import("./src/server/certificates/certificates.ts");
  const { TlsDoor } = await import("./src/server/front_door/tls_door.ts");
  const paths = { certificate, key, ...mode !== "off" && { clientCa } };
  try {
    const certificates = await Certificates.open(paths, log, Date.now());
    return new TlsDoor({ certificates, mode, log, now: systemClock.now });
  } catch (cause) {
    if (!(cause instanceof CertificateError)) throw cause;
    throw new StartError(`Cannot use the certificate: ${cause.message}`, { cause });
  }
}

/** Reads the users, and checks whether the broker may be reached where it is to listen. */
async function openUsers(
  options: StartSettings,
  log: Log,
): Promise<{ users: UsersWatch | undefined; warnings: readonly string[] }> {
  const { settings } = options;
  const users = await UsersWatch.open(options, (message, fields) => log.debug(message, fields));
  const hasTls = settings.tls.certificate !== "";
  const exposure = checkExposure({ ...options, hasUsers: users !== undefined, hasTls });
  const warnings = [exposure, await users?.findWarning()].filter((one) => one !== undefined);
  return { users, warnings };
}

/** What every engine is given. */
interface EngineSurroundings {
  readonly now: () => number;
  readonly dateNow: (() => number) | undefined;
  readonly hashKey: HashKey;
  readonly report: (level: "info" | "warning", message: string, fields?: LogFields) => void;
  readonly hasten: (at: number) => void;
  readonly fail: (cause: unknown) => void;
}

/** The only place that names an engine. */
async function openEngine(
  { storage }: Settings,
  { now, dateNow, hashKey, report, hasten, fail }: EngineSurroundings,
): Promise<Engine> {
  const { memoryLimit, directory, sync: level, syncIntervalMs: intervalMs } = storage;
  const warn = (message: string, fields: LogFields) => report("warning", message, fields);
  const options = { memoryLimit, now, dateNow, hasten, hashKey, report: warn };
  if (storage.engine === "memory") {
    return createMemoryEngine(options);
  }
  try {
    const disk = DenoDisk.open(directory);
    const diskNow = systemClock.now;
    const log = new Journal({ disk, level, intervalMs, now, diskNow, report, fail });
    return await LocalEngine.open({ ...options, log });
  } catch (cause) {
    const advice =
      "stop that one, or choose another directory: --storage-directory, or storage.directory";
    throw explainJournalError(cause, directory, advice);
  }
}

/** Why a journal cannot be used, in a line, with what to do if another broker has it. */
function explainJournalError(cause: unknown, directory: string, advice: string): unknown {
  if (cause instanceof JournalError) {
    const exitCode = cause.trouble === "damaged" ? ExitCode.damaged : ExitCode.notStarted;
    const more = cause.trouble === "inUse" ? `; ${advice}` : "";
    return new StartError(`${cause.message}${more}`, { cause, exitCode });
  }
  // What the system says of a directory; faults of the broker stay what they are.
  if (!(cause instanceof Error && "code" in cause)) return cause;
  return new StartError(`Cannot use ${directory}: ${cause.message}`, { cause });
}

/** Uses a journal's directory for a command; a slip of the pen must not create one. */
async function withJournal<T>(directory: string, use: () => T): Promise<Awaited<T>> {
  try {
    if (await isThere(directory)) return await use();
  } catch (cause) {
    throw explainJournalError(cause, directory, "stop that one first");
  }
  throw new StartError(`Cannot look at ${directory}: there is no such directory`);
}

async function isThere(directory: string): Promise<boolean> {
  try {
    await Deno.stat(directory);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const journal: JournalTools = {
  verify: (directory) =>
    withJournal(directory, () => {
      const view = new DenoDiskView(directory);
      return verifyJournal(view, view.findUser());
    }),
  repair: (directory, way) =>
    withJournal(directory, async () => {
      const disk = DenoDisk.open(directory);
      try {
        const suffix = new Date().toISOString().replaceAll(/[:.]/g, "-");
        return await repairJournal(disk, way, suffix);
      } finally {
        disk.close();
      }
    }),
};

if (import.meta.main) {
  const { version } = manifest;
  Deno.exit(await runCommandLine({ args: Deno.args, version, serve: start, journal }));
}
