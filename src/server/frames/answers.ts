/**
 * What a session offers to its publishers and followers.
 *
 * @module
 */

import type { BrokerError } from "../../../protocol.ts";
import type { Engine } from "../../broker/engine.ts";
import type { Link } from "../../transport/link.ts";
import type { WaitingReplies } from "../flow/waiting_replies.ts";

/** A session, as its members see it. */
export interface SessionHost {
  /** Its number, for logs. */
  readonly number: number;
  /** What holds the streams. */
  readonly engine: Engine;
  /** The connection to the client. */
  readonly link: Link;
  /** The largest body, in bytes. */
  readonly bodyBytesMax: number;
  /** What waits of replies, over all sessions. */
  readonly waitingReplies: WaitingReplies;
  /** Whether nothing can be said to the client any more. */
  readonly isOver: boolean;
  /** Whether more waits for the client than should; deliveries go on when there is room again. */
  readonly isFull: boolean;

  /** Gives a stream its number in this session, and tells the client when it is a new one. */
  numberOf(stream: string): number;
  /** Notes bytes that were written for the client and that it has not asked for. */
  notePushed(bytes: number): void;
  /** Answers a query. */
  respond(query: number, result: unknown): void;
  /** Tells the client that a command failed. */
  report(
    error: BrokerError,
    about: { query?: number; publisher?: number; follower?: number },
  ): void;
  /** Tells the client of a failed command; throws what is fatal, as every fault of the broker is. */
  fail(cause: unknown, about: { query?: number; follower?: number }): void;
  /** Tells the client what was wrong, and closes the connection. */
  endWith(cause: unknown): Promise<void>;
  /** Notes that the broker has taken on bytes of a batch. */
  useBudget(bytes: number): void;
  /** Notes that the outcome of these bytes is known. */
  freeBudget(bytes: number): void;
}
