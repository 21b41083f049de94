// Errors of publisher calls that fail in the client, not at the broker.

import { BrokerError } from "../../../protocol.ts";
import type { Bind } from "../member/bind.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";

/** Shows a bind in a message. */
export function describeBind({ routeString, bindType, ignoreCase }: Bind): string {
  if (bindType === "direct") return `"${routeString}"`;
  return `/${routeString}/${ignoreCase ? "i" : ""}`;
}

/** The error of a call that was not confirmed in time. */
export function explainTimeout(action: string, timeoutMs: number, isSent: boolean): BrokerError {
  const rest = isSent ? "it was sent and may be stored" : "it is not sent any more";
  const message = `${action}: it was not confirmed within ${timeoutMs} ms; ${rest}`;
  return new BrokerError("PUBLISH_TIMEOUT", message);
}

/** The error of calls that were not finished when their publisher ended. */
export function explainPublisherEnd(error: Error | undefined): Error {
  const isOwn = error instanceof ConnectionClosedError ||
    error instanceof BrokerError && !error.fatal;
  if (isOwn) return error;
  return new ConnectionClosedError("Cannot publish: the connection is closed", { cause: error });
}

/** The error of calls whose publisher was closed by a signal. */
export function explainGivenUp(cause: unknown): Error {
  const message = "Cannot publish: the publisher was closed without waiting for confirms; " +
    "messages that were sent may be stored";
  return new ConnectionClosedError(message, { cause });
}

/** The error of calls whose publisher was closed while nothing moved. */
export function explainDrained(drainMs: number, obstacle: Error | undefined): Error {
  const why = obstacle === undefined ? "" : `; ${obstacle.message}`;
  const message = `Cannot publish: the publisher was closed, and for ${drainMs} ms nothing was ` +
    `confirmed; messages that were sent may be stored${why}`;
  return new ConnectionClosedError(message, { cause: obstacle });
}
