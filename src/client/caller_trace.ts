/**
 * Where a call was made that has failed: an error of the broker is made while a frame is read, and
 * knows nothing of that by itself.
 *
 * @module
 */

import { BrokerError } from "../../protocol.ts";
import { ConnectionClosedError } from "./connection_closed_error.ts";

/**
 * Rejects with an error whose stack leads to whoever awaits it. A promise that is resolved with this
 * one costs nothing more until it fails: the engine follows the promises from here to the functions
 * that wait for them.
 *
 * @param error What has happened. It is not changed, because several calls may have failed with it.
 */
export async function traceCaller(error: Error): Promise<never> {
  // One turn for the promise that is resolved with this one to be tied to it, one to be followed.
  await undefined;
  await undefined;
  const copy = copyError(error);
  if (copy === undefined) throw error;
  Error.captureStackTrace(copy, traceCaller);
  // Nobody awaits it in an async function: the way through the client is better than none.
  if (!copy.stack?.includes("\n    at ")) copy.stack = error.stack ?? "";
  throw copy;
}

/** The same error with the stack of the call that it is thrown from. */
export function errorOfCall(error: Error): Error {
  const copy = copyError(error);
  if (copy !== undefined) Error.captureStackTrace(copy, errorOfCall);
  return copy ?? error;
}

/** The same error for one caller; none if it is the caller's own already. */
function copyError(error: Error): Error | undefined {
  const { message, cause } = error;
  const options = cause === undefined ? undefined : { cause };
  if (error instanceof BrokerError) {
    return new BrokerError(error.code, message, { ...options, details: error.details });
  }
  return error instanceof ConnectionClosedError
    ? new ConnectionClosedError(message, options)
    : undefined;
}
