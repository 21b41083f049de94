import type { BindFields, BrokerError, MessageBatch, StoredRun, TagRange } from "../../protocol.ts";
import type { MemberPermit, StreamFilter } from "./member_permit.ts";

export interface FollowerInit extends MemberPermit {
  readonly name: string;
  readonly bind: BindFields;
  /** How many messages it may hold unacknowledged. */
  readonly messages: number;
  /** How many bytes it may hold unacknowledged. */
  readonly bytes: number;
  /** How many streams it is attached to at once; all by default. */
  readonly attachMax?: number;
  /**
   * Whether it reports deliveries that a handler has by {@linkcode EngineFollower.begin}; if not, the
   * oldest one is assumed.
   */
  readonly reportsBegin?: boolean | undefined;
  /** How many messages it works on at once; 1 by default. What is limited is not delivered beyond it. */
  readonly slots?: number | undefined;
  /** Whether its client hands out messages of one key one at a time and in order. */
  readonly ordersKeys?: boolean | undefined;
}

/** Consecutive messages of one stream on their way to one follower. */
export interface Delivery {
  readonly stream: string;
  readonly firstTag: number;
  readonly firstId: number;
  /** How often they were delivered, this time included. */
  readonly attempts: number;
  /** When they were stored, in runs that make up the whole batch. */
  readonly storedAt: readonly StoredRun[];
  /** Whether the follower must report them as begun before a handler gets them. */
  readonly isDoubtful: boolean;
  /** Whether they were in a batch that failed as a whole, and make up a batch of their own. */
  readonly isSuspect?: boolean | undefined;
  /** The messages; the buffer is valid during the call only. */
  readonly batch: MessageBatch;
}

export interface FollowerSink {
  /** Whether nothing more should be delivered until {@linkcode EngineFollower.resume}. */
  readonly isFull: boolean;
  /** Whether its client's frames are not read at the moment: unread ones may end deliveries that run out. */
  readonly isUnread?: boolean;
  deliver(delivery: Delivery): void;
  /** Hears of deliveries that were taken back from the follower, or cancelled. */
  revoke(ranges: readonly TagRange[], reason: string, isCancelled?: boolean): void;
  noteDeleted(stream: string): void;
  /** Hears that the breaker of a stream is open, and that it is closed again. */
  noteBreaker?(stream: string, isOpen: boolean): void;
  /** The follower has lost its permission, and is closed. */
  end(error: BrokerError): void;
}

export interface NackDetails {
  /** The delay of their messages, in milliseconds; by default the stream's backoff. */
  readonly delayMs?: number | undefined;
  /** The reason; may be empty. */
  readonly reason: string;
  /** Something that the handler needs is at fault, and not the message. */
  readonly isFault?: boolean | undefined;
  /** The messages were not worked on: that was no attempt. They wait for `delayMs`. */
  readonly isPostponed?: boolean | undefined;
  /** With the last one: all messages of their lanes wait as long. */
  readonly holdsLane?: boolean | undefined;
  /** One handler had them together: they come back in halves, and only one that is alone pays. */
  readonly isTogether?: boolean | undefined;
}

export interface EngineFollower {
  /** The name of its stream, if that did not exist when it was opened. */
  readonly missing?: string | undefined;
  /** Attaches it to so many more of its streams; returns whether that was all. */
  attach(countMax: number): boolean;
  /**
   * Sets the streams that its pattern may find: takes back the deliveries of all others, for a reason, and
   * attaches it to new ones. Throws `TOO_MANY_MEMBERS` if they are too many.
   */
  setFilter(filter: StreamFilter | undefined, reason: string): void;
  /** Takes back its deliveries and closes it; its sink hears of the end. */
  forbid(error: BrokerError): void;
  /** Sets how much it may hold unacknowledged, and how many messages it works on at once. */
  setCredit(messages: number, bytes: number, slots?: number): void;
  /**
   * Ends deliveries. Of the ranges, those that are held are ended in any case; so are those that were
   * taken back because they ran out or the client was silent, if no other follower has their messages.
   * For all others in the ranges it throws, or rejects with, `UNKNOWN_DELIVERY` or `STALE_DELIVERY`.
   *
   * @param isConfirmed Whether the client waits until it is durable: then it is flushed at once.
   * @returns A promise of that, or nothing if it is durable already or the client does not wait.
   */
  ack(ranges: readonly TagRange[], isConfirmed: boolean): Promise<void> | void;
  /** Ends deliveries that have failed; throws or resolves like {@linkcode EngineFollower.ack}. */
  nack(
    ranges: readonly TagRange[],
    options: NackDetails,
    isConfirmed: boolean,
  ): Promise<void> | void;
  /** Ends deliveries whose messages must not be delivered again; throws or resolves like `ack`. */
  reject(ranges: readonly TagRange[], reason: string, isConfirmed: boolean): Promise<void> | void;
  /** Sets the deadline of deliveries to so many milliseconds from now; throws like {@linkcode EngineFollower.ack}. */
  extend(ranges: readonly TagRange[], ms: number): void;
  /** Takes back deliveries that no handler has seen; throws like {@linkcode EngineFollower.ack}. */
  release(ranges: readonly TagRange[]): void;
  /** Notes that handlers have deliveries; throws like {@linkcode EngineFollower.ack}. */
  begin(ranges: readonly TagRange[]): void;
  /** Notes that one handler has deliveries together; throws like {@linkcode EngineFollower.ack}. */
  beginBatch(ranges: readonly TagRange[]): void;
  /** Its sink is not full any more. */
  resume(): void;
  /**
   * Its client is silent: all its messages are ready again, as if it were lost, and it gets nothing more
   * until it shows life. Late acknowledgements count if no other follower has the message.
   *
   * @returns How many deliveries may be acknowledged late, those that ran out before included.
   */
  silence(): number;
  /**
   * Ends the follower: all its messages are ready again.
   *
   * @param lastTag The last tag that its client has received: later ones do not count as attempts,
   * earlier ones do. Without it the follower is lost, and only its oldest delivery and those that
   * have begun count.
   */
  close(lastTag?: number): void;
}
