/**
 * Whole brokers of a cluster in this process, over a log in a file: the engine and the server are the real ones.
 *
 * @module
 */

import { start } from "../../../src/program/start.ts";
import type { openEngine } from "../../../src/program/open_engine.ts";
import { Log } from "../../../src/server/log.ts";
import type { Server } from "../../../src/server/process/broker_server.ts";
import {
  resolveServeOptions,
  type ServeOptions,
} from "../../../src/server/settings/serve_options.ts";
import { startFromProgram } from "../../../src/server/settings/start_settings.ts";
import { systemClock } from "../../../src/transport/clock.ts";
import { TestDirectory } from "../disk/journals.ts";
import { SimulatedDisk } from "../disk/simulated_disk.ts";
import { FileLog } from "../log/file_log.ts";
import { startClusterEngine } from "./cluster_engines.ts";

/** A broker of the cluster, and its own disk. */
export interface ClusterServer {
  readonly server: Server;
  readonly address: string;
  /** The lines of its log. */
  readonly lines: string[];
}

/** The brokers of one cluster. */
export class ClusterServers implements AsyncDisposable {
  readonly leaseMs: number;
  readonly #directory: TestDirectory;
  readonly #disks = new Map<string, SimulatedDisk>();
  readonly #servers: Server[] = [];
  /** Each broker comes back at the same port. */
  readonly #ports = new Map<string, number>();

  private constructor(directory: TestDirectory, leaseMs: number) {
    this.#directory = directory;
    this.leaseMs = leaseMs;
  }

  static async create(leaseMs: number = 400): Promise<ClusterServers> {
    return new ClusterServers(await TestDirectory.create(), leaseMs);
  }

  /** The addresses of brokers. */
  addressOf(id: string): string {
    const port = this.#ports.getOrInsertComputed(id, findFreePort);
    return `localhost:${port}`;
  }

  /** Starts a broker; it may follow. */
  async start(id: string, options: ServeOptions = {}): Promise<ClusterServer> {
    const address = this.addressOf(id);
    const disk = this.#disks.getOrInsertComputed(id, () => new SimulatedDisk({ seed: 1 }));
    const { leaseMs } = this;
    const { settings } = resolveServeOptions({
      port: this.#ports.get(id)!,
      heartbeatMs: leaseMs,
      heartbeatTimeoutMs: 4 * leaseMs,
      ...options,
    });
    const lines: string[] = [];
    const log = new Log({ level: "info", write: (line) => lines.push(line) });
    const open: typeof openEngine = (_, { now, report, fail }) => {
      const log = FileLog.open(this.#directory.path);
      const parts = { id, address, disk, log, leaseMs, now, report, fail, listenMs: 0 };
      const { engine, opening } = startClusterEngine(parts);
      return Promise.resolve({ engine, opening: opening.then(() => {}) });
    };
    const server = await start(startFromProgram(settings), log, systemClock, open);
    this.#servers.push(server);
    return { server, address, lines };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server.close();
    await this.#directory[Symbol.asyncDispose]();
  }
}

function findFreePort(): number {
  using listener = Deno.listen({ port: 0 });
  return listener.addr.port;
}
