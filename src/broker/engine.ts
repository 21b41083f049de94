import type {
  BackupInfo,
  BindFields,
  BrokerError,
  MessageBatch,
  Page,
  PeekedMessages,
  PendingEntry,
  PendingEntryList,
  StreamInfo,
  StreamOptionsInput,
} from "../../protocol.ts";
import type { ClusterSeat } from "./cluster_seat.ts";
import type { EngineCancel } from "./engine_cancel.ts";
import type { EngineCounters } from "./engine_counters.ts";
import type { MemberPermit, StreamFilter } from "./member_permit.ts";
import type { EngineLanes } from "./engine_lanes.ts";
import type { EngineSchedules } from "./engine_schedules.ts";
import type { EngineFollower, FollowerInit, FollowerSink } from "./engine_follower.ts";

export type { EngineLanes, LaneQuestion } from "./engine_lanes.ts";
export type { EngineSchedules } from "./engine_schedules.ts";
export type { ClusterSeat } from "./cluster_seat.ts";
export type { MemberPermit, StreamFilter } from "./member_permit.ts";
export type {
  CancelCounts,
  CancelDetails,
  CancelledAs,
  CancelResult,
  CancelSelection,
} from "./engine_cancel.ts";
export type {
  EngineCounters,
  JournalCounters,
  LimitCounters,
  ScheduleCounters,
} from "./engine_counters.ts";
export type {
  Delivery,
  EngineFollower,
  FollowerInit,
  FollowerSink,
  NackDetails,
} from "./engine_follower.ts";

/** When the disk is flushed: before every confirm, at least every so often, or when the system likes. */
export type SyncLevel = "always" | "interval" | "never";

/**
 * The port between sessions and the engine that holds the streams. Sessions know nothing else of an
 * engine, and an engine knows nothing of frames or sockets.
 *
 * What an engine promises: a batch is confirmed when it is as durable as {@linkcode Engine.durability}
 * says, and only then are its messages delivered; outcomes come in the order of the batches; a batch
 * that goes to several streams is stored in all of them or in none.
 */
export interface Engine extends EngineCancel {
  /** Its name in settings and in the handshake. */
  readonly name: string;
  /** What a confirm promises, in a word. */
  readonly durability: string;
  /** Its place in a cluster, if it is in one: that says what may be called when. */
  readonly cluster?: ClusterSeat | undefined;
  readonly schedules: EngineSchedules;
  readonly lanes: EngineLanes;

  /**
   * Creates a stream; resolves to whether it is new. An existing one is not changed. Rejects with
   * `BAD_STREAM_NAME`.
   */
  createStream(name: string, options?: StreamOptionsInput): Promise<boolean>;
  /** Changes options of a stream. Rejects with `STREAM_NOT_FOUND`. */
  updateStream(name: string, options: StreamOptionsInput): Promise<void>;
  /** Pauses or resumes deliveries from a stream. Rejects with `STREAM_NOT_FOUND`. */
  pauseStream(name: string, isPaused: boolean): Promise<void>;
  /** Removes all messages that no follower holds; resolves to their number. Rejects with `STREAM_NOT_FOUND`. */
  purgeStream(name: string): Promise<number>;
  /** Removes the messages with these ids that no follower holds. Rejects with `STREAM_NOT_FOUND`. */
  dropMessages(name: string, ids: readonly number[]): Promise<DropCount>;
  /** Deletes a stream with its messages; resolves to their number. Rejects with `STREAM_NOT_FOUND`. */
  deleteStream(name: string): Promise<number>;
  /** Describes all streams, sorted by name, however many there are. */
  getStreams(filter?: StreamFilter): Promise<StreamInfo[]>;
  /**
   * Describes one page of streams in the order of creation, beginning behind `after`. With a filter, a page
   * may have few items, or none, although there are more pages.
   */
  listStreams(after: number, filter?: StreamFilter): Promise<Page<StreamInfo>>;
  hasStream(name: string): boolean;
  /** How many streams there are. */
  readonly streamCount: number;
  /** How many streams were deleted since the start. */
  readonly deletedCount: number;
  /** Describes a stream. Rejects with `STREAM_NOT_FOUND`. */
  getStream(name: string): Promise<StreamInfo>;
  /** Lists the deliveries that followers hold, by the followers' names. */
  getPels(view?: PelView): Promise<PendingEntryList[]>;
  /**
   * Lists one page of the deliveries that followers hold, follower by follower, beginning behind `after`.
   * With a name, only followers of that name; then it may reject with `FOLLOWER_NOT_FOUND`.
   */
  listPels(after: number, follower?: string, view?: PelView): Promise<Page<PendingEntryList>>;
  /** Lists the deliveries that followers of one name hold. Rejects with `FOLLOWER_NOT_FOUND`. */
  getPel(follower: string, view?: PelView): Promise<PendingEntry[]>;

