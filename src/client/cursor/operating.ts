import type {
  BrokerEvent,
  BrokerStatus,
  ClusterStatus,
  ConnectionInfo,
  Handover,
  LogLevel,
} from "../../../protocol.ts";
import type { CallOptions } from "../member/call_options.ts";

/** Options of {@linkcode Operating.closeConnection}. */
export interface CloseConnectionOptions extends CallOptions {
  /**
   * What the client is told, at most 256 bytes of UTF-8; it is in the broker's log, too.
   *
   * @default {"an operator has closed the connection"}
   */
  readonly reason?: string;
}

/** Options of {@linkcode Operating.getEvents}. */
export interface EventOptions extends CallOptions {
  /**
   * The number of the last event that is known already: only later ones are returned.
   *
   * @default {0}
   */
  readonly after?: number;
}

/** The result of {@linkcode Operating.dropMessages}. */
export interface DropResult {
  /** The number of messages removed. */
  readonly count: number;
  /** The number of ids whose messages were not removed: a follower holds them, or they are gone. */
  readonly skipped: number;
}

/** The part of a cursor that asks about the broker itself, and operates it. */
export interface Operating {
  /**
   * Describes the broker as it is now: version, settings that matter, and why it is not ready, if it is not.
   *
   * @example Looking whether a broker is well
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const { engine, connections, problems } = await connection.cursor().getBroker();
   * assertEquals([engine, connections, problems], ["memory", 1, []]);
   * ```
   */
  getBroker(call?: CallOptions): Promise<BrokerStatus>;
  /**
   * Lists connections in the order in which they were opened: all of them for administrators, otherwise the
   * user's own.
   *
   * @throws {BrokerError} `FORBIDDEN` for clients without a credential, where there are users.
   */
  getConnections(call?: CallOptions): Promise<ConnectionInfo[]>;
  /**
   * Tells a client why its connection is closed, and closes it; the messages that it holds are ready again at
   * once. The client comes back after one to two seconds, as after any loss: to keep it out, take its user's
   * token away. Administrators may close all connections but their own, others those of their user.
   *
   * @param id The connection's number, from {@linkcode Operating.getConnections}.
   * @returns Whether there was such a connection.
   * @throws {RangeError} If the number or the reason is not allowed.
   * @throws {BrokerError} `FORBIDDEN` as for `getConnections`; `BAD_REQUEST` if it is this connection.
   *
   * @example Closing the connections of a client by its name
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using worker = await broker.connect({ name: "worker" });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * for (const { id, client } of await cursor.getConnections()) {
   *   if (client === "worker") await cursor.closeConnection(id, { reason: "maintenance" });
   * }
   * for await (const { type } of worker.status()) if (type === "lost") break;
   * ```
   */
  closeConnection(id: number, options?: CloseConnectionOptions): Promise<boolean>;
  /**
   * Sets the level of the broker's log until it is stopped.
   *
   * @throws {RangeError} If there is no such level.
   * @throws {BrokerError} `FORBIDDEN` unless the user is an administrator.
   */
  setLogLevel(level: LogLevel, call?: CallOptions): Promise<void>;
  /**
   * Returns the last events of the broker's log, the oldest first: at most 1,000 at `info` or above, whatever
   * the level of the log is.
   *
   * @throws {RangeError} If `after` is not allowed.
   * @throws {BrokerError} `FORBIDDEN` unless the user is an administrator.
   */
  getEvents(options?: EventOptions): Promise<BrokerEvent[]>;
  /**
   * Tells what the broker knows of its cluster: who is active, how far the standbys are, how the log is.
   *
   * @throws {BrokerError} `BAD_REQUEST` if the broker is in no cluster; `FORBIDDEN` as for `getConnections`.
   */
  getCluster(call?: CallOptions): Promise<ClusterStatus>;
  /**
   * Gives the lead of the cluster to a standby; resolves when that one has taken over. All clients, this one
   * included, go on there, and the broker begins anew as a standby. The call is not repeated when its
   * connection is lost before the answer.
   *
   * @throws {BrokerError} `BAD_REQUEST` if the broker is in no cluster, or no standby follows; `NOT_ACTIVE` if
   * the broker is not the active one; `FORBIDDEN` unless the user is an administrator.
   */
  handOver(call?: CallOptions): Promise<Handover>;
}
