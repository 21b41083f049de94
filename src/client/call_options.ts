/**
 * What every call that waits for the broker takes: a signal to stop waiting.
 *
 * @module
 */

/** Options of calls that wait for the broker. */
export interface CallOptions {
  /**
   * Ends the waiting: the call rejects with the signal's reason, and the answer is not looked at.
   * What has been sent and not answered may be done all the same.
   */
  readonly signal?: AbortSignal;
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