  /** Takes back the deliveries that followers of one name hold; resolves to their number. Rejects as `getPel`. */
  releasePel(follower: string, view?: PelView): Promise<number>;
  /** Reads messages by id without taking them. Rejects with `STREAM_NOT_FOUND`. */
  peek(name: string, from: number, limit: number): Promise<PeekedMessages>;
  /** Sends dead letters back to their streams. Rejects with `STREAM_NOT_FOUND`, `STREAM_FULL`. */
  redrive(name: string, ids: readonly number[]): Promise<RedriveCount>;
  /**
   * Explains in sentences why messages of a stream wait. Rejects with `STREAM_NOT_FOUND`.
   *
   * @param filter The other streams that may be named.
   */
  explain(name: string, filter?: StreamFilter): Promise<string[]>;
  /**
   * Opens a backup: fixes a position up to which everything is durable, and keeps the files up to there until
   * they are read. It ends by itself when nothing of it was read for a minute. Rejects with `BAD_REQUEST` if
   * too many are open, or if the engine keeps nothing on a disk.
   */
  openBackup(): Promise<BackupInfo>;
  /**
   * Reads some bytes of a file of a backup, from an offset on; files before it cannot be read any more.
   * Rejects with `BAD_REQUEST` if the backup is over, or has no such bytes.
   */
  readBackup(backup: number, file: string, offset: number): Promise<Uint8Array>;
  /** Ends a backup; returns whether there was one. */
  closeBackup(backup: number): boolean;
  /** Counts the streams that a filter allows, now and later. */
  watchStreams(filter: StreamFilter): StreamWatch;

  /** What has happened since the start, over all streams. */
  readonly counters: EngineCounters;

  /** How many steps costly calls have taken since the start; a thousand are about a millisecond. */
  readonly steps: number;
  /**
   * Prepares a bind to a pattern, in at most so many steps; returns whether that was all. The rest is
   * done at once when a member is opened.
   */
  prepare(search: StreamSearch, stepsMax: number): boolean;
  /** Prepares the creation of a stream that many patterns may match, as {@linkcode Engine.prepare}. */
  prepareStream(name: string, stepsMax: number): boolean;
  /**
   * Opens a publisher; throws `BAD_STREAM_NAME` or `BAD_PATTERN`, or `FORBIDDEN` if the identity is another
   * user's.
   */
  openPublisher(options: PublisherInit, sink: PublisherSink): EnginePublisher;
  /** Opens a follower; throws `BAD_STREAM_NAME` or `BAD_PATTERN`. */
  openFollower(options: FollowerInit, sink: FollowerSink): EngineFollower;

  /**
   * Opens a stream for the replies to one session's requests: nothing in it is stored, and no bind or
   * list finds it. Throws `BAD_REQUEST` if the name is not allowed, or taken, also if it was taken by another
   * user before.
   */
  openReplyStream(name: string, sink: ReplySink, owner?: string): EngineReplyStream;
  /** Passes on replies that have been checked. Throws `STREAM_NOT_FOUND` if the requester is gone. */
  reply(name: string, batch: MessageBatch): void;

  /**
   * Does all that is due with messages and members; returns the time of the next deadline, or `Infinity`.
   * If an earlier one comes up between two calls, the engine's owner is told.
   */
  tick(now: number): number;
  /**
   * Tends the log, a disk above all; returns when to call it again, at the latest. It is called several
   * times a second by the system clock, which disks go by even if messages go by a virtual one.
   */
  tend(now: number): number;
  /** Resolves when all that was given so far is durable; returns nothing if it is durable already. */
  whenDurable(): Promise<void> | void;
  /** Finishes the work under way and frees everything. */
  close(): Promise<void>;
}

