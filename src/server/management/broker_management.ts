import {
  BrokerError,
  type BrokerEvent,
  type BrokerStatus,
  type ClusterStatus,
  type ConnectionInfo,
  type Page,
} from "../../../protocol.ts";
import type { Engine } from "../../broker/engine.ts";
import type { SeatWatch } from "../cluster/seat_watch.ts";
import type { Log, LogLevel } from "../log.ts";
import type {
  ConnectionFilter,
  ConnectionSource,
  ManagedConnection,
  Management,
} from "./management.ts";

/** The most connections of a page. */
const PAGE_CONNECTIONS = 200;

/** The parts of a {@linkcode BrokerManagement}. */
export interface ManagementParts {
  readonly version: string;
  readonly engine: Pick<Engine, "name" | "durability" | "streamCount">;
  readonly log: Log;
  readonly hasUsers: boolean;
  /** How the certificate is, if the broker's port speaks TLS. */
  readonly certificates?:
    | { readonly status: { readonly problem?: string | undefined } }
    | undefined;
}

/** What a broker of a cluster adds. */
export interface ClusterParts {
  readonly seat: SeatWatch;
  /** Gives the lead to another broker; resolves to its address, if it is known. */
  readonly handOver: () => Promise<string | undefined>;
}

/** What can be asked of this broker. */
export class BrokerManagement implements Management {
  readonly #parts: ManagementParts;
  readonly #startedAt = Date.now();
  /** Two: those of the broker's port, and those of HTTP. */
  readonly #sources: ConnectionSource[] = [];
  #address = "";
  #httpAddress: string | undefined;
  #isStopping = false;
  #failure: string | undefined;
  #cluster: ClusterParts | undefined;

  constructor(parts: ManagementParts) {
    this.#parts = parts;
  }

  /** Manages connections, too; they have their numbers from the broker's one counter. */
  addConnections(source: ConnectionSource): void {
    this.#sources.push(source);
  }

  /** The broker listens there, from now on. */
  noteListening(address: string): void {
    this.#address = address;
  }

  /** The broker serves HTTP there, from now on. */
  noteHttp(address: string): void {
    this.#httpAddress = address;
  }

  /** The broker is one of a cluster. */
  noteCluster(parts: ClusterParts): void {
    this.#cluster = parts;
  }

  /** The broker is about to stop. */
  noteStopping(): void {
    this.#isStopping = true;
  }

  /** Nothing can be made durable any more. */
  noteFailure(why: string): void {
    this.#failure ??= why;
  }

  describe(): BrokerStatus {
    const { version, engine, log, hasUsers, certificates } = this.#parts;
    const { role, active } = this.#cluster?.seat.seat ?? {};
    return {
      version,
      runtime: `deno ${Deno.version.deno}`,
      engine: engine.name,
      durability: engine.durability,
      startedAt: this.#startedAt,
      address: this.#address,
      ...this.#httpAddress !== undefined && { httpAddress: this.#httpAddress },
      tls: certificates !== undefined,
      hasUsers,
      logLevel: log.level,
      ...role !== undefined && { role },
      ...role === "standby" && active !== undefined && { active },
      connections: this.#sources.reduce((sum, { count }) => sum + count, 0),
      streams: engine.streamCount,
      problems: this.findProblems(),
    };
  }

  listConnections(after: number, filter?: ConnectionFilter): Page<ConnectionInfo> {
    const found: ManagedConnection[] = [];
    for (const source of this.#sources) {
      let count = 0;
      for (const connection of source.listConnections()) {
        if (connection.number <= after) continue;
        if (filter !== undefined && !filter(connection.userName)) continue;
        found.push(connection);
        // One more shows whether there is another page.
        if (++count > PAGE_CONNECTIONS) break;
      }
    }
    found.sort((one, other) => one.number - other.number);
    const items = found.slice(0, PAGE_CONNECTIONS).map((connection) => connection.describe());
    return { items, ...found.length > items.length && { next: items.at(-1)!.id } };
  }

  findConnection(id: number): ConnectionInfo | undefined {
    return this.#find(id)?.describe();
  }

  closeConnection(id: number, reason: string): boolean {
    const connection = this.#find(id);
    connection?.endWith(new BrokerError("CLOSED_BY_OPERATOR", reason));
    return connection !== undefined;
  }

  setLogLevel(level: LogLevel): void {
    this.#parts.log.level = level;
  }

  listEvents(after: number): Page<BrokerEvent> {
    return this.#parts.log.events.list(after);
  }

  describeCluster(): ClusterStatus {
    return this.#requireCluster("describe the cluster").seat.seat.describe();
  }

  async handOver(): Promise<string | undefined> {
    return await this.#requireCluster("give the lead away").handOver();
  }

  findProblems(): string[] {
    const problems: string[] = [];
    if (this.#failure !== undefined) problems.push(this.#failure);
    if (this.#isStopping) problems.push("the broker is being stopped");
    const { problem } = this.#parts.certificates?.status ?? {};
    if (problem !== undefined) problems.push(`the certificate cannot be used: ${problem}`);
    const unseated = this.#cluster?.seat.findProblem();
    if (unseated !== undefined && !this.#isStopping) problems.push(unseated);
    return problems;
  }

  #requireCluster(action: string): ClusterParts {
    if (this.#cluster !== undefined) return this.#cluster;
    const why = `its engine is "${this.#parts.engine.name}", storage.engine: cluster makes it one`;
    throw new BrokerError("BAD_REQUEST", `Cannot ${action}: this broker is in none; ${why}`);
  }

  #find(id: number): ManagedConnection | undefined {
    for (const source of this.#sources) {
      for (const connection of source.listConnections()) {
        if (connection.number === id) return connection;
        if (connection.number > id) break;
      }
    }
    return undefined;
  }
}
