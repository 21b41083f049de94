import { BODY_BYTES_MAX } from "../../../protocol.ts";
import { BATCH_COUNT_MAX, BODY_BYTES_DEFAULT } from "../../protocol/limits.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../log.ts";
import {
  addressList,
  byteSize,
  choice,
  hostAndPort,
  hostName,
  integer,
  nameList,
  optionalPath,
  optionalWord,
  path,
  type Setting,
  shortName,
  toggle,
} from "./setting.ts";
import type { Settings } from "./settings.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const HOUR_MS = 3_600_000;

const NATS = { scheme: "(nats://)?", example: "nats-1:4222" };
const MONITORING = { scheme: "https?://", example: "http://nats-1:8222" };

type SettingGroup<T> = { readonly [Name in keyof T]: Setting<T[Name]> };

type SettingTable = {
  readonly [Name in keyof Settings]: Settings[Name] extends object ? SettingGroup<Settings[Name]>
    : Setting<Settings[Name]>;
};

/**
 * All settings, in the order in which they are listed: names, checks, flags and variables follow from
 * it. A new setting is a field of {@linkcode Settings} and a row here.
 */
const TABLE: SettingTable = {
  host: hostName("localhost", "The host name or address to listen on"),
  port: integer(9090, [0, 65535], "The port to listen on; 0 lets the system choose a free one"),
  logLevel: choice(
    "info",
    LOG_LEVELS,
    "The minimum log level: debug, info, warning or error",
  ),
  logFormat: choice(
    "text",
    LOG_FORMATS,
    "How the log is written: text for people, json for programs that collect logs",
  ),
  insecure: toggle(
    false,
    "Whether other machines may connect without users or without TLS",
  ),
  users: optionalPath(
    "./users.yaml",
    "The file of the users; if the default one is missing, there are none",
  ),
  tls: {
    certificate: optionalPath(
      "",
      "The file of the certificate, with its chain, in PEM; turns TLS on",
    ),
    key: optionalPath("", "The file of the certificate's key, in PEM"),
    clientCa: optionalPath("", "The file of the authorities that sign client certificates, in PEM"),
    clientCertificates: choice(
      "off",
      ["off", "optional", "required"],
      "Whether clients show certificates: off, optional or required",
    ),
  },
  http: {
    enabled: toggle(true, "Whether there is a port for HTTP: health, metrics and the page"),
    host: hostName("localhost", "The host name or address to listen on for HTTP"),
    port: integer(
      9190,
      [0, 65535],
      "The port to listen on for HTTP; 0 lets the system choose a free one",
    ),
    names: nameList(
      "",
      "More names that clients of HTTP know this machine by, separated by commas",
    ),
  },
  jsonLines: toggle(true, "Whether clients may speak the JSON lines of the original SimpleMQ"),
  storage: {
    engine: choice(
      "journal",
      ["journal", "memory", "cluster"],
      "What holds the streams: journal, cluster, or memory, which loses them when the broker ends",
    ),
    directory: path("./data", "The directory of the journal, and of a cluster's copy of its log"),
    sync: choice(
      "always",
      ["always", "interval", "never"],
      "When the journal is flushed: always (before a confirm), interval or never",
    ),
    syncIntervalMs: integer(
      100,
      [1, HOUR_MS],
      "How long confirmed messages may stay unflushed with sync interval, in milliseconds",
    ),
    memoryLimit: byteSize(
      256 * MIB,
      [1, 1024 * GIB],
      "The most bytes of messages in memory",
    ),
  },
  cluster: {
    name: shortName("", "The name of the cluster, the same for all its brokers"),
    id: shortName("", "The id of this broker in the cluster, which no other one has"),
    address: hostAndPort("", "Where clients reach this broker"),
    nats: addressList("", "The nodes of NATS, separated by commas", NATS),
    replicas: integer(3, [1, 5], "How many nodes of NATS keep the log"),
    leaseMs: integer(
      2000,
      [500, 60_000],
      "How long a broker may be silent before another one takes over, in milliseconds",
    ),
    pipeline: integer(4, [1, 64], "The most records under way to the log"),
    recordBytes: byteSize(900 * 1024, [16 * 1024, 900 * 1024], "The most bytes of a record"),
    maxBytes: byteSize(
      0,
      [0, 1024 * 1024 * GIB],
      "The most bytes of the log, of one replica; 0 for no limit",
    ),
    requireSync: toggle(
      true,
      "Whether the broker refuses to start when a node does not flush before it answers",
    ),
    monitoring: addressList(
      "",
      "The monitoring addresses of the nodes, separated by commas",
      MONITORING,
    ),
    credentials: optionalPath("", "The file of credentials for NATS"),
    user: optionalWord("", "The user at NATS"),
    passwordFile: optionalPath("", "The file of that user's password"),
    natsTokenFile: optionalPath("", "The file of a token for NATS, in place of a user"),
    tlsCa: optionalPath(
      "",
      "The file of the authorities that sign the nodes' certificates, in PEM; turns TLS on",
    ),
    tlsCertificate: optionalPath(
      "",
      "The file of this broker's certificate for NATS, in PEM; turns TLS on",
    ),
    tlsKey: optionalPath("", "The file of that certificate's key, in PEM"),
  },
  limits: {
    messageBytes: byteSize(
      BODY_BYTES_DEFAULT,
      [1, BODY_BYTES_MAX],
      "The largest body of a message, in bytes",
    ),
    connections: integer(10_000, [1, 1_000_000], "The most connections at a time"),
    unacknowledgedMessages: integer(
      BATCH_COUNT_MAX,
      [1, BATCH_COUNT_MAX],
      "The most messages that one follower may hold unacknowledged",
    ),
    unacknowledgedBytes: byteSize(
      16 * MIB,
      [1, GIB],
      "The most bytes of messages that one follower may hold unacknowledged",
    ),
    outboundBytes: byteSize(
      MIB,
      [1, GIB],
      "The most bytes that wait to be sent over one connection before deliveries stop",
    ),
    unconfirmedBytes: byteSize(
      64 * MIB,
      [1, 64 * GIB],
      "The most unconfirmed bytes of all publishers; beyond that, the broker does not read from them",
    ),
  },
  heartbeatMs: integer(
    15_000,
    [1, HOUR_MS],
    "How long a side sends nothing before it sends a heartbeat, in milliseconds",
  ),
  heartbeatTimeoutMs: integer(
    40_000,
    [1, HOUR_MS],
    "How long a side may be silent before it is considered lost, in milliseconds",
  ),
  handshakeTimeoutMs: integer(
    5000,
    [1, HOUR_MS],
    "How long a client has for the handshake, in milliseconds",
  ),
  slowReaderTimeoutMs: integer(
    10_000,
    [1, HOUR_MS],
    "How long a client may read nothing before it is disconnected, in milliseconds",
  ),
  shutdownTimeoutMs: integer(
    5000,
    [0, HOUR_MS],
    "How long the broker waits for its clients when it is stopped, in milliseconds",
  ),
};

