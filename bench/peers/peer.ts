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
  /** The program that must be there, or `undefined` if this repository has it. */
  readonly program?: string;
  /** How to install the program. */
  readonly install?: string;
  /** Which settings were chosen, on both sides, and why: each a sentence. */
  readonly settings: readonly string[];
  /** The module that talks to it: one that exports `openClient`. */
  readonly client: URL;
  /** Asks its program for its version. */
  readVersion(): Promise<string>;
  /**
   * Starts it on a free port of this machine; resolves when it takes connections.
   *
   * @param directory An empty directory for all it writes; the caller removes it.
   */
  start(directory: string): Promise<PeerServer>;
}

/** A running broker. It is ended by its process id when it is disposed of. */
export interface PeerServer extends AsyncDisposable {
  /** The port that it listens at, on 127.0.0.1. */
  readonly port: number;
  /** The process that holds the messages. */
  readonly pid: number;
}
