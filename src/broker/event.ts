import type { MessageBatch, StreamOptionsInput } from "../../protocol.ts";
import type { StoredIn } from "./engine.ts";
import type { Failure } from "./share/failure.ts";
import type { Place } from "./backlog/pager.ts";

export interface StreamCreated {
  readonly type: "streamCreated";
  readonly number: number;
  readonly name: string;
  /** What is set for it, as far as that is not what all streams have. */
  readonly options?: StreamOptionsInput;
}

/** A stream's options or pause state changed. */
export interface StreamUpdated {
  readonly type: "streamUpdated";
  readonly number: number;
  /** All that is set for it now, as far as that is not what all streams have. */
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
  /** Up to this message it is not known what was stored before; not there if that is known. */
  readonly doubtfulUntil?: number;
}

/** A publisher has ended, or was lost for too long. */
export interface PublisherClosed {
  readonly type: "publisherClosed";
  readonly number: number;
  /** When it was lost, in milliseconds since 1970, if it may come back all the same. */
  readonly lostAt?: number;
}

/** Where a batch was stored: which stream, by number and by name, and the id of the first message. */
export interface StoredAt extends StoredIn {
  readonly number: number;
  /** When those of the messages expire that do not say so themselves; not there if never. */
  readonly expiresAt?: number;
}

/** A batch was stored, in one stream or in several. */
export interface Published {
  readonly type: "published";
  readonly publisher: number;
  /** The number of its first message in all that the publisher sends. */
  readonly sequence: number;
  /** The publisher does not ask for outcomes of messages below this number; not there if it may. */
  readonly settled?: number;
  readonly storedIn: readonly StoredAt[];
  /** When it came, in milliseconds since 1970. */
  readonly storedAt: number;
  /** Which properties its messages have, if that is known; it is not written. */
  readonly flags?: number;
  readonly batch: MessageBatch;
  /** Where they were written to, if they were. */
  readonly place?: Place;
}

/**
 * Messages of a stream were stored in another one, and are gone from the first: dead letters, on
 * their way there and back.
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
  /** When they expire; not there if never. */
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
  readonly batch: MessageBatch;
  readonly place?: Place;
}

export interface Acknowledged {
  readonly type: "acknowledged";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
}

/** Consecutive messages of a stream were worked on, so often until then. */
export interface Attempted {
  readonly type: "attempted";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
  readonly attempts: number;
}

/** Consecutive messages of a stream are gone although nobody acknowledged them. */
export interface Dropped {
  readonly type: "dropped";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
}

/** Consecutive messages of a stream were delivered, and came back because something went wrong. */
export interface Failed {
  readonly type: "failed";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
  readonly attempts: number;
  /** Until when they are held back, in milliseconds since 1970; 0 if they are not. */
  readonly dueAt: number;
  /** What went wrong with them until now. */
  readonly failure: Failure;
  /**
   * How many of its reasons, the last ones, were not written before: the others are in the event before
   * this one. Not there if all are to be written.
   */
  readonly newReasons?: number;
  /** Their priority, if it is not the usual one; it is not written. */
  readonly priority?: number | undefined;
}

/** Consecutive messages of a stream expire at a time. */
export interface ExpirySet {
  readonly type: "expirySet";
  readonly number: number;
  readonly firstId: number;
  readonly count: number;
  /** When; 0 if their time is over. */
  readonly at: number;
  /** Whether that is what the machine's clock says then, and not a time of the rules. */
  readonly isDated?: true;
}

/** The machine's clock was read: so far it is ahead of the time of the rules from now on. */
export interface ClockRead {
  readonly type: "clockRead";
  readonly at: number;
  /** By how many milliseconds the machine's clock was ahead; negative if it was behind. */
  readonly aheadMs: number;
}

/** What is told of messages, and takes some bytes only. */
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
  | ExpirySet
  | ClockRead;

/**
 * Everything that has to be written down to have the same streams again: whatever changes them goes
 * through one of these, and through `BrokerState.apply`. Streams and publishers have numbers here, never
 * used twice: a name may be given up and taken again.
 */
export type Event = Decided | Stored | Moved;
