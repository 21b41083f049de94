// Stacks that lead to the caller: a broker's error is created while a frame is read, and its own stack shows
// nothing of the application.

import { BrokerError } from "../../../protocol.ts";
import { ConnectionClosedError } from "./connection_closed_error.ts";

/** The place of a call; its stack is formatted only on demand. */
export interface CallSite {
  readonly stack?: string;
}

/** Notes the place of a call; that costs a microsecond or two. */
export function noteCallSite(): CallSite {
  const site: CallSite = {};
  Error.captureStackTrace(site, noteCallSite);
  return site;
}

/**
 * Rejects with an error whose stack leads to the awaiting function. Resolving a promise with this one costs
 * nothing before it fails: the engine follows the promises from here to the functions that wait.
 *
 * @param error The failure. It is not changed, because several calls may have failed with it.
 * @param site The place of the call, if it was noted.
 */
export async function traceCaller(error: Error, site?: CallSite): Promise<never> {
  // One turn until the outer promise is tied to this one, one more until it is followed.
  await undefined;
  await undefined;
  const copy = copyError(error);
  if (copy === undefined) throw error;
  const frames = framesOf(site ?? captureHere());
  // No async function awaits it: a stack through the client is better than none.
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

/** The lines of a stack that name places. */
function framesOf({ stack = "" }: CallSite): string {
  const at = stack.indexOf("\n    at ");
  return at < 0 ? "" : stack.slice(at);
}

/** A copy of the error for one caller; undefined if it is the caller's own already. */
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
