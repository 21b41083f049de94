/** The longest time that a timer of the system can be set to, in milliseconds. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/**
 * Waits for a time.
 *
 * @param ms How long to wait, in milliseconds.
 * @param signal Ends the waiting; the promise then rejects with its reason.
 */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout>;
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const wait = (leftMs: number) => {
      timer = setTimeout(() => {
        if (leftMs > TIMEOUT_MS_MAX) return wait(leftMs - TIMEOUT_MS_MAX);
        signal?.removeEventListener("abort", abort);
        resolve();
      }, Math.min(leftMs, TIMEOUT_MS_MAX));
    };
    signal?.addEventListener("abort", abort, { once: true });
    wait(ms);
  });
}
