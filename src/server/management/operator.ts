import type {
  BrokerEvent,
  BrokerStatus,
  ClusterStatus,
  ConnectionInfo,
  Handover,
  Page,
} from "../../../protocol.ts";
import type { Audit } from "../access/audit.ts";
import { OPERATION_VERBS } from "../access/operation_verbs.ts";
import { refuse } from "../access/refusal.ts";
import type { User } from "../access/user.ts";
import type { LogFields, LogLevel } from "../log.ts";
import type { ConnectionFilter, Management } from "./management.ts";

/** Who operates the broker. */
export interface OperatorParts {
  readonly management: Management;
  readonly audit: Audit;
  readonly user: User;
  /** Writes a change into the log, with who has made it. */
  readonly note: (change: string, subject: LogFields) => void;
}

/** What is said to a client whose connection is closed without a reason. */
const NO_REASON = "an operator has closed the connection";

/** The broker as one user may operate it; what that user may not do is refused with `FORBIDDEN`. */
export class Operator {
  readonly #parts: OperatorParts;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  /** Describes the broker; figures about others only for those who may know them. */
  getBroker(): BrokerStatus {
    const { management, user: { permissions } } = this.#parts;
    const status = management.describe();
    if (permissions.hasMetrics) return status;
    const { connections: _connections, streams: _streams, ...rest } = status;
    return rest;
  }

  /** One page of the connections that the user sees: all for an administrator, otherwise the user's own. */
  getConnections(after: number): Page<ConnectionInfo> {
    this.#require("getConnections", "list connections");
    return this.#parts.management.listConnections(after, this.#filter);
  }

  /** Whether the user may see, and close, connections at all. */
  get maySeeConnections(): boolean {
    return this.#may("getConnections");
  }

  /** Closes a connection that the user sees; returns whether it was open. */
  closeConnection(id: number, reason: string = NO_REASON): boolean {
    this.#require("closeConnection", `close connection ${id}`);
    const { management, note } = this.#parts;
    const info = management.findConnection(id);
    if (info === undefined || this.#filter?.(info.user) === false) return false;
    const { client, user: whose, address: peer } = info;
    note("connection closed by an operator", { connection: id, client, whose, peer, reason });
    return management.closeConnection(id, reason);
  }

  /** Sets the level of the log. */
  setLogLevel(level: LogLevel): void {
    this.#require("setLogLevel", "set the level of the log");
    const { management, note } = this.#parts;
    const { logLevel: before } = management.describe();
    // Whoever reads the log learns of it at the level that shows more.
    if (level === "debug" || level === "info") management.setLogLevel(level);
    note("log level set", { level, before });
    management.setLogLevel(level);
  }

  /** One page of the last events of the log. */
  getEvents(after: number): Page<BrokerEvent> {
    this.#require("getEvents", "read the events of the broker");
    return this.#parts.management.listEvents(after);
  }

  /** Tells what is known of the broker's cluster. */
  getCluster(): ClusterStatus {
    this.#require("getCluster", "describe the cluster");
    return this.#parts.management.describeCluster();
  }

  /** Gives the lead of the cluster to another broker; this one begins anew as a standby. */
  async handOver(): Promise<Handover> {
    this.#require("handOver", "give the lead of the cluster away");
    const { management, note } = this.#parts;
    note("lead given away by an operator", { cluster: management.describeCluster().name });
    const active = await management.handOver();
    return active === undefined ? {} : { active };
  }

  /** The connections that the user sees; undefined for all. */
  get #filter(): ConnectionFilter | undefined {
    const { user: { name, permissions } } = this.#parts;
    return permissions.isAdmin ? undefined : (whose) => whose === name;
  }

  #may(operation: OperatorOperation): boolean {
    const { user } = this.#parts;
    // Sessions without a credential are nobody's: they may not close each other.
    return user.permissions.isAdmin ||
      OPERATION_VERBS[operation] === "session" && user.needsProof;
  }

  #require(operation: OperatorOperation, action: string): void {
    if (this.#may(operation)) return;
    const { audit, user } = this.#parts;
    const permission = "administer the broker";
    throw refuse(audit, user, { verb: "admin", action, permission });
  }
}

/** The operations that not everybody may do. */
type OperatorOperation =
  | "getConnections"
  | "closeConnection"
  | "setLogLevel"
  | "getEvents"
  | "getCluster"
  | "handOver";
