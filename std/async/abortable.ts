/**
 * A promise that an `AbortSignal` can end.
 *
 * @module
 */

/**
 * Waits for a promise until a signal is aborted. What the promise stands for goes on in any case.
 *
 * @param p The promise to wait for.
 * @param signal What ends the waiting.
 * @returns A promise that settles as `p` does, or rejects with the reason of the signal.
 */
export async function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([aborted.promise, p]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
