import { openEngine } from "../../../src/program/open_engine.ts";
import { start } from "../../../src/program/start.ts";
import type { ClusterSeat } from "../../../src/broker/cluster_seat.ts";
import { Log } from "../../../src/server/log.ts";
import type { Server } from "../../../src/server/process/broker_server.ts";
import {
  resolveServeOptions,
  type ServeOptions,
} from "../../../src/server/settings/serve_options.ts";
import { startFromProgram } from "../../../src/server/settings/start_settings.ts";
import { systemClock } from "../../../src/transport/clock.ts";

/**
 * Starts a broker with a place in a cluster that a test sets, on an engine of one machine: for what shows and
 * counts clusters. It has a page.
 */
export async function serveSeated(seat: ClusterSeat, options: ServeOptions): Promise<Server> {
  const { settings } = resolveServeOptions({ port: 0, http: { port: 0 }, ...options });
  const log = new Log({ level: "error", format: settings.logFormat });
  return await start(startFromProgram(settings), log, systemClock, async (...surroundings) => {
    const { engine } = await openEngine(...surroundings);
    return { engine: Object.defineProperty(engine, "cluster", { value: seat }) };
  });
}
