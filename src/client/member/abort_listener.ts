/**
 * The actions of each signal, behind one listener: adding and removing a listener takes longer the more a
 * signal has, and thousands of calls may share a signal.
 */
const actionsOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Runs an action once when a signal is aborted.
 *
 * @param signal The signal; not aborted yet.
 * @returns Withdraws the action; to be called when the action is no longer wanted.
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

function listen(signal: AbortSignal): Set<() => void> {
  const actions = new Set<() => void>();
  actionsOf.set(signal, actions);
  signal.addEventListener("abort", handleAbort, { once: true });
  return actions;
}

function handleAbort({ target }: Event): void {
  const signal = target as AbortSignal;
  const actions = actionsOf.get(signal);
  actionsOf.delete(signal);
  for (const action of actions ?? []) action();
}
