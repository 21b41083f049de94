/**
 * Events: everything that has to be written down to have the same streams again.
 * Whatever changes them goes through one of these, and through `Broker.apply`.
 *
 * Streams and publishers have numbers here, never used twice: a name may be given up and taken again.
 *
 * @module
 */

import type { MessageBatch } from "../../protocol.ts";
import type { StoredIn } from "./engine.ts";
import type { Place } from "./pager.ts";

/** A stream was created. */
export interface StreamCreated {
  readonly type: "streamCreated";
  readonly number: number;
  readonly name: string;
}

/** A stream was deleted, with everything in it. */
export interface StreamDeleted {
  readonly type: "streamDeleted";
  readonly number: number;
}

/** A publisher has sent its first batch. */
export interface PublisherOpened {
  readonly type: "publisherOpened";
  readonly number: number;
  readonly identity: string;
}

/** A publisher has ended, or was lost for too long. */
export interface PublisherClosed {
  readonly type: "publisherClosed";
  readonly number: number;
}

/** Where a batch was stored: which stream, by number and by name, and the id of the first message. */
export interface StoredAt extends StoredIn {
  /** The number of the stream. */
  readonly number: number;
}

/** A batch was stored, in one stream or in several. */
export interface Published {
  readonly type: "published";
  /** Who sent it. */
  readonly publisher: number;
  /** The number of its first message in all that the publisher sends. */
  readonly sequence: number;
  /** Where it was stored. */
  readonly storedIn: readonly StoredAt[];
  /** The messages. */
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

/** Consecutive messages of a stream were acknowledged. */
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

/** One of the events. */
export type Event =
  | StreamCreated
  | StreamDeleted
  | PublisherOpened
  | PublisherClosed
  | Published
  | Moved
  | Acknowledged
  | Attempted;