/** A row of the table, with all its names. */
export interface SettingRow {
  /** The group of {@linkcode Settings} that it is in, if any. */
  readonly group: string | undefined;
  /** Its field in the group, or in {@linkcode Settings}. */
  readonly field: string;
  /** In a program: `storage.memoryLimit`. */
  readonly path: string;
  /** In the file: `storage.memory_limit`. */
  readonly key: string;
  /** On the command line, behind `--`: `storage-memory-limit`. Whether a group is on has the group's name. */
  readonly flag: string;
  /** In the environment: `SIMPLEMQ_STORAGE_MEMORY_LIMIT`. */
  readonly variable: string;
  /** What it may be. */
  readonly setting: Setting<unknown>;
}

/** All settings, in the order of the table. */
export const SETTING_ROWS: readonly SettingRow[] = Object.entries(TABLE).flatMap(([name, entry]) =>
  "initial" in entry
    ? [nameRow(undefined, name, entry as Setting<unknown>)]
    : Object.entries(entry as SettingGroup<Record<string, unknown>>).map(([field, entry]) =>
      nameRow(name, field, entry)
    )
);

/** The row of a setting, by its name in a program, such as `storage.engine`. */
export function requireRow(path: string): SettingRow {
  const row = SETTING_ROWS.find((row) => row.path === path);
  if (!row) throw new RangeError(`Cannot find setting "${path}": it is not in the table`);
  return row;
}

function nameRow(group: string | undefined, field: string, setting: Setting<unknown>): SettingRow {
  const path = group ? `${group}.${field}` : field;
  const key = path.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const flag = key.replace(/\.enabled$/, "").replaceAll(/[._]/g, "-");
  const variable = `SIMPLEMQ_${flag.replaceAll("-", "_").toUpperCase()}`;
  return { group, field, path, key, flag, variable, setting };
}
