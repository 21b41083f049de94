/**
 * Which settings there are: the interface that programs see, and the table from which everything
 * else follows: names, defaults, checks and the list of flags. A new setting is a field and a row.
 *
 * @module
 */

import { BATCH_COUNT_MAX, BODY_BYTES_DEFAULT, BODY_BYTES_MAX } from "../../../protocol.ts";
import { LOG_LEVELS, type LogLevel } from "../log.ts";
import { byteSize, choice, hostName, integer, path, type Setting, toggle } from "./setting.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const HOUR_MS = 3_600_000;

/** What holds the streams. */
export type StorageEngine = "journal" | "memory";

/** When the disk is flushed. */
export type SyncLevel = "always" | "interval" | "never";

/** Where and how messages are kept. */
export interface StorageSettings {
  /**
   * What holds the streams: `journal` keeps them on the disk, `memory` loses them when the broker
   * ends.
   *
   * @default {"journal"}
   */
  readonly engine: StorageEngine;
  /**
   * The directory of the journal. One broker at a time may use it; it is created if it is not there.
   *
   * @default {"./data"}
   */
  readonly directory: string;
  /**
   * When the journal is flushed to the disk: `always` does so before every confirm; with `interval`
   * a power cut may lose what was confirmed in the last `syncIntervalMs`; with `never` the system
   * flushes when it likes. What is confirmed survives the end of the process with each of them.
   *
   * @default {"always"}
   */
  readonly sync: SyncLevel;
  /**
   * How long what is confirmed may stay unflushed with `interval`, in milliseconds.
   *
   * @default {100}
   */
  readonly syncIntervalMs: number;
  /**
   * The most bytes of messages that are kept in memory. The journal reads others back when they are
   * delivered; the memory engine refuses them.
   *
   * @default {268435456}
   */
  readonly memoryLimit: number;
}

/** How much the broker takes on. */
export interface LimitSettings {
  /**
   * The largest body of a message, in bytes.
   *
   * @default {1048576}
   */
  readonly messageBytes: number;
  /**
   * The most connections at a time.
   *
   * @default {10000}
   */
  readonly connections: number;
  /**
   * The most messages that one follower may hold unacknowledged.
   *
   * @default {4096}
   */
  readonly unacknowledgedMessages: number;
  /**
   * The most bytes of messages that one follower may hold unacknowledged.
   *
   * @default {16777216}
   */
  readonly unacknowledgedBytes: number;
  /**
   * The most bytes that wait to be sent over one connection before the broker stops delivering to it.
   *
   * @default {1048576}
   */
  readonly outboundBytes: number;
  /**
   * The most bytes of all publishers together that are not confirmed yet; then nothing is read from
   * them.
   *
   * @default {67108864}
   */
  readonly unconfirmedBytes: number;
}

/** Everything that can be set, complete and checked. */
export interface Settings {
  /**
   * The name or the address to listen on.
   *
   * @default {"localhost"}
   */
  readonly host: string;
  /**
   * The port to listen on; 0 lets the system choose a free one.
   *
   * @default {9090}
   */
  readonly port: number;
  /**
   * The least serious lines that are logged.
   *
   * @default {"info"}
   */
  readonly logLevel: LogLevel;
  /**
   * Whether other machines may connect although nobody has to prove who they are.
   *
   * @default {false}
   */
  readonly insecure: boolean;
  /**
   * Whether clients of the original SimpleMQ may connect, and all else that speaks its JSON lines.
   *
   * @default {true}
   */
  readonly jsonLines: boolean;
  /** Where and how messages are kept. */
  readonly storage: StorageSettings;
  /** How much the broker takes on. */
  readonly limits: LimitSettings;
  /**
   * After so many milliseconds in which it sent nothing, a side sends a heartbeat.
   *
   * @default {15000}
   */
  readonly heartbeatMs: number;
  /**
   * After so many milliseconds in which it received nothing, a side takes the other for lost.
   *
   * @default {40000}
   */
  readonly heartbeatTimeoutMs: number;
  /**
   * How many milliseconds a client has for the handshake.
   *
   * @default {5000}
   */
  readonly handshakeTimeoutMs: number;
  /**
   * After so many milliseconds in which it read nothing that was sent to it, a client is
   * disconnected.
   *
   * @default {10000}
   */
  readonly slowReaderTimeoutMs: number;
  /**
   * How many milliseconds the broker waits for its clients when it is stopped; 0 does not wait.
   *
   * @default {5000}
   */
  readonly shutdownTimeoutMs: number;
}

/** The fields that are sizes: a program may give them as texts with a unit, such as `"256MiB"`. */
export type SizeField =
  | "memoryLimit"
  | "messageBytes"
  | "unacknowledgedBytes"
  | "outboundBytes"
  | "unconfirmedBytes";

