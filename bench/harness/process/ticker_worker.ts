/**
 * Wakes up at even times, on a thread of its own, and tells by a counter in shared memory.
 *
 * @module
 */

import { readSharedClock, sleepUntil } from "./monotonic.ts";

/** What the worker is told. */
export interface Beat {
  /** The count of ticks, and whether it is to stop. */
  readonly state: Int32Array<SharedArrayBuffer>;
  /** The first tick, on the shared clock. */
  readonly begin: number;
  /** From one tick to the next one, in milliseconds. */
  readonly intervalMs: number;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Beat>) => void;
  postMessage(what: "ready"): void;
};

scope.onmessage = ({ data: { state, begin, intervalMs } }) => {
  for (let tick = 0; Atomics.load(state, 1) === 0;) {
    sleepUntil(begin + tick * intervalMs);
    Atomics.add(state, 0, 1);
    Atomics.notify(state, 0);
    // One that comes late stands for those that it has missed.
    tick = Math.max(tick, Math.floor((readSharedClock() - begin) / intervalMs)) + 1;
  }
};

scope.postMessage("ready");
