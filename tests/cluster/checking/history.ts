/**
 * What clients have seen of a cluster of brokers, event by event. All clients are in one process, so that
 * there is one order.
 *
 * ```text
 * sent ─▶ confirmed | refused | unknown                      of a publisher's message
 * delivered ─▶ acked ─▶ ackConfirmed | ackUnknown            of a delivery
 *           └▶ returned
 * opened ─▶ lost                                             of a session with one broker
 * reignBegan ─▶ reignEnded                                   of a broker's time as the active one
 * ```
 *
 * @module
 */

import type { Label, StoredIn } from "../../support/checking/history.ts";

export type { Label, StoredIn };

/**
 * A broker's time as the active one, as far as it can be told from outside: the broker, and how often it
 * has begun as a standby. Within it there is one epoch.
 */
export type Reign = string;

/** A message is about to be sent. */
export interface Sent extends Label {
  readonly type: "sent";
  /** The streams that it must be stored in. */
  readonly targets: readonly string[];
  /** A hash of its body. */
  readonly hash: number;
  /** Messages of one publisher with the same call are stored together or not at all. */
  readonly call: number;
}

/** A broker has confirmed a message. */
export interface Confirmed extends Label {
  readonly type: "confirmed";
  /** Where it is stored, as far as the receipt tells. */
  readonly storedIn: readonly StoredIn[];
}

/** A broker has refused a message, or nobody knows what became of it. */
export interface NotConfirmed extends Label {
  readonly type: "refused" | "unknown";
}

/** A handler was given a message. */
export interface Delivered extends StoredIn {
  readonly type: "delivered";
  /** A number that no other delivery has. */
  readonly delivery: number;
  readonly follower: string;
  readonly session: number;
  readonly key: string | undefined;
  /** Which message it is by what is in its body; nothing if that cannot be read. */
  readonly label: Label | undefined;
  readonly hash: number;
}

/**
 * What became of a delivery: it is about to be acknowledged, or given back, or it is known whether the
 * acknowledgement is durable.
 */
export interface Handled {
  readonly type: "acked" | "returned" | "ackConfirmed" | "ackUnknown";
  readonly delivery: number;
}

/** A client has a session with a broker. */
export interface SessionOpened {
  readonly type: "opened";
  /** A number that no other session has. */
  readonly session: number;
  readonly reign: Reign;
}

/** A client's session is over. */
export interface SessionLost {
  readonly type: "lost";
  readonly session: number;
}

/** A broker has said that it is the active one now. */
export interface ReignBegan {
  readonly type: "reignBegan";
  readonly reign: Reign;
  readonly epoch: number;
}

/** A broker's process is gone: what is sent to it from now on has no effect. */
export interface ReignEnded {
  readonly type: "reignEnded";
  readonly reign: Reign;
}

/** From here on a broker may have thought that its clients are silent: it stood still, or could not be reached. */
export interface Silenced {
  readonly type: "silenced";
  readonly reign: Reign;
}

/** A confirm, a delivery or an answer has come from a broker when its lease must have been over. */
export interface CameLate {
  readonly type: "cameLate";
  readonly reign: Reign;
  readonly what: string;
}

/** Something is done to the cluster. */
export interface FaultBegun {
  readonly type: "fault";
  readonly what: string;
}

/** Something that clients have seen, or that was done to the cluster. */
export type ClusterEvent =
  | Sent
  | Confirmed
  | NotConfirmed
  | Delivered
  | Handled
  | SessionOpened
  | SessionLost
  | ReignBegan
  | ReignEnded
  | Silenced
  | CameLate
  | FaultBegun;

/** Hears events, with the time at which they have come, in milliseconds. */
export type Hear = (event: ClusterEvent, at: number) => void;

/** Passes events on, and counts what a broker had a part in. */
export class ClusterHistory {
  readonly #hearers: readonly Hear[];
  readonly #now: () => number;
  #progress = 0;

  constructor(hearers: readonly Hear[], now: () => number = () => performance.now()) {
    this.#hearers = hearers;
    this.#now = now;
  }

  /** How many confirms, deliveries and confirmed acknowledgements there were. */
  get progress(): number {
    return this.#progress;
  }

  /** Adds an event that has come just now. */
  record(event: ClusterEvent): void {
    const { type } = event;
    if (type === "confirmed" || type === "delivered" || type === "ackConfirmed") this.#progress++;
    const at = this.#now();
    for (const hear of this.#hearers) hear(event, at);
  }
}
