/**
 * What a client is told when something goes wrong that the protocol has no error for.
 *
 * @module
 */

import { BrokerError } from "../../protocol.ts";
import type { Log } from "./log.ts";

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
