import type { SyncLevel } from "../../broker/engine.ts";
import type { LogFormat, LogLevel } from "../log.ts";
import { hideWholeTokens } from "../token_text.ts";

/** What holds the streams. */
export type StorageEngine = "journal" | "memory" | "cluster";

/** Where and how messages are kept. */
export interface StorageSettings {
  /**
   * The engine that holds the streams: `journal` keeps them on the disk, `memory` loses them when the
   * broker ends, `cluster` keeps them in a log that several brokers share. Default: `journal`.
   */
  readonly engine: StorageEngine;
  /**
   * The directory of the journal. One broker at a time may use it; it is created if it does not exist.
   * Default: `./data`.
   */
  readonly directory: string;
  /**
   * When the journal is flushed to the disk. `always`: before every confirm. `interval`: a power cut may
   * lose messages that were confirmed in the last `syncIntervalMs`. `never`: the system decides. With each
   * of them, confirmed messages survive the end of the process. Default: `always`.
   */
  readonly sync: SyncLevel;
  /** How long confirmed messages may stay unflushed with `interval`, in milliseconds. Default: 100. */
  readonly syncIntervalMs: number;
  /**
   * The most bytes of messages in memory. Beyond that, the journal reads messages back from the disk when
   * they are delivered; the memory engine refuses them. Default: 256 MiB.
   */
  readonly memoryLimit: number;
}

/** A broker's place in a cluster: only with the engine `cluster`. */
export interface ClusterSettings {
  /** The name of the cluster, the same for all its brokers. Default: none. */
  readonly name: string;
  /** The id of this broker in it, which no other one has. Default: none. */
  readonly id: string;
  /** Where clients reach this broker: `host:port`. Default: none. */
  readonly address: string;
  /** The nodes of NATS, `host:port`, separated by commas. Default: none. */
  readonly nats: string;
  /** How many nodes keep the log. Default: 3. */
  readonly replicas: number;
  /** How long a broker may be silent before another one takes over, in milliseconds. Default: 2,000. */
  readonly leaseMs: number;
  /** The most records under way to the log. Default: 4. */
  readonly pipeline: number;
  /** The most bytes of a record of the log. Default: 900 KiB. */
  readonly recordBytes: number;
  /** The most bytes of the log, of one replica; 0 for no limit. Default: 0. */
  readonly maxBytes: number;
  /** Whether the broker refuses to start when a node does not flush before it answers. Default: true. */
  readonly requireSync: boolean;
  /** The monitoring addresses of the nodes, `http://host:port`, separated by commas. Default: none. */
  readonly monitoring: string;
  /** The file of credentials for NATS. Default: none. */
  readonly credentials: string;
  /** The user at NATS. Default: none. */
  readonly user: string;
  /** The file of that user's password. Default: none. */
  readonly passwordFile: string;
  /** The file of a token for NATS, in place of a user. Default: none. */
  readonly natsTokenFile: string;
  /** The file of the authorities that sign the nodes' certificates, in PEM; turns TLS on. Default: none. */
  readonly tlsCa: string;
  /** The file of this broker's certificate for NATS, in PEM; turns TLS on. Default: none. */
  readonly tlsCertificate: string;
  /** The file of that certificate's key, in PEM. Default: none. */
  readonly tlsKey: string;
}

/** Encrypted connections. */
export interface TlsSettings {
  /** The file of the certificate, with its chain, in PEM; it turns TLS on. Default: none. */
  readonly certificate: string;
  /** The file of the certificate's key, in PEM, which only its owner may read. Default: none. */
  readonly key: string;
  /** The file of the authorities that sign client certificates, in PEM. Default: none. */
  readonly clientCa: string;
  /**
   * Whether clients show certificates. `off`: they are not asked. `optional`: one that is shown must be valid,
   * and can log a user in. `required`: without a valid one, no client is let in. Default: `off`.
   */
  readonly clientCertificates: "off" | "optional" | "required";
}

/** The port for HTTP: health, metrics, and the management page. */
export interface HttpSettings {
  /** Whether there is one. Default: true; for `serve` only if `http` is given. */
  readonly enabled: boolean;
  /** The host name or address to listen on. Default: `localhost`. */
  readonly host: string;
  /**
   * The port to listen on; 0 lets the system choose a free one. If the default one is taken, the broker
   * starts without HTTP. Default: 9190.
   */
  readonly port: number;
  /**
   * More names that clients know this machine by, separated by commas, beside `host`, addresses and the
   * names in the certificate: requests for other names are refused. Default: none.
   */
  readonly names: string;
}

