import { BrokerError } from "../../../protocol.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";

/** An operation on a message. */
export type DeliveryAction =
  | "acknowledge"
  | "nack"
  | "postpone"
  | "reject"
  | "release"
  | "extend";

interface NamedMessage {
  readonly id: number;
  readonly stream: string;
}

/** The error for a message that is no longer the follower's. */
export function explainStale(
  action: DeliveryAction,
  { id, stream }: NamedMessage,
  why: string,
): BrokerError {
  return new BrokerError("STALE_DELIVERY", `Cannot ${action} message ${id} of "${stream}": ${why}`);
}

/** The error for an operation on a message that `autoAck` has acknowledged. */
export function explainAutomatic(
  action: DeliveryAction,
  { id, stream }: NamedMessage,
): TypeError {
  const what = action === "acknowledge" ? "acknowledge with confirm" : action;
  return new TypeError(
    `Cannot ${what} message ${id} of "${stream}": its loop has autoAck, which has acknowledged it; ` +
      `leave autoAck out to decide about each message`,
  );
}

/** Passes on the broker's refusals; every other error has ended the connection. */
export function explainFollowerEnd(error: Error): Error {
  if (error instanceof BrokerError && !error.fatal) return error;
  return new ConnectionClosedError("Cannot get messages: the connection is closed", {
    cause: error,
  });
}
