/**
 * What there is beside messages: the streams and the publishers, at one moment. It stands in for all
 * events up to then whose messages are gone.
 *
 * @module
 */

import type { StreamOptionsInput } from "../../protocol.ts";
import type { MessageIdSnapshot } from "./dedup_window.ts";
import type { SentBatch } from "./publisher_record.ts";

/** A stream in a snapshot. */
export interface StreamSnapshot {
  readonly number: number;
  readonly name: string;
  /** The id that its next message gets. */
  readonly nextId: number;
  /** What is set for it, as far as that is not what all streams have. */
  readonly options?: StreamOptionsInput;
  /** Whether nothing is delivered from it. */
  readonly isPaused?: boolean;
  /** The message ids that it has seen lately. */
  readonly messageIds?: readonly MessageIdSnapshot[];
}

/** A publisher in a snapshot. */
export interface PublisherSnapshot {
  readonly number: number;
  readonly identity: string;
  /** The number of the last message of it that was stored. */
  readonly lastSequence: number;
  /** The batches of it that were stored and may be sent again. */
  readonly batches: readonly SentBatch[];
}

/** Streams and publishers. */
export interface Snapshot {
  /** The number that the next stream gets. */
  readonly nextStreamNumber: number;
  /** The number that the next publisher gets. */
  readonly nextPublisherNumber: number;
  readonly streams: readonly StreamSnapshot[];
  readonly publishers: readonly PublisherSnapshot[];
}
