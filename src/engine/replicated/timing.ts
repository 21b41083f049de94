/** Time for brokers of a cluster. Simulations fill it with a time of their own. */
export interface Timing {
  /** Milliseconds of a clock that never goes back, from any beginning. */
  now(): number;
  /**
   * The date, in milliseconds. It goes on while the machine sleeps, which `now()` need not do. Without it
   * nobody notices that it slept.
   */
  dateNow?(): number;
  /** Resolves after a time, or as soon as the signal is aborted. It never rejects. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of this process: nobody can set it, and it is no calendar. */
export const SYSTEM_TIMING: Timing = {
  now: () => performance.now(),
  dateNow: () => Date.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal?.addEventListener("abort", finish, { once: true });
    }),
};
