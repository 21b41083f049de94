import manifest from "../../deno.json" with { type: "json" };
import type { HashKey } from "../broker/collections/keyed_hash.ts";
import { ClientConnection } from "../client/client_connection.ts";
import { Access } from "../server/access/access.ts";
import { checkExposures } from "../server/access/start_rules.ts";
import { UsersWatch } from "../server/access/users/users_watch.ts";
import { SeatedEngine } from "../server/cluster/seated_engine.ts";
import { SeatWatch } from "../server/cluster/seat_watch.ts";
import type { TlsDoor } from "../server/front_door/tls_door.ts";
import type { HttpPort } from "../server/http/http_port.ts";
import type { Log } from "../server/log.ts";
import { BrokerManagement } from "../server/management/broker_management.ts";
import { ConnectionNumbers } from "../server/management/management.ts";
import type { BrokerFailure } from "../server/process/broker_failure.ts";
import { Server } from "../server/process/broker_server.ts";
import { nameMissingFlag, StartError } from "../server/process/start_error.ts";
import type { TlsSettings } from "../server/settings/settings.ts";
import type { StartSettings } from "../server/settings/start_settings.ts";
import { findConnectionLimit } from "../server/system_file.ts";
import { formatAddress } from "../transport/address.ts";
import { type Clock, systemClock } from "../transport/clock.ts";
import { isPortTaken } from "../transport/deno_sockets.ts";
import { makeNotes } from "./cluster_notes.ts";
import { explainFailure, explainOpening, isHandover } from "./engine_failure.ts";
import type { OpenedEngine } from "./engine_surroundings.ts";
import { openEngine } from "./open_engine.ts";

/**
 * Starts a broker: wires the engine, the users, the certificates and the server.
 *
 * @param options The settings, and where they are from.
 * @param log Where the broker writes what happens.
 * @param clock The time; a virtual one in tests.
 * @param open Opens the engine; another one in tests.
 * @throws {StartError} If the broker cannot start as its settings say.
 */
export async function start(
  options: StartSettings,
  log: Log,
  clock: Clock = systemClock,
  open: typeof openEngine = openEngine,
): Promise<Server> {
  const { settings } = options;
  const { users, warnings } = await openUsers(options, log);
  const tls = settings.tls.certificate === "" ? undefined : await openTls(settings.tls, log);
  const connectionNumbers = new ConnectionNumbers();
  // Before the journal is read: that may take minutes, in which probes ask.
  const http = settings.http.enabled
    ? await openHttp({ options, log, tls, connectionNumbers })
    : undefined;
  let server: Server;
  try {
    server = await openServer({ options, log, clock, users, tls, http, connectionNumbers, open });
  } catch (error) {
    await http?.close();
    await users?.close();
    throw error;
  }
  log.info(`SimpleMQ ${manifest.version} is listening`, {
    address: formatAddress(settings.host, server.port),
    http: http && formatAddress(settings.http.host, http.port),
    engine: server.engine,
    durability: server.durability,
  });
  for (const warning of warnings) log.warning(warning);
  return server;
}

/** What is there before the engine. */
interface Opened {
  readonly options: StartSettings;
  readonly log: Log;
  readonly clock: Clock;
  readonly users: UsersWatch | undefined;
  readonly tls: TlsDoor | undefined;
  readonly http: HttpPort | undefined;
  readonly connectionNumbers: ConnectionNumbers;
  readonly open: typeof openEngine;
}

/** Opens the engine, and the server with it. */
async function openServer(
  { options: { settings }, log, clock, users, tls, http, connectionNumbers, open }: Opened,
): Promise<Server> {
  const { version } = manifest;
  // It takes a while, in which the journal is read.
  const loading = http && import("../server/http/route_table.ts");
  const hashKey = createHashKey();
  let server: Server | undefined;
  const fail = (error: BrokerFailure) => {
    const level = error.beginsAnew ? "warning" : "error";
    log[level](error.message, { directory: settings.storage.directory });
    server?.fail(error);
  };
  const opened = await open(settings, {
    now: () => clock.now(),
    dateNow: clock.dateNow && (() => clock.dateNow!()),
    hashKey,
    report: (level, message, fields) => log[level](message, fields),
    noteProgress: (part, what) => http?.noteProgress(part, what),
    hasten: (at) => server?.hasten(at),
    fail: (cause) => isHandover(cause) || fail(explainFailure(cause)),
    notes: makeNotes({
      users,
      certificates: tls?.certificates,
      http: settings.http,
      httpPort: () => http?.port,
      address: settings.cluster.address,
    }),
  });
  const seat = opened.engine.cluster && new SeatWatch(opened.engine.cluster, log);
  const engine = seat === undefined ? opened.engine : new SeatedEngine(opened.engine, seat);
  try {
    const { openService } = await loading ?? {};
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
    const own = { management, access, users, tls, engine, seat, clock, hashKey, connectionNumbers };
    server = new Server({
      version,
      settings,
      log,
      ...own,
      connect: ClientConnection.openInProcess,
      http: http && openService && { port: http, openService },
    });
    if (seat !== undefined) awaitOpening(server, opened, settings.storage.directory, fail);
    return server;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** Has the server hear when an engine serves that has followed another broker. */
function awaitOpening(
  server: Server,
  { opening = Promise.resolve() }: OpenedEngine,
  directory: string,
  fail: (error: BrokerFailure) => void,
): void {
  opening.then(
    () => server.noteOpened(),
    // An engine that is closed before it serves never will.
    (cause) => server.isEnding || fail(explainOpening(cause, directory)),
  );
}

/** Opens the port for HTTP; the broker serves without one if the default port is taken. */
async function openHttp(
  { options: { settings, isChosen }, log, tls, connectionNumbers }: Pick<
    Opened,
    "options" | "log" | "tls" | "connectionNumbers"
  >,
): Promise<HttpPort | undefined> {
  const { host, port } = settings.http;
  const address = formatAddress(host, port);
  const remedy = "Choose another one: --http-port, or turn HTTP off: --no-http";
  const { HttpPort } = await import("../server/http/http_port.ts");
  try {
    return new HttpPort({
      settings,
      log,
      now: systemClock.now,
      tls,
      connectionsMax: findConnectionLimit(settings.limits.connections),
      takeNumber: () => connectionNumbers.take(),
    });
  } catch (cause) {
    const isTaken = isPortTaken(cause);
    const isMissing = cause instanceof Deno.errors.NotCapable;
    const text = cause instanceof Error ? cause.message : String(cause);
    const why = isTaken ? `the port is taken. ${remedy}` : nameMissingFlag(text);
    // Who has not asked for it need not do without a broker.
    if ((isTaken || isMissing) && !isChosen("http.port") && !isChosen("http.host")) {
      log.warning(`the broker serves no HTTP: ${why}`, { address });
      return undefined;
    }
    throw new StartError(`Cannot listen at ${address} for HTTP: ${why}`, { cause });
  }
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
  const { CertificateError } = await import("../server/certificates/certificate_files.ts");
  const { Certificates } = await import("../server/certificates/certificates.ts");
  const { TlsDoor } = await import("../server/front_door/tls_door.ts");
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
  const exposures = checkExposures({ ...options, hasUsers: users !== undefined, hasTls });
  const warnings = [...exposures, await users?.findWarning()].filter((one) => one !== undefined);
  return { users, warnings };
}
