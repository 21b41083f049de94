/**
 * What a peer is: a broker that people would install instead, at one level of durability, driven the
 * way its own documentation advises for throughput.
 *
 * @module
 */

/** A broker at one level of durability. */
export interface Peer {
  /** What it is called in arguments and file names: `redis-everysec`. */
  readonly name: string;
  /** What the tables call it. */
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

/** Makes a connection to a peer. Each publisher and each follower of a work gets one of its own. */
export type OpenClient = (port: number) => Promise<PeerClient>;

/** A connection to a peer. */
export interface PeerClient extends AsyncDisposable {
  /** Makes a stream, by whatever name the peer has for it. */
  createStream(stream: string): Promise<void>;
  /** Removes a stream. */
  deleteStream(stream: string): Promise<void>;
  /** Counts what is left in a stream, taken and not acknowledged included. */
  countLeft(stream: string): Promise<number>;
  /**
   * Makes a publisher whose messages go to all these streams.
   *
   * @param streams One stream, or many of which each gets every message.
   */
  openPublisher(streams: readonly string[]): Promise<PeerPublisher>;
  /**
   * Makes a follower that takes from these streams, and competes with others for their messages.
   *
   * @param streams One stream, or many.
   */
  openFollower(streams: readonly string[]): Promise<PeerFollower>;
}

/** Sends messages. */
export interface PeerPublisher {
  /** How many bodies {@linkcode sendBatch} takes best. */
  readonly batchCount: number;
  /** How many calls of {@linkcode sendBatch} should be without an answer. */
  readonly batchesInFlight: number;
  /** Sends bodies in the fastest documented way; resolves when all of them are confirmed. */
  sendBatch(bodies: readonly Uint8Array[]): Promise<void>;
  /** Sends one body at once; resolves when it is confirmed. */
  send(body: Uint8Array): Promise<void>;
  /**
   * Sends one body at some time soon, without a promise: the plain loop of calls that nobody awaits.
   * Only where the client offers it; {@linkcode flush} tells of the confirms.
   */
  post?(body: Uint8Array): void;
  /** Resolves when all that was posted is confirmed. */
  flush?(): Promise<void>;
}

/** Takes messages and acknowledges them. */
export interface PeerFollower {
  /**
   * Takes messages until it is stopped, and acknowledges each after it was handed over. Resolves when
   * all acknowledgements have been taken by the broker.
   *
   * @param take Gets the body of each message; it must be done with it when it returns.
   */
  follow(take: (body: Uint8Array) => void): Promise<void>;
  /** Tells {@linkcode follow} that no more messages are wanted. */
  stop(): void;
}
