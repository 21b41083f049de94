/**
 * A broker with a place in a cluster that a test sets, on an engine of one machine. Its engine says so when
 * it is used while it follows.
 *
 * @module
 */

import type { ClusterSeat, Engine } from "../../../src/broker/engine.ts";
import type { EngineSurroundings } from "../../../src/program/engine_surroundings.ts";
import { openEngine } from "../../../src/program/open_engine.ts";
import { start } from "../../../src/program/start.ts";
import { Log } from "../../../src/server/log.ts";
import type { Server } from "../../../src/server/process/broker_server.ts";
import {
  resolveServeOptions,
  type ServeOptions,
} from "../../../src/server/settings/serve_options.ts";
import { startFromProgram } from "../../../src/server/settings/start_settings.ts";
import { systemClock } from "../../../src/transport/clock.ts";

/** What a test may have instead of what the engine does by itself. */
export interface SeatedEngineHooks {
  /** Hears how the engine tells that it cannot go on. */
  readonly noteFail?: (fail: EngineSurroundings["fail"]) => void;
  /** When the engine serves; by default when the seat is the active broker's. */
  readonly opening?: Promise<void>;
}

/** Starts it, with HTTP. */
export function serveSeated(
  seat: ClusterSeat,
  options: ServeOptions,
  { noteFail, opening = whenActive(seat) }: SeatedEngineHooks = {},
): Promise<Server> {
  const all = { port: 0, http: { port: 0 }, handshakeTimeoutMs: 20_000, ...options } as const;
  const { settings: found } = resolveServeOptions(all);
  const settings = { ...found, cluster: { ...found.cluster, address: "mq-a.example:9090" } };
  const log = new Log({ level: "error", write: () => {} });
  const open: typeof openEngine = async (settings, surroundings) => {
    const { engine } = await openEngine(settings, surroundings);
    noteFail?.(surroundings.fail);
    return { engine: seatEngine(engine, seat), opening };
  };
  return start(startFromProgram(settings), log, systemClock, open);
}

/** What may be called of an engine that follows. */
const STANDBY_CALLS: ReadonlySet<PropertyKey> = new Set([
  "openBackup",
  "readBackup",
  "closeBackup",
  "tick",
  "tend",
  "close",
]);

function seatEngine(engine: Engine, seat: ClusterSeat): Engine {
  return new Proxy(engine, {
    get(target, key) {
      if (key === "cluster") return seat;
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      if (seat.role === "standby" && !STANDBY_CALLS.has(key)) {
        throw new Error(`a standby has called ${String(key)} of its engine`);
      }
      return value.bind(target);
    },
  });
}

/** Resolves when the seat is the active broker's. */
function whenActive(seat: ClusterSeat): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => seat.role === "active" && resolve();
  look();
  seat.watch(look);
  return promise;
}
