/**
 * Waiting for a limited time, without a timer that stays when the waiting is over: some tests count timers.
 *
 * @module
 */

/**
 * Waits for a promise for a limited time.
 *
 * @throws {Error} If the time is over first.
 */
export async function patiently<T>(promise: Promise<T>, ms: number): Promise<T> {
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(() => over.reject(new Error(`waited in vain for ${ms} ms`)), ms);
  try {
    return await Promise.race([promise, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}