/** How much the broker takes on. */
export interface LimitSettings {
  /** The largest body of a message, in bytes. Default: 1 MiB. */
  readonly messageBytes: number;
  /** The most connections at a time. Default: 10,000. */
  readonly connections: number;
  /** The most messages that one follower may hold unacknowledged. Default: 4,096. */
  readonly unacknowledgedMessages: number;
  /** The most bytes of messages that one follower may hold unacknowledged. Default: 16 MiB. */
  readonly unacknowledgedBytes: number;
  /**
   * The most bytes that wait to be sent over one connection before the broker stops delivering to it.
   * Default: 1 MiB.
   */
  readonly outboundBytes: number;
  /**
   * The most unconfirmed bytes of all publishers together; beyond that, the broker does not read from them.
   * Default: 64 MiB.
   */
  readonly unconfirmedBytes: number;
}

/** All settings, complete and checked. */
export interface Settings {
  /** The host name or address to listen on. Default: `localhost`. */
  readonly host: string;
  /** The port to listen on; 0 lets the system choose a free one. Default: 9090. */
  readonly port: number;
  /** The minimum log level. Default: `info`; `warning` for `serve`. */
  readonly logLevel: LogLevel;
  /** How the log is written: `text` for people, `json` for programs. Default: `text`. */
  readonly logFormat: LogFormat;
  /** Whether other machines may connect without users or without TLS. Default: false. */
  readonly insecure: boolean;
  /**
   * The file of the users. Default: `./users.yaml` for the program, where a missing default file means
   * that there are no users; none for `serve`.
   */
  readonly users: string;
  /** Encrypted connections. */
  readonly tls: TlsSettings;
  /** The port for HTTP. */
  readonly http: HttpSettings;
  /** Whether clients may speak the JSON lines of the original SimpleMQ. Default: true. */
  readonly jsonLines: boolean;
  /** Where and how messages are kept. */
  readonly storage: StorageSettings;
  /** A broker's place in a cluster. */
  readonly cluster: ClusterSettings;
  /** How much the broker takes on. */
  readonly limits: LimitSettings;
  /**
   * After how many milliseconds without sending a side sends a heartbeat. Default: 15,000; in a cluster a
   * quarter of its lease.
   */
  readonly heartbeatMs: number;
  /** After how many milliseconds of silence a side is considered lost. Default: 40,000; in a cluster its lease. */
  readonly heartbeatTimeoutMs: number;
  /** How many milliseconds a client has for the handshake. Default: 5,000. */
  readonly handshakeTimeoutMs: number;
  /** After how many milliseconds without reading a client is disconnected. Default: 10,000. */
  readonly slowReaderTimeoutMs: number;
  /** How many milliseconds a stopping broker waits for its clients at most. Default: 5,000. */
  readonly shutdownTimeoutMs: number;
}

/** The fields that are sizes: a program may write them with a unit, such as `"256MiB"`. */
export type SizeField =
  | "maxBytes"
  | "memoryLimit"
  | "messageBytes"
  | "recordBytes"
  | "unacknowledgedBytes"
  | "outboundBytes"
  | "unconfirmedBytes";

/**
 * Settings that differ from the defaults. Sizes are numbers of bytes, or texts with a unit:
 * `"256MiB"`, `"1.5 GB"`. `http: true` and `http: false` turn that port on and off.
 */
export type PartialSettings = {
  readonly [Name in keyof Settings]?:
    | (Settings[Name] extends object ? {
        readonly [Field in keyof Settings[Name]]?:
          | Settings[Name][Field]
          | (Field extends SizeField ? string : never)
          | undefined;
      }
      : Settings[Name])
    | (Name extends "http" ? boolean : never)
    | undefined;
};

/** The settings have mistakes; the message lists all of them. */
export class SettingsError extends Error {
  /** One sentence for each mistake: its place, what was found, and what is allowed. */
  readonly mistakes: readonly string[];

  /**
   * Creates the error; its message lists all mistakes.
   *
   * @param mistakes One sentence for each mistake.
   */
  constructor(mistakes: readonly string[]) {
    const shown = mistakes.map(hideWholeTokens);
    const lines = shown.map((mistake) => `\n  ${mistake}`).join("");
    const isOne = shown.length === 1;
    super(
      `Cannot start: ${isOne ? shown[0] : `${shown.length} mistakes in the settings${lines}`}`,
    );
    this.name = "SettingsError";
    this.mistakes = shown;
  }
}
