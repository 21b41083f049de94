/**
 * Waiting for a time.
 *
 * @module
 */

/**
 * Options for {@linkcode delay}. The real package has `persistent` as well, which has no effect on
 * Deno 2.9 and so must not be relied on.
 */
export interface DelayOptions {
  /** Ends the waiting before the time is over. */
  signal?: AbortSignal;
}

/** The longest time that a timer of the platform can hold, in milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Waits for a time.
 *
 * @param ms How long to wait, in milliseconds.
 * @param options A signal that ends the waiting.
 * @returns A promise that resolves when the time is over, or rejects with the reason of the signal.
 */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number) => {
      const stepMs = Math.min(leftMs, TIMER_MS_MAX);
      timer = setTimeout(() => leftMs > stepMs ? wait(leftMs - stepMs) : finish(), stepMs);
    };
    const finish = () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    wait(Math.trunc(Math.max(ms, 0)) || 0);
  });
}
