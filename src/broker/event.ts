import type { MessageBatch, StoredRun, StreamOptionsInput } from "../../protocol.ts";
import type { StoredIn } from "./engine.ts";
import type { OpenBreaker } from "./breaker/breaker.ts";
import type { LaneSet, LimitSet } from "./lanes/lane_event.ts";
import type { ScheduleEvent, ScheduleStep } from "./schedules/table/schedule_event.ts";
import type { Failure } from "./failures/failure.ts";
import type { Place } from "./backlog/pager.ts";

export interface StreamCreated {
  readonly type: "streamCreated";
  readonly number: number;
  readonly name: string;
  /** Its options that are not the defaults. */
  readonly options?: StreamOptionsInput;
}

/** A stream's options or pause state changed. */
export interface StreamUpdated {
  readonly type: "streamUpdated";
  readonly number: number;
  /** All its options that are not the defaults now. */
  readonly options: StreamOptionsInput;
  readonly isPaused: boolean;
}

export interface StreamDeleted {
  readonly type: "streamDeleted";
  readonly number: number;
}

export interface PublisherOpened {
  readonly type: "publisherOpened";
  readonly number: number;
  readonly identity: string;
  /** The user that opened it first; undefined if there were no users then. */
  readonly owner?: string;
  /** Up to this message it is not known which ones were stored; undefined if it is known. */
  readonly doubtfulUntil?: number;
}

/** A publisher has ended, or was lost for too long. */
export interface PublisherClosed {
  readonly type: "publisherClosed";
  readonly number: number;
  /** When it was lost, in milliseconds since 1970, if it may still come back. */
  readonly lostAt?: number;
}

/** Where a batch was stored: which stream, by number and by name, and the id of the first message. */
export interface StoredAt extends StoredIn {
  readonly number: number;
  /** When messages without a time to live of their own expire; undefined for never. */
  readonly expiresAt?: number;
}

/** A message that a new one takes the place of, by its stream's number and its id. */
export interface Replaced {
  readonly number: number;
  readonly id: number;
  /** Until when a message of its coalescing id has to be ready, if the new one has that id, too. */
  readonly until?: number;
}

/** A message that stays in the place of a new one, by its stream's number and its id. */
export interface KeptMessage {
  readonly number: number;
  readonly id: number;
  /** When it is ready now, if that has changed. */
  readonly dueAt?: number;
}

/** What is done together with storing a batch, or not at all. */
export interface PublishedNotes {
  /** The schedule that the batch is of, and where it goes on. */
  readonly schedule?: ScheduleStep;
  /** Messages that are removed. */
  readonly replaces?: readonly Replaced[];
  /** Messages that stay in some of the streams, where the batch is not stored. */
  readonly kept?: readonly KeptMessage[];
}

/** A batch was stored, in one stream or in several. */
export interface Published {
  readonly type: "published";
  readonly publisher: number;
  /** The number of its first message among all that the publisher sends. */
  readonly sequence: number;
  /** The publisher does not ask for outcomes of messages below this number; undefined if it may. */
  readonly settled?: number;
  readonly storedIn: readonly StoredAt[];
  /** When it came, in milliseconds since 1970. */
  readonly storedAt: number;
  /** The properties of its messages, if known; not written. */
  readonly flags?: number;
  readonly notes?: PublishedNotes;
  readonly batch: MessageBatch;
  /** Where they were written to, if they were. */
  readonly place?: Place;
}

/**
 * Messages were stored in another stream and removed from the first: dead letters, on their way there
 * and back.
 */
export interface Transferred {
  readonly type: "transferred";
  /** The number of the stream that they were in, and the first one's id there. */
  readonly from: number;
  readonly fromId: number;
  /** The number of the stream that they are in now, and the first one's id there. */
  readonly to: number;
  readonly firstId: number;
  /** When it was done, in milliseconds since 1970. */
  readonly storedAt: number;
  /** When they expire; undefined for never. */
  readonly expiresAt?: number;
  readonly batch: MessageBatch;
  /** Where they were written to, if they were. */
  readonly place?: Place;
}

/** Messages that were stored before were written to another place, to free the old one. */
export interface Moved {
  readonly type: "moved";
  readonly number: number;
  readonly firstId: number;
  /** When they were stored, in runs; undefined if an earlier version has moved them. */
  readonly storedAt?: readonly StoredRun[];
  readonly batch: MessageBatch;
  readonly place?: Place;
}

