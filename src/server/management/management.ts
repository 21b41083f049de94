import type {
  BrokerError,
  BrokerEvent,
  BrokerStatus,
  ClusterStatus,
  ConnectionInfo,
  Page,
} from "../../../protocol.ts";
import type { LogLevel } from "../log.ts";

/**
 * What can be asked of a running broker, without checks of who asks: {@linkcode Operator} is what one user
 * may do.
 */
export interface Management {
  /** Describes the broker as it is now. */
  describe(): BrokerStatus;
  /** One page of the open connections in the order of their numbers, behind the number `after`. */
  listConnections(after: number, filter?: ConnectionFilter): Page<ConnectionInfo>;
  /** Describes one connection; undefined if it is not open. */
  findConnection(id: number): ConnectionInfo | undefined;
  /** Tells a client why its connection ends, and ends it; returns whether it was open. */
  closeConnection(id: number, reason: string): boolean;
  /** Sets the level of the log. */
  setLogLevel(level: LogLevel): void;
  /** One page of the last events of the log, the oldest first, behind the number `after`. */
  listEvents(after: number): Page<BrokerEvent>;
  /** Tells what is known of the cluster; throws `BAD_REQUEST` if the broker is in none. */
  describeCluster(): ClusterStatus;
  /** Gives the lead to another broker; resolves to its address, if it is known, and ends this one. */
  handOver(): Promise<string | undefined>;
  /**
   * Why the broker is not ready, a sentence each: it starts or stops, its disk has failed, its certificate
   * cannot be used, a log that it shares cannot be reached. A full disk is no reason, since deliveries go
   * on; and a standby that follows is ready to take over.
   */
  findProblems(): string[];
}

/** Which connections are listed. */
export type ConnectionFilter = (user: string | undefined) => boolean;

/** An open connection, as it is managed. */
export interface ManagedConnection {
  /** Its number, by {@linkcode ConnectionNumbers}. */
  readonly number: number;
  /** Whose connection it is; undefined before the client has logged in. */
  readonly userName: string | undefined;
  describe(): ConnectionInfo;
  /** Tells the client the error, and closes the connection. */
  endWith(error: BrokerError): void;
}

/** Open connections, in the order of their numbers. */
export interface ConnectionSource {
  readonly count: number;
  listConnections(): Iterable<ManagedConnection>;
}

/** Numbers for the connections of a broker, of all kinds. */
export class ConnectionNumbers {
  #last = 0;

  take(): number {
    return ++this.#last;
  }
}
