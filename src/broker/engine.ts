/**
 * The port between sessions and whatever holds the streams. Sessions know nothing else of an engine,
 * and an engine knows nothing of frames or sockets.
 *
 * What an engine promises: a batch is confirmed when it is as durable as {@linkcode Engine.durability}
 * says, and only then are its messages delivered; outcomes come in the order of the batches; a batch
 * that goes to several streams is stored in all of them or in none.
 *
 * @module
 */

import type {
  BindFields,
  BrokerError,
  MessageBatch,
  PendingEntry,
  PendingEntryList,
  StreamInfo,
  TagRange,
} from "../../protocol.ts";

/** An engine: the holder of all streams of one broker. */
export interface Engine {
  /** Its name in settings and in the handshake. */
  readonly name: string;
  /** What a confirm promises, in a word. */
  readonly durability: string;

  /** Creates a stream; resolves to whether there was none. Rejects with `BAD_STREAM_NAME`. */
  createStream(name: string): Promise<boolean>;
  /** Deletes a stream with everything in it. Rejects with `STREAM_NOT_FOUND`. */
  deleteStream(name: string): Promise<void>;
  /** Tells of all streams, by name. */
  getStreams(): Promise<StreamInfo[]>;
  /** Tells of one stream. Rejects with `STREAM_NOT_FOUND`. */
  getStream(name: string): Promise<StreamInfo>;
  /** Tells what followers hold, by the followers' names. */
  getPels(): Promise<PendingEntryList[]>;
  /** Tells what the followers of one name hold. Rejects with `FOLLOWER_NOT_FOUND`. */
  getPel(follower: string): Promise<PendingEntry[]>;

  /** Opens a publisher; throws `BAD_STREAM_NAME` or `BAD_PATTERN`. */
  openPublisher(options: PublisherOptions, sink: PublisherSink): EnginePublisher;
  /** Opens a follower; throws `BAD_STREAM_NAME` or `BAD_PATTERN`. */
  openFollower(options: FollowerOptions, sink: FollowerSink): EngineFollower;

  /**
   * Does all that is due.
   *
   * @param now The time, in milliseconds.
   * @returns The time of the next deadline, or `Infinity`.
   */
  tick(now: number): number;
  /** Finishes what is under way and lets go of everything. */
  close(): Promise<void>;
}

/** Who publishes, and where to. */
export interface PublisherOptions {
  /** Who it is, across connections. */
  readonly identity: string;
  /** What it is tied to. */
  readonly bind: BindFields;
}

/** A batch of a publisher, numbered. */
export interface NumberedBatch extends MessageBatch {
  /** The number of its first message in all that the publisher sends. */
  readonly sequence: number;
  /** Outcomes of messages below this number need not be remembered. */
  readonly settled: number;
  /** How many bytes it has. */
  readonly bytes: number;
}

/** The streams that a batch was stored in, each with the id of the batch's first message. */
export interface StoredIn {
  /** The stream. */
  readonly stream: string;
  /** The id of the first message; the others count on from there. */
  readonly firstId: number;
}

/** Hears the outcome of each batch, in order. */
export interface PublisherSink {
  /** The batch is stored. */
  confirm(batch: BatchNumber, stored: readonly StoredIn[], isDuplicate: boolean): void;
  /** The batch is not stored. */
  refuse(batch: BatchNumber, error: BrokerError): void;
}

/** Which batch is meant. */
export interface BatchNumber {
  /** The number of its first message. */
  readonly sequence: number;
  /** How many messages it has. */
  readonly count: number;
  /** How many bytes it has. */
  readonly bytes: number;
}

/** A publisher, as its session sees it. */
export interface EnginePublisher {
  /**
   * Stores a batch that has been checked; the sink hears the outcome. The batch's buffer is not used
   * after the call returns.
   */
  publish(batch: NumberedBatch): void;
  /** Does not store a batch that was found to be wrong; the sink hears it, and so do repetitions. */
  refuse(batch: NumberedBatch, error: BrokerError): void;
  /** Ends the publisher for good; what it has sent need not be recognised any more. */
  close(): void;
  /** Its connection is lost; it may come back under the same identity. */
  lose(): void;
}

/** Who follows, and what. */
export interface FollowerOptions {
  /** Its name, a label. */
  readonly name: string;
  /** What it is tied to. */
  readonly bind: BindFields;
  /** How many messages it may hold unacknowledged. */
  readonly messages: number;
  /** How many bytes it may hold unacknowledged. */
  readonly bytes: number;
}

/** Consecutive messages of one stream on their way to one follower. */
export interface Delivery {
  /** The stream. */
  readonly stream: string;
  /** The tag of the first delivery. */
  readonly firstTag: number;
  /** The id of the first message. */
  readonly firstId: number;
  /** How often they have been delivered, this time included. */
  readonly attempts: number;
  /** The messages; the buffer is valid during the call only. */
  readonly batch: MessageBatch;
}

/** Takes deliveries for one follower. */
export interface FollowerSink {
  /** Whether nothing more should be delivered until {@linkcode EngineFollower.resume}. */
  readonly isFull: boolean;
  /** Takes messages. */
  deliver(delivery: Delivery): void;
}

/** A follower, as its session sees it. */
export interface EngineFollower {
  /** Sets how much it may hold unacknowledged. */
  setCredit(messages: number, bytes: number): void;
  /**
   * Ends deliveries. What of the ranges is held is done in any case. Throws, or rejects, with
   * `UNKNOWN_DELIVERY` or `STALE_DELIVERY` if some of it is not held.
   *
   * @param isConfirmed Whether somebody waits until it is durable: then it is made so at once.
   * @returns A promise of that, or nothing if it is so already, or nobody waits.
   */
  ack(ranges: readonly TagRange[], isConfirmed: boolean): Promise<void> | void;
  /** Takes deliveries back that were not looked at; throws like {@linkcode EngineFollower.ack}. */
  release(ranges: readonly TagRange[]): void;
  /** Notes that deliveries are being worked on; throws like {@linkcode EngineFollower.ack}. */
  begin(ranges: readonly TagRange[]): void;
  /** Its sink is not full any more. */
  resume(): void;
  /**
   * Ends the follower: all that it holds is ready again.
   *
   * @param lastTag The last tag that its client has received: later ones do not count as attempts,
   * earlier ones do. Without it the follower is lost, and only its oldest delivery and those that
   * have begun count.
   */
  close(lastTag?: number): void;
}
