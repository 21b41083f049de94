/**
 * A connection to a broker, driven the way the broker's own documentation advises for throughput. Each
 * publisher and each follower of a transfer gets one of its own.
 */
export interface PeerClient extends AsyncDisposable {
  /** Creates a stream, by whatever name the peer has for it. */
  createStream(stream: string): Promise<void>;
  /** Deletes a stream. */
  deleteStream(stream: string): Promise<void>;
  /** Counts what is left in a stream, pending messages included. */
  countLeft(stream: string): Promise<number>;
  /** Counts all messages ever stored in a stream, where the broker tells. */
  countStored?(stream: string): Promise<number>;
  /**
   * Opens a publisher whose messages go to all these streams.
   *
   * @param streams One stream, or many of which each gets every message.
   */
  openPublisher(streams: readonly string[]): Promise<PeerPublisher>;
  /**
   * Opens a follower that takes from these streams, and competes with others for their messages.
   *
   * @param streams One stream, or many.
   */
  openFollower(streams: readonly string[]): Promise<PeerFollower>;
}

/** Sends messages. */
export interface PeerPublisher {
  /** The best number of bodies for {@linkcode sendBatch}. */
  readonly batchCount: number;
  /** How many calls of {@linkcode sendBatch} should be unconfirmed at a time. */
  readonly batchesInFlight: number;
  /** Whether bodies can be written anew as soon as a call of {@linkcode sendBatch} has returned. */
  readonly copiesBodies?: boolean;
  /** Sends bodies in the fastest documented way; resolves when all of them are confirmed. */
  sendBatch(bodies: readonly Uint8Array[]): Promise<void>;
  /** Sends one body at once; resolves when it is confirmed. */
  send(body: Uint8Array): Promise<unknown>;
  /**
   * Sends one body at some time soon, without a promise: the plain loop of calls that nobody awaits.
   * Only where the client offers it; {@linkcode flush} waits for the confirms.
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

/** Connects to a broker at a port of this machine: every client module exports one as `openClient`. */
export type OpenClient = (port: number) => Promise<PeerClient>;

/** Connects to the broker that is measured, for one side of a transfer. */
export type Open = (side: "publishing" | "following") => Promise<PeerClient>;
