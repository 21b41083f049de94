/**
 * What a client is told when something goes wrong that the protocol has no error for.
 *
 * @module
 */

import { BrokerError } from "../../../protocol.ts";
import type { LinkFault } from "../../transport/heartbeat.ts";
import type { Log } from "../log.ts";

/**
 * Passes the protocol's errors on; anything else is a fault of the broker, logged in full.
 *
 * @param error What was thrown.
 * @param log Where a fault is told.
 * @returns What the client is told.
 */
export function asBrokerError(error: unknown, log: Log): BrokerError {
  if (error instanceof BrokerError) return error;
  const detail = error instanceof Error ? error.stack ?? error.message : String(error);
  log.error("unexpected error in a session", { error: detail });
  return new BrokerError("INTERNAL_ERROR", "an unexpected fault in the broker", { cause: error });
}

/** Why a client is given up that said nothing, or took nothing. */
export function explainFault(fault: Exclude<LinkFault, "late">): BrokerError {
  return fault === "silent"
    ? new BrokerError("HEARTBEAT_LOST", "nothing was heard from the client for too long")
    : new BrokerError("SLOW_READER", "the client does not read what is sent to it");
}
