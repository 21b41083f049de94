import { toSharedTime } from "./monotonic.ts";
import type { Beat } from "./ticker_worker.ts";

/**
 * Wakes up at even times, by a thread that does nothing else: a tick takes a tenth of a millisecond and less
 * than half the processor time of a sleep that is handed to another thread and back. A timer is no match: one
 * for a millisecond comes after 2 to 2.5.
 */
export class Ticker implements Disposable {
  /** The count of ticks, and whether the worker is to stop. */
  readonly #state = new Int32Array(new SharedArrayBuffer(8));
  readonly #worker: Worker;
  #seenCount = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Makes one that is ready to begin. */
  static async start(): Promise<Ticker> {
    const worker = new Worker(new URL("./ticker_worker.ts", import.meta.url), { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    worker.onmessage = () => resolve();
    worker.onerror = ({ message }) => reject(new Error(message));
    await promise;
    return new Ticker(worker);
  }

  /**
   * Begins; only once.
   *
   * @param begin The first tick, in milliseconds of `performance.now()`.
   */
  begin(begin: number, intervalMs: number): void {
    const beat: Beat = { state: this.#state, begin: toSharedTime(begin), intervalMs };
    this.#worker.postMessage(beat);
  }

  /** Resolves at the next tick, at once if there was one since the last call. */
  async next(): Promise<void> {
    const waiting = Atomics.waitAsync(this.#state, 0, this.#seenCount);
    if (waiting.async) await waiting.value;
    this.#seenCount = Atomics.load(this.#state, 0);
  }

  [Symbol.dispose](): void {
    Atomics.store(this.#state, 1, 1);
    this.#worker.terminate();
  }
}
