/**
 * What clients have seen of a broker, event by event, in the order in which they have seen it. All
 * clients are in one process, so that there is one order.
 *
 * ```text
 * attempted ─▶ confirmed | refused | unknown          of a publisher's message
 * delivered ─▶ ackSent ─▶ ackConfirmed | ackUnknown   of a delivery
 * faultBegun ─▶ faultStruck ─▶ faultEnded             of what was done to the broker
 * ```
 *
 * @module
 */

import { patiently } from "../patience.ts";

/** Nothing that comes at all is waited for so long, in milliseconds. */
const PATIENCE_MS = 60_000;

/** Which message: who published it, and its number in all that this publisher has published. */
export interface Label {
  /** The publisher's name. */
  readonly publisher: string;
  /** 1, 2, 3 … */
  readonly number: number;
}

/** A message is about to be sent. */
export interface Attempted extends Label {
  readonly type: "attempted";
  /** The streams that it must be stored in. */
  readonly targets: readonly string[];
  /** A hash of its body. */
  readonly hash: number;
  /** Messages of one publisher with the same call are stored together or not at all. */
  readonly call: number;
}

/** The broker has confirmed a message. */
export interface Confirmed extends Label {
  readonly type: "confirmed";
  /** Where it is stored, as far as the receipt tells. */
  readonly storedIn: readonly StoredIn[];
}

/** A message of a stream. */
export interface StoredIn {
  /** The stream. */
  readonly stream: string;
  /** The message's id in it. */
  readonly id: number;
}

/** The broker has refused a message: it is not stored. */
export interface Refused extends Label {
  readonly type: "refused";
}

/** Nobody knows what became of a message. */
export interface Unknown extends Label {
  readonly type: "unknown";
}

/** A handler was given a message. */
export interface Delivered extends StoredIn {
  readonly type: "delivered";
  /** The name of the follower. */
  readonly follower: string;
  /** How often it has been delivered, as the broker says. */
  readonly attempts: number;
  /** Which message it is by what is in its body; nothing if that cannot be read. */
  readonly label: Label | undefined;
  /** A hash of its body. */
  readonly hash: number;
}

/** A delivery is about to be acknowledged. */
export interface AckSent extends StoredIn {
  readonly type: "ackSent";
  readonly follower: string;
}

/** The broker has confirmed an acknowledgement. */
export interface AckConfirmed extends StoredIn {
  readonly type: "ackConfirmed";
  readonly follower: string;
}

/** Nobody knows what became of an acknowledgement. */
export interface AckUnknown extends StoredIn {
  readonly type: "ackUnknown";
  readonly follower: string;
}

/**
 * What is done to a broker: its process is killed, or stopped in an orderly way, or its disk is cut
 * off. What is confirmed while a disk is cut off may be lost or not: the system may have said that
 * something is flushed at the very moment.
 */
export type FaultKind = "kill" | "stop" | "cut";

/** Something is about to be done to the broker. */
export interface FaultBegun {
  readonly type: "faultBegun";
  readonly kind: FaultKind;
}

/** It is done: the broker cannot make anything durable any more. */
export interface FaultStruck {
  readonly type: "faultStruck";
}

/** A new broker is about to be started. */
export interface FaultEnded {
  readonly type: "faultEnded";
}

/** Something that clients have seen, or that was done to the broker. */
export type HistoryEvent =
  | Attempted
  | Confirmed
  | Refused
  | Unknown
  | Delivered
  | AckSent
  | AckConfirmed
  | AckUnknown
  | FaultBegun
  | FaultStruck
  | FaultEnded;

/** How to keep a history. */
export interface HistoryOptions {
  /** Hears each event. */
  readonly hear?: (event: HistoryEvent) => void;
  /**
   * Whether events are kept; a long run has too many of them.
   *
   * @default {true}
   */
  readonly keepsEvents?: boolean;
}

/** Someone who waits for something to be true. */
interface Waiter {
  readonly isTrue: () => boolean;
  readonly resolve: () => void;
}

/** Events as they come. */
export class History {
  readonly #options: HistoryOptions;
  readonly #events: HistoryEvent[] = [];
  #progress = 0;
  #refusedCount = 0;
  #waiters: Waiter[] = [];

  /** Begins with nothing. */
  constructor(options: HistoryOptions = {}) {
    this.#options = options;
  }

  /** The events, if they are kept. */
  get events(): readonly HistoryEvent[] {
    return this.#events;
  }

  /** How many events there were that a broker had a part in: confirms and deliveries. */
  get progress(): number {
    return this.#progress;
  }

  /** How many messages the broker has refused. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Adds an event. */
  record(event: HistoryEvent): void {
    const { hear, keepsEvents = true } = this.#options;
    if (keepsEvents) this.#events.push(event);
    if (isProgress(event)) this.#progress++;
    if (event.type === "refused") this.#refusedCount++;
    hear?.(event);
    for (const waiter of this.#waiters) if (waiter.isTrue()) this.#release(waiter);
  }

  /** Resolves as soon as something is true; it is looked at after each event. */
  async waitUntil(what: string, isTrue: () => boolean): Promise<void> {
    if (isTrue()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { isTrue, resolve };
    this.#waiters.push(waiter);
    try {
      await patiently(promise, PATIENCE_MS);
    } catch (cause) {
      throw new Error(`Waited in vain until ${what}`, { cause });
    } finally {
      this.#release(waiter);
    }
  }

  #release(waiter: Waiter): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
    waiter.resolve();
  }
}

function isProgress({ type }: HistoryEvent): boolean {
  return type === "confirmed" || type === "delivered" || type === "ackConfirmed";
}
