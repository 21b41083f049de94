import type { Chroot } from "./servers/chroot.ts";

/** When messages are flushed to the disk. */
export type FlushTime =
  | "before each confirm"
  | "every 50 ms"
  | "every second"
  | "every two minutes"
  | "when the system does"
  | "never";

/**
 * A broker that people would install instead, at one level of durability, driven the way its own
 * documentation advises for throughput.
 */
export interface Peer {
  /** Its name in arguments and file names: `redis-everysec`. */
  readonly name: string;
  /** Its name in tables. */
  readonly title: string;
  /** What is on disk when it confirms a message, in a few words. */
  readonly durability: string;
  /** When what it confirms is flushed to the disk. */
  readonly flushed: FlushTime;
  /** The packages of Debian that its server is in; none if this repository has it. */
  readonly packages?: readonly string[];
  /** Which settings were chosen, on both sides, and why: each a sentence. */
  readonly settings: readonly string[];
  /** The module that talks to it: one that exports `openClient`. */
  readonly client: URL;
  /** Asks its program for its version. */
  readVersion(servers: Chroot): Promise<string>;
  /**
   * Starts it on a free port of this machine; resolves when it takes connections.
   *
   * @param directory A directory for all it writes: an empty one, or one that it has written to before
   * and goes on from. The caller removes it.
   * @param servers Runs the programs of {@linkcode packages}.
   */
  start(directory: string, servers: Chroot): Promise<PeerServer>;
}

/** A running broker. It is ended by its process id when it is disposed of. */
export interface PeerServer extends AsyncDisposable {
  /** The port that it listens at, on 127.0.0.1. */
  readonly port: number;
  /** The process that holds the messages; it may have others below it that help. */
  readonly pid: number;
}