/** How many dead letters were sent back, and how many stayed. */
export interface RedriveCount {
  readonly count: number;
  /** Those that a follower holds, that are gone or no dead letters, or whose stream is gone. */
  readonly skipped: number;
}

/** How many messages were removed, and how many of the ids were left. */
export interface DropCount {
  readonly count: number;
  /** Those that a follower holds, or that are gone. */
  readonly skipped: number;
}

/** The streams that a pattern is matched with. */
export interface StreamSearch {
  readonly kind: "publisher" | "follower";
  readonly bind: BindFields;
  readonly filter?: StreamFilter | undefined;
}

/** The deliveries that a user sees, and followers: those of a stream that is seen, and the user's own. */
export interface PelView {
  readonly filter: StreamFilter;
  readonly owner: string;
}

/** The streams that a filter allows; it must be closed. */
export interface StreamWatch {
  /** Does some of the first search; returns whether nothing is left. */
  prepare(stepsMax: number): boolean;
  /** How many streams there are. */
  readonly count: number;
  /** The bytes of their messages, those about to be stored included; takes time for each stream. */
  readonly bytes: number;
  close(): void;
}

/** How much a publisher may still store. */
export interface Allowance {
  /** Takes room for a new batch, in all its streams together; returns the error if there is none. */
  take(bytes: number): BrokerError | undefined;
}

export interface PublisherInit extends MemberPermit {
  readonly identity: string;
  readonly bind: BindFields;
  /** The number of the last message that was sent before and may be sent again, if there is one. */
  readonly sentUntil?: number;
  /** How long ago the first of these was sent, in milliseconds; undefined means the longest possible time. */
  readonly sentMs?: number;
}

export interface NumberedBatch extends MessageBatch, BatchNumber {
  /** Outcomes of messages below this number need not be remembered. */
  readonly settled: number;
  /** The properties of its messages; none by default. */
  readonly flags?: number;
}

/** The streams that a batch was stored in, each with the id of the batch's first message. */
export interface StoredIn {
  readonly stream: string;
  /** The id of the first message; the others count on from there. */
  readonly firstId: number;
  /** The id of the message that it has replaced, if it has a coalescing id and has replaced one. */
  readonly replaced?: number | undefined;
  /** Whether this message stays in its place, and it was let go. */
  readonly isKept?: boolean | undefined;
}

export interface PublisherSink {
  /**
   * The batch is stored. With `isDuplicate` it was stored before: it was sent again, or, with
   * `hasSameId`, another message with the same dedup id is remembered.
   */
  confirm(
    batch: BatchNumber,
    stored: readonly StoredIn[],
    isDuplicate: boolean,
    hasSameId: boolean,
  ): void;
  /** The batch is not stored. */
  refuse(batch: BatchNumber, error: BrokerError): void;
  /** The publisher has lost its permission; later batches are refused with the same error. */
  end(error: BrokerError): void;
}

export interface BatchNumber {
  /** The number of its first message among all that the publisher sends. */
  readonly sequence: number;
  readonly count: number;
  /** How many bytes it has. */
  readonly bytes: number;
  /** When it arrived, by the time of its session, if that has said so. */
  readonly arrivedAt?: number;
}

export interface EnginePublisher {
  /**
   * Stores a batch that has been checked; the sink hears the outcome. The batch's buffer is not used
   * after the call returns.
   */
  publish(batch: NumberedBatch): void;
  /** Refuses a batch with a mistake; the sink hears it, and repetitions get the same answer. */
  refuse(batch: NumberedBatch, error: BrokerError): void;
  /** Ends the publisher for good; its batches need not be recognised any more. */
  close(): void;
  /** Its connection is lost; it may come back under the same identity. */
  lose(): void;
  /** Sets the streams that its pattern may find, from the next batch on. */
  setFilter(filter: StreamFilter | undefined): void;
  /** Sets how much it may still store; `undefined` for no limit. */
  setAllowance(allowance: Allowance | undefined): void;
  /** Refuses all later batches; its sink hears of the end when those under way are answered. */
  forbid(error: BrokerError): void;
}

export interface ReplySink {
  /** Takes replies; the buffer is valid during the call only. */
  deliver(batch: MessageBatch): void;
}

export interface EngineReplyStream {
  /** Ends it: no request waits for a reply any more. */
  close(): void;
}
