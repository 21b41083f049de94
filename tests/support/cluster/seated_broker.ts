/**
 * A broker with a place in a cluster that a test sets, on an engine of one machine: for what shows and
 * counts clusters.
 *
 * @module
 */

import manifest from "../../../deno.json" with { type: "json" };
import { ClientConnection } from "../../../src/client/client_connection.ts";
import { openEngine } from "../../../src/program/open_engine.ts";
import { Access } from "../../../src/server/access/access.ts";
import { HttpPort } from "../../../src/server/http/http_port.ts";
import { openService } from "../../../src/server/http/route_table.ts";
import { Log } from "../../../src/server/log.ts";
import { BrokerManagement } from "../../../src/server/management/broker_management.ts";
import { ConnectionNumbers } from "../../../src/server/management/management.ts";
import { Server } from "../../../src/server/process/broker_server.ts";
import {
  resolveServeOptions,
  type ServeOptions,
} from "../../../src/server/settings/serve_options.ts";
import { UsersWatch } from "../../../src/server/access/users/users_watch.ts";
import { startFromProgram } from "../../../src/server/settings/start_settings.ts";
import { systemClock } from "../../../src/transport/clock.ts";
import type { ClusterSeat } from "../../../src/broker/cluster_seat.ts";

/** Starts it, with HTTP. */
export async function serveSeated(seat: ClusterSeat, options: ServeOptions): Promise<Server> {
  const { settings } = resolveServeOptions({ port: 0, http: { port: 0 }, ...options });
  const { now } = systemClock;
  const { version } = manifest;
  const log = new Log({ level: "error", format: settings.logFormat });
  const users = settings.users === ""
    ? undefined
    : await UsersWatch.open(startFromProgram(settings), () => {});
  const connectionNumbers = new ConnectionNumbers();
  const connectionsMax = 1000;
  const hashKey = [1, 2] as const;
  const bare = await openEngine(settings, {
    now,
    dateNow: undefined,
    hashKey,
    report: () => {},
    hasten: () => {},
    fail: (error) => {
      throw error;
    },
  });
  const engine = Object.defineProperty(bare, "cluster", { value: seat });
  const access = new Access({
    engine,
    users: users?.table,
    log,
    now,
    dateNow: Date.now,
    connectionsMax,
    noteUse: () => {},
  });
  const hasUsers = users !== undefined;
  const management = new BrokerManagement({ version, engine, log, hasUsers });
  const takeNumber = () => connectionNumbers.take();
  const port = new HttpPort({ settings, log, now, tls: undefined, connectionsMax, takeNumber });
  return new Server({
    version,
    settings,
    log,
    engine,
    access,
    management,
    users,
    clock: systemClock,
    hashKey,
    connectionNumbers,
    http: { port, openService },
    connect: ClientConnection.openInProcess,
  });
}