/** A message was let go: in each of its streams, another one of its coalescing id stays. */
export interface Kept {
  readonly type: "kept";
  readonly publisher: number;
  readonly sequence: number;
  /** The publisher does not ask for outcomes of messages below this number; undefined if it may. */
  readonly settled?: number;
  /** When it came, in milliseconds since 1970. */
  readonly storedAt: number;
  readonly kept: readonly KeptMessage[];
  /** Its dedup id, if it has one: from now on that of the others. */
  readonly dedupId?: string;
}

/** The times of a message with a coalescing id, in milliseconds since 1970. */
export interface Coalesced {
  readonly type: "coalesced";
  readonly number: number;
  readonly id: number;
  /** When it is ready. */
  readonly dueAt: number;
  /** Until when it, or one in its place, has to be ready; undefined for no limit. */
  readonly until?: number;
  /** When it expires; undefined for never. */
  readonly expiresAt?: number;
}

export interface Acknowledged {
  readonly type: "acknowledged";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
}

/** Consecutive messages of a stream were worked on, `attempts` times so far. */
export interface Attempted {
  readonly type: "attempted";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
  readonly attempts: number;
}

/** Consecutive messages of a stream were removed without an acknowledgement. */
export interface Dropped {
  readonly type: "dropped";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
}

/** Consecutive messages of a stream were delivered and failed. */
export interface Failed {
  readonly type: "failed";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
  readonly attempts: number;
  /** Until when they are held back, in milliseconds since 1970; 0 if they are not. */
  readonly dueAt: number;
  /** Their failure so far. */
  readonly failure: Failure;
  /**
   * How many of its last reasons are new: the others are in the event before this one. Undefined if all
   * are to be written.
   */
  readonly newReasons?: number;
  /** Their priority, if it is not the default; not written. */
  readonly priority?: number | undefined;
  /** The number of their lane, if they have one; not written. */
  readonly lane?: number | undefined;
}

/**
 * Consecutive messages of a stream were delivered and come back later, without having used up an attempt:
 * `attempts` does not count that delivery.
 */
export interface Postponed extends Omit<Failed, "type"> {
  readonly type: "postponed";
}

/** The breaker of a stream has opened or closed, or it lets a probe go at another time. */
export interface BreakerChanged {
  readonly type: "breakerChanged";
  readonly number: number;
  /** The lane whose breaker it is; undefined if it is that of the stream. */
  readonly lane?: string | undefined;
  /** Undefined if it is closed. */
  readonly open?: OpenBreaker | undefined;
}

/** A follower has postponed all messages of a lane, also those to come, until a time. */
export interface LaneHeld {
  readonly type: "laneHeld";
  readonly number: number;
  readonly lane: string;
  readonly until: number;
}

/** Consecutive messages of a stream expire at a time. */
export interface ExpirySet {
  readonly type: "expirySet";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
  /** When; 0 if their time is over. */
  readonly at: number;
  /** Whether that is a calendar time, and not a time of the rules. */
  readonly isDated?: true;
}

/** The machine's clock was read: how far it is ahead of the time of the rules from now on. */
export interface ClockRead {
  readonly type: "clockRead";
  readonly at: number;
  /** How far the machine's clock was ahead, in milliseconds; negative if it was behind. */
  readonly aheadMs: number;
}

/** An event about messages that takes only a few bytes. */
export type Fact = Acknowledged | Attempted | Dropped;

export type Stored = Published | Transferred;

/**
 * Events that count as soon as they are decided. Messages do not: they count when they are durable, so
 * a log takes them with an outcome only.
 */
export type Decided =
  | StreamCreated
  | StreamUpdated
  | StreamDeleted
  | PublisherOpened
  | PublisherClosed
  | Acknowledged
  | Attempted
  | Dropped
  | Failed
  | Postponed
  | BreakerChanged
  | LaneHeld
  | ExpirySet
  | ScheduleEvent
  | Kept
  | Coalesced
  | LaneSet
  | LimitSet
  | ClockRead;

/**
 * Everything that must be written to have the same streams again: each change is one of these events and
 * goes through `BrokerState.apply`. Streams and publishers have numbers here that are never used twice,
 * since a name may be given up and taken again.
 */
export type Event = Decided | Stored | Moved;
