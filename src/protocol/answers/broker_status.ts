import type { LogLevel } from "../log_level.ts";
import type { ClusterRole } from "./cluster_status.ts";

/** What a running broker says of itself. */
export interface BrokerStatus {
  /** Its version. */
  readonly version: string;
  /** What it runs on, with its version: `deno 2.9.6`. */
  readonly runtime: string;
  /** The engine that holds the streams. */
  readonly engine: string;
  /** The durability that a confirm promises. */
  readonly durability: string;
  /** When it was started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Where it listens, as `host:port`. */
  readonly address: string;
  /** Where it serves HTTP, as `host:port`; absent if it does not. */
  readonly httpAddress?: string;
  /** Whether its port speaks TLS. */
  readonly tls: boolean;
  /** Whether it has a file of users. */
  readonly hasUsers: boolean;
  /** Lines of its log below this level are not written. */
  readonly logLevel: LogLevel;
  /** The number of open connections; absent for users without the permission `admin` or `metrics`. */
  readonly connections?: number;
  /** The number of streams; absent for users without the permission `admin` or `metrics`. */
  readonly streams?: number;
  /** Its role in its cluster; absent if it is in none. */
  readonly role?: ClusterRole;
  /** Where the active broker is, as `host:port`; absent if this is the active one, or none is known. */
  readonly active?: string;
  /** Why it is not ready, a sentence each; none if all is well. */
  readonly problems: readonly string[];
}

/** How a client speaks; `none` if it has not said anything yet. */
export type ConnectionProtocol = "frames" | "lines" | "in-process" | "http" | "none";

/** One connection of a broker. */
export interface ConnectionInfo {
  /** Its number, which no other connection of this broker's run gets. */
  readonly id: number;
  /** The name that the client gave itself; empty before it has. */
  readonly client: string;
  /** Whose connection it is; absent before the client has logged in. */
  readonly user?: string;
  /** The client's address and port, or `in-process`. */
  readonly address: string;
  /** How the client speaks. */
  readonly protocol: ConnectionProtocol;
  /** Whether it is encrypted. */
  readonly encrypted: boolean;
  /** When it was opened, in milliseconds since 1970. */
  readonly connectedAt: number;
  /** The bytes received from the client. */
  readonly receivedBytes: number;
  /** The bytes sent to the client. */
  readonly sentBytes: number;
  /** The bytes that wait to be sent to the client. */
  readonly outboundBytes: number;
  /** The number of its publishers. */
  readonly publishers: number;
  /** The number of its followers. */
  readonly followers: number;
  /** Their names, the first ten; absent if it has none. */
  readonly followerNames?: readonly string[];
}

/** One of the last lines of a broker's log, at level `info` or above. */
export interface BrokerEvent {
  /** Its number: 1, 2, 3 … since the broker's start. */
  readonly number: number;
  /** When it was logged, in milliseconds since 1970. */
  readonly at: number;
  /** How serious it is. */
  readonly level: LogLevel;
  /** What happened, in a few words. */
  readonly message: string;
  /** What it is about. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}
