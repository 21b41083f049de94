/**
 * The durable facts: everything that would have to be written down to have the same streams again.
 * Whatever changes them goes through one of these, and through `Broker.apply`.
 *
 * @module
 */

import type { MessageBatch } from "../../protocol.ts";
import type { StoredIn } from "./engine.ts";

/** A stream was created. */
export interface StreamCreated {
  readonly type: "streamCreated";
  readonly stream: string;
}

/** A stream was deleted, with everything in it. */
export interface StreamDeleted {
  readonly type: "streamDeleted";
  readonly stream: string;
}

/** A batch was stored, in one stream or in several. */
export interface Published {
  readonly type: "published";
  /** Who sent it. */
  readonly identity: string;
  /** The number of its first message in all that the publisher sends. */
  readonly sequence: number;
  /** Where it was stored. */
  readonly storedIn: readonly StoredIn[];
  readonly batch: MessageBatch;
}

/** Consecutive messages of a stream were acknowledged. */
export interface Acknowledged {
  readonly type: "acknowledged";
  readonly stream: string;
  readonly firstId: number;
  readonly count: number;
}

/** One of the durable facts. */
export type Event = StreamCreated | StreamDeleted | Published | Acknowledged;
