// Stacks that lead to the caller: an error of the broker is made while a frame is read, and its own
// stack shows nothing of the application.

import { BrokerError } from "../../../protocol.ts";
import { ConnectionClosedError } from "./connection_closed_error.ts";

/** Where a call was made: its stack is formatted only if it is asked for. */
export interface CallSite {
  readonly stack?: string;
}

/** Notes where a call is made; that costs a microsecond or two. */
export function noteCallSite(): CallSite {
  const site: CallSite = {};
  Error.captureStackTrace(site, noteCallSite);
  return site;
}

/**
 * Rejects with an error whose stack leads to the function that awaits it. Resolving a promise with this
 * one costs nothing before it fails: the engine follows the promises from here to those that wait.
 *
 * @param error What has happened. It is not changed, because several calls may have failed with it.
 * @param site Where the call was made, if that was noted.
 */
export async function traceCaller(error: Error, site?: CallSite): Promise<never> {
  // One turn for the promise that is resolved with this one to be tied to it, one to be followed.
  await undefined;
  await undefined;
  const copy = copyError(error);
  if (copy === undefined) throw error;
  const frames = framesOf(site ?? captureHere());
  // Nobody awaits it in an async function: the way through the client is better than none.
  copy.stack = frames === "" ? error.stack ?? "" : `${copy.name}: ${copy.message}${frames}`;
  throw copy;
}

/** The same error with the stack of the call that it is thrown from. */
export function errorOfCall(error: unknown): unknown {
  const copy = copyError(error);
  if (copy !== undefined) Error.captureStackTrace(copy, errorOfCall);
  return copy ?? error;
}

function captureHere(): CallSite {
  const site: CallSite = {};
  Error.captureStackTrace(site, traceCaller);
  return site;
}

/** The lines of a stack that are places. */
function framesOf({ stack = "" }: CallSite): string {
  const at = stack.indexOf("\n    at ");
  return at < 0 ? "" : stack.slice(at);
}

/** The same error for one caller; none if it is the caller's own already. */
function copyError(error: unknown): Error | undefined {
  if (error instanceof BrokerError) {
    const { code, message, details } = error;
    return new BrokerError(code, message, { ...optionsOf(error), details });
  }
  if (!(error instanceof ConnectionClosedError)) return undefined;
  return new ConnectionClosedError(error.message, optionsOf(error));
}

function optionsOf({ cause }: Error): ErrorOptions {
  return cause === undefined ? {} : { cause };
}
