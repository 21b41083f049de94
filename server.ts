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

import { runCommandLine } from "./src/server/commands/command_line.ts";
import { Log } from "./src/server/log.ts";
import type { BrokerServer } from "./src/server/process/broker_server.ts";
import { StartError } from "./src/server/process/start_error.ts";
import { resolveServeOptions, type ServeOptions } from "./src/server/settings/serve_options.ts";
import { SettingsError } from "./src/server/settings/settings.ts";
import { startFromProgram } from "./src/server/settings/start_settings.ts";
import { start } from "./src/program/start.ts";
import manifest from "./deno.json" with { type: "json" };

export type { SyncLevel } from "./src/broker/engine.ts";
export type { LogFormat, LogLevel } from "./src/server/log.ts";
export type { BrokerServer, HttpLocation } from "./src/server/process/broker_server.ts";
export { VirtualClock, type VirtualClockOptions } from "./src/server/process/virtual_clock.ts";
export type { ServeOptions } from "./src/server/settings/serve_options.ts";
export {
  type ClusterSettings,
  type HttpSettings,
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
  requireDeno();
  const { settings, clock } = resolveServeOptions(options);
  const { logLevel = "warning" } = options;
  const log = new Log({ level: logLevel, format: settings.logFormat });
  try {
    return await start(startFromProgram({ ...settings, logLevel }), log, clock);
  } catch (cause) {
    throw cause instanceof SettingsError ? new RangeError(cause.message, { cause }) : cause;
  }
}

/** Other runtimes get a sentence; they run the client. */
function requireDeno(): void {
  if (typeof Deno !== "undefined") return;
  throw new Error("Cannot start a broker: it needs Deno, only the client runs on Node and Bun");
}

if (import.meta.main) {
  requireDeno();
  const { version } = manifest;
  const loadProgram = () => import("./src/program/program.ts");
  Deno.exit(await runCommandLine({ args: Deno.args, version, loadProgram }));
}
