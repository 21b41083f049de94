/**
 * What a session of JSON lines offers to its publishers and followers.
 *
 * @module
 */

import type { BrokerError, SessionLimits } from "../../../protocol.ts";
import type { Engine } from "../../broker/engine.ts";

/** A session of JSON lines, as its members see it. */
export interface LineHost {
  /** Its number, for logs. */
  readonly number: number;
  /** What holds the streams. */
  readonly engine: Engine;
  /** How large things may be. */
  readonly limits: SessionLimits;
  /** Whether more waits for the client than should; deliveries go on when there is room again. */
  readonly isFull: boolean;

  /** Sends a line. */
  say(line: string): void;
  /** Tells the client of an error; one that is fatal ends the session. */
  report(error: BrokerError): void;
  /** Notes that the broker has taken on bytes of a message. */
  useBudget(bytes: number): void;
  /** Notes that the outcome of these bytes is known. */
  freeBudget(bytes: number): void;
}

/**
 * Writes a message, or an answer to a cursor, as a line.
 *
 * @param body The body: a JSON value, as text.
 * @param id What an acknowledgement of it has to say; 0 for an answer.
 * @param isTruncated Whether something was left out of the answer.
 * @returns The line.
 */
export function formatMessage(body: string, id: number, isTruncated = false): string {
  const cut = isTruncated ? ',"truncated":true' : "";
  return `{"sender_type":"SERVER","request_type":"NEW_MESSAGE_TO_FOLLOWER",` +
    `"message_body":${body},"id":${id}${cut}}`;
}
