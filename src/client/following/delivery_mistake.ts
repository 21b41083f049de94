/**
 * What can be wrong with what a handler says of a message: found before anything is sent. And why it
 * gets no more of them.
 *
 * @module
 */

import { BrokerError, SPAN_MS_MAX } from "../../../protocol.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";

/** What is done to a message. */
export type DeliveryAction = "acknowledge" | "nack" | "reject" | "release" | "extend";

/** Finds out whether a span of time is allowed, from `low` milliseconds on. */
export function findSpanError(
  action: DeliveryAction,
  name: string,
  span: unknown,
  low: number,
): Error | undefined {
  if (typeof span !== "number") {
    return new TypeError(`Cannot ${action} a message: ${name} is a number, found ${typeof span}`);
  }
  if (Number.isSafeInteger(span) && span >= low && span <= SPAN_MS_MAX) return undefined;
  return new RangeError(
    `Cannot ${action} a message: ${name} is ${span}, allowed are ${low} to ${SPAN_MS_MAX}`,
  );
}

/** The error for a message that is not the follower's any more. */
export function explainStale(
  action: DeliveryAction,
  { id, stream }: { readonly id: number; readonly stream: string },
  why: string,
): BrokerError {
  return new BrokerError("STALE_DELIVERY", `Cannot ${action} message ${id} of "${stream}": ${why}`);
}

/** The error for what cannot be done to a message that was acknowledged before its loop saw it. */
export function explainAutomatic(
  action: DeliveryAction,
  { id, stream }: { readonly id: number; readonly stream: string },
): TypeError {
  const what = action === "acknowledge" ? "acknowledge with confirm" : action;
  return new TypeError(
    `Cannot ${what} message ${id} of "${stream}": its loop has autoAck, which has acknowledged it; ` +
      `leave autoAck out to decide about each message`,
  );
}

/** The broker's own refusals are passed on; everything else has ended the connection. */
export function explainEnd(error: Error): Error {
  if (error instanceof BrokerError && !error.fatal) return error;
  return new ConnectionClosedError("Cannot get messages: the connection is closed", {
    cause: error,
  });
}
