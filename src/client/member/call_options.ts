/**
 * What every call that waits for the broker takes: a signal to stop waiting.
 *
 * @module
 */

import { checkOptionNames } from "./option_check.ts";

/** Options of calls that wait for the broker. */
export interface CallOptions {
  /**
   * Ends the waiting: the call rejects with the signal's reason, and the answer is not looked at.
   * What has been sent and not answered may be done all the same.
   */
  readonly signal?: AbortSignal;
}

/** Options of calls that close something. */
export interface CloseOptions extends CallOptions {
  /**
   * How long to wait, in milliseconds: 0, which is not at all, to 2^31 - 1. Handlers of a follower have
   * so long to finish the messages that they have; a publisher waits so long while nothing moves of
   * what is under way. The waiting ends as soon as there is nothing to wait for.
   *
   * @default {what `connect` was told for handlers, and 5000}
   */
  readonly drainMs?: number;
  /**
   * Ends the waiting at once, and closes. The call rejects with the signal's reason only if a publisher
   * is closed by it.
   */
  readonly signal?: AbortSignal;
}

/** How long closing waits while nothing moves, unless somebody says otherwise, in milliseconds. */
const DRAIN_MS_DEFAULT = 5000;

/** The longest that it may wait. */
const DRAIN_MS_MAX = 2 ** 31 - 1;

/**
 * Checks what closing is told.
 *
 * @throws {TypeError | RangeError} If that is not allowed.
 */
export function checkCloseOptions(options: CloseOptions): void {
  checkOptionNames(options, ["drainMs", "signal"], "Cannot close");
  resolveDrainTime(options);
}

/**
 * Finds how long closing may wait.
 *
 * @param options What the call says of it.
 * @param otherwise What counts if it says nothing.
 * @throws {TypeError | RangeError} If that is not allowed.
 */
export function resolveDrainTime(
  options: CloseOptions,
  otherwise: number = DRAIN_MS_DEFAULT,
): number {
  const { drainMs = otherwise } = options;
  if (typeof drainMs !== "number") throw new TypeError("Cannot close: drainMs is a number");
  if (Number.isInteger(drainMs) && drainMs >= 0 && drainMs <= DRAIN_MS_MAX) return drainMs;
  throw new RangeError(
    `Cannot close: drainMs is ${drainMs}, allowed are whole numbers from 0 to ${DRAIN_MS_MAX}`,
  );
}

/**
 * What signals do, each with one listener: the time that a signal takes to add or remove one grows
 * with how many it has, and thousands of calls may share a signal.
 */
const actionsOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Lets a signal do something, once.
 *
 * @param signal The signal; not aborted yet.
 * @param action What it does.
 * @returns Takes the action back; to be called when it is not wanted any more.
 */
export function whenAborted(signal: AbortSignal, action: () => void): () => void {
  const actions = actionsOf.get(signal) ?? listen(signal);
  actions.add(action);
  return () => {
    // Another listener may have come since this one's actions were done.
    if (!actions.delete(action) || actions.size > 0 || actionsOf.get(signal) !== actions) return;
    actionsOf.delete(signal);
    signal.removeEventListener("abort", handleAbort);
  };
}

/** Listens to a signal; returns what it will do, which is nothing yet. */
function listen(signal: AbortSignal): Set<() => void> {
  const actions = new Set<() => void>();
  actionsOf.set(signal, actions);
  signal.addEventListener("abort", handleAbort, { once: true });
  return actions;
}

/** Does what a signal does; one listener for all signals, so that none has to be kept. */
function handleAbort({ target }: Event): void {
  const signal = target as AbortSignal;
  const actions = actionsOf.get(signal);
  actionsOf.delete(signal);
  for (const action of actions ?? []) action();
}