/**
 * The settings that somebody wants other than the defaults. Sizes are numbers of bytes, or texts with
 * a unit: `"256MiB"`, `"1.5 GB"`.
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
    | undefined;
};

type Group<T> = { readonly [Name in keyof T]: Setting<T[Name]> };

type SettingTable = {
  readonly [Name in keyof Settings]: Settings[Name] extends object ? Group<Settings[Name]>
    : Setting<Settings[Name]>;
};

/** In the order in which they are listed; fields of {@linkcode Settings}, so that none is missed. */
const TABLE: SettingTable = {
  host: hostName({
    about: "The name or the address to listen on",
    initial: "localhost",
  }),
  port: integer({
    about: "The port to listen on; 0 lets the system choose a free one",
    initial: 9090,
    min: 0,
    max: 65535,
  }),
  logLevel: choice({
    about: "The least serious lines that are logged: debug, info, warning or error",
    initial: "info",
    names: LOG_LEVELS,
  }),
  insecure: toggle({
    about: "Whether other machines may connect although nobody has to prove who they are",
    initial: false,
  }),
  jsonLines: toggle({
    about: "Whether the JSON lines of the original SimpleMQ are spoken, too",
    initial: true,
  }),
  storage: {
    engine: choice({
      about: "What holds the streams: journal, or memory, which loses them when the broker ends",
      initial: "journal",
      names: ["journal", "memory"],
      absentNames: ["jetstream"],
    }),
    directory: path({
      about: "The directory of the journal",
      initial: "./data",
    }),
    sync: choice({
      about: "When the journal is flushed: always (before a confirm), interval or never",
      initial: "always",
      names: ["always", "interval", "never"],
    }),
    syncIntervalMs: integer({
      about: "How long it may stay unflushed with interval, in milliseconds",
      initial: 100,
      min: 1,
      max: HOUR_MS,
    }),
    memoryLimit: byteSize({
      about: "The most bytes of messages that are kept in memory",
      initial: 256 * MIB,
      min: 1,
      max: 1024 * GIB,
    }),
  },
  limits: {
    messageBytes: byteSize({
      about: "The largest body of a message, in bytes",
      initial: BODY_BYTES_DEFAULT,
      min: 1,
      max: BODY_BYTES_MAX,
    }),
    connections: integer({
      about: "The most connections at a time",
      initial: 10_000,
      min: 1,
      max: 1_000_000,
    }),
    unacknowledgedMessages: integer({
      about: "The most messages that one follower may hold unacknowledged",
      initial: BATCH_COUNT_MAX,
      min: 1,
      max: BATCH_COUNT_MAX,
    }),
    unacknowledgedBytes: byteSize({
      about: "The most bytes of messages that one follower may hold unacknowledged",
      initial: 16 * MIB,
      min: 1,
      max: GIB,
    }),
    outboundBytes: byteSize({
      about: "The most bytes that wait to be sent over one connection before deliveries stop",
      initial: MIB,
      min: 1,
      max: GIB,
    }),
    unconfirmedBytes: byteSize({
      about: "The most bytes of all publishers that are unconfirmed; then nothing more is read",
      initial: 64 * MIB,
      min: 1,
      max: 64 * GIB,
    }),
  },
  heartbeatMs: integer({
    about: "A side sends a heartbeat when it has sent nothing for so long, in milliseconds",
    initial: 15_000,
    min: 1,
    max: HOUR_MS,
  }),
  heartbeatTimeoutMs: integer({
    about: "A side that has been silent for so long is taken for lost, in milliseconds",
    initial: 40_000,
    min: 1,
    max: HOUR_MS,
  }),
  handshakeTimeoutMs: integer({
    about: "How long a client has for the handshake, in milliseconds",
    initial: 5000,
    min: 1,
    max: HOUR_MS,
  }),
  slowReaderTimeoutMs: integer({
    about: "A client that has read nothing for so long is disconnected, in milliseconds",
    initial: 10_000,
    min: 1,
    max: HOUR_MS,
  }),
  shutdownTimeoutMs: integer({
    about: "How long the broker waits for its clients when it is stopped, in milliseconds",
    initial: 5000,
    min: 0,
    max: HOUR_MS,
  }),
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
  /** On the command line, behind `--`: `storage-memory-limit`. */
  readonly flag: string;
  /** In the environment: `SIMPLEMQ_STORAGE_MEMORY_LIMIT`. */
  readonly variable: string;
  /** What it may be. */
  readonly setting: Setting<unknown>;
}

/** All settings, in the order of the table. */
export const SETTING_ROWS: readonly SettingRow[] = Object.entries(TABLE).flatMap(([name, entry]) =>
  isSetting(entry)
    ? [nameRow(undefined, name, entry)]
    : Object.entries(entry as Group<Record<string, unknown>>)
      .map(([field, setting]) => nameRow(name, field, setting))
);

/**
 * Gives the row of one setting.
 *
 * @param path Its name in a program, such as `storage.engine`.
 * @returns The row.
 */
export function requireRow(path: string): SettingRow {
  const row = SETTING_ROWS.find((row) => row.path === path);
  if (!row) throw new RangeError(`Cannot find setting "${path}": it is not in the table`);
  return row;
}

function isSetting(entry: object): entry is Setting<unknown> {
  return "findFault" in entry;
}

function nameRow(group: string | undefined, field: string, setting: Setting<unknown>): SettingRow {
  const path = group ? `${group}.${field}` : field;
  const key = path.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const flag = key.replaceAll(/[._]/g, "-");
  const variable = `SIMPLEMQ_${flag.replaceAll("-", "_").toUpperCase()}`;
  return { group, field, path, key, flag, variable, setting };
}
