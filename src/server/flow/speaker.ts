import type { BrokerError, ConnectionInfo } from "../../../protocol.ts";
import type { Duplex } from "../../transport/duplex.ts";
import type { LinkFault } from "../../transport/heartbeat.ts";
import type { InProcess, ShownCertificate } from "../access/access.ts";
import type { CountQueued } from "./session_watch.ts";

/** A connection that becomes a session. */
export interface Caller {
  readonly duplex: Duplex;
  /** The client's address and port, for the log. */
  readonly peer: string;
  /** The client's address without the port; none in this process. */
  readonly address?: string | undefined;
  readonly countQueued?: CountQueued | undefined;
  /** Set if the connection is encrypted. */
  readonly encryption?: Encryption | undefined;
  /** Set if the client is in this process. */
  readonly inProcess?: InProcess | undefined;
}

/** An encrypted connection; looked at when the client logs in, after the handshake of TLS. */
export interface Encryption {
  /** Whether the client has begun the handshake of TLS. */
  readonly hasBegun: boolean;
  /** The names in the client's checked certificate; none without one. */
  readonly certificateNames: readonly string[];
  /** How long that certificate is valid. */
  readonly certificate?: ShownCertificate | undefined;
}

/** A session's side of one protocol. */
export interface Speaker {
  /** The client's name for the log; none before its handshake. */
  readonly client: string | undefined;
  /** Whether the client has as much under way as allowed: then nothing more is read. */
  readonly isBusy: boolean;
  /** Whether the client also uses a broker that does not serve: it asks about this one only. */
  readonly standsBy?: boolean;
  /** Describes the client and its members for an operator. */
  describe(): SpokenInfo;
  /** Serves the client until it leaves; throws the error that ends the session. */
  run(): Promise<void>;
  /** Delivers again: the client reads again. */
  resume(): void;
  /** Tells the client that the broker is being stopped. */
  sayGoodbye(): void;
  /** Tells the client which brokers belong to the cluster now, if it wants to know. */
  tellBrokers?(brokers: readonly string[]): void;
  /** The connection is closed: ends all members. */
  leave(): Promise<void> | void;
  /** Called when the link takes more again; no frame is being written then. */
  handleReady?(): void;
  /** Takes back a silent client's deliveries; returns how many it may still acknowledge. */
  silence?(): number;
  /** The error for a client that is given up; without it, only a late handshake is told. */
  explain?(fault: LinkFault): BrokerError | undefined;
  /** Writes the error that ends the session; without it, an `error` frame is written. */
  writeError?(error: BrokerError): void;
}

/** What the protocol of a connection tells of it. */
export type SpokenInfo = Pick<
  ConnectionInfo,
  "client" | "protocol" | "publishers" | "followers" | "followerNames"
>;

/** The most names of followers that are told. */
const NAMES_MAX = 10;

/** The first names of followers, each once; nothing if there is none. */
export function nameFollowers(
  followers: Iterable<{ readonly name: string }>,
): Pick<SpokenInfo, "followerNames"> {
  const names = new Set<string>();
  for (const { name } of followers) {
    names.add(name);
    if (names.size === NAMES_MAX) break;
  }
  return names.size === 0 ? {} : { followerNames: [...names] };
}

/** What is known of a client that has not said anything. */
export const SILENT: SpokenInfo = { client: "", protocol: "none", publishers: 0, followers: 0 };
