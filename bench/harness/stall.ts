/** So long nothing may happen, in milliseconds, unless a test says otherwise. */
const STALL_MS = 20_000;

/**
 * Waits for a promise for as long as there is progress: a lost message must fail the bench, not hang it.
 *
 * @param readProgress Gives a number that changes as long as anything goes on.
 * @param stallMs How long it may stay the same.
 * @throws {Error} If it has not changed for too long.
 */
export async function watchForStall<T>(
  promise: Promise<T>,
  readProgress: () => number,
  stallMs: number = STALL_MS,
): Promise<T> {
  const stalled = Promise.withResolvers<never>();
  let progress = -1;
  const timer = setInterval(() => {
    if (readProgress() === progress) {
      stalled.reject(new Error(`Nothing has happened for ${stallMs / 1000} s`));
    }
    progress = readProgress();
  }, stallMs);
  try {
    return await Promise.race([promise, stalled.promise]);
  } finally {
    clearInterval(timer);
  }
}
