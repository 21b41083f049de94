/**
 * The system's clock: timers never ring early, and wait for as long as they are told.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/transport/clock.ts";
import { turn } from "../support/broker/broker.ts";

/** Resolves when a timer has rung, to the time then. */
function ring(at: number): Promise<number> {
  return new Promise((resolve) => systemClock.setTimer(at, () => resolve(systemClock.now())));
}

/** What timers are set to while something is done; none of them rings. */
function recordTimeouts(action: () => void): number[] {
  const { setTimeout } = globalThis;
  const waits: number[] = [];
  // deno-lint-ignore no-explicit-any
  (globalThis as any).setTimeout = (_work: () => void, waitMs: number) => void waits.push(waitMs);
  try {
    action();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return waits;
}

Deno.test("systemClock tells the time since 1970, which does not go back", () => {
  assert(Math.abs(systemClock.now() - Date.now()) < 60_000);
  let before = systemClock.now();
  for (let count = 0; count < 1000; count++) {
    const now = systemClock.now();
    assert(now >= before);
    before = now;
  }
});

Deno.test("systemClock.setTimer() rings at its time, never before, and soon if that is over", async () => {
  for (const waitMs of [0.1, 1, 1.9, 3.5]) {
    const at = systemClock.now() + waitMs;
    assert(await ring(at) >= at);
  }
  let isDuring = true;
  const past = ring(-Infinity).then(() => isDuring);
  isDuring = false;
  assertEquals(await past, false);
});

Deno.test("systemClock.setTimer() does not ring when it is taken back", async () => {
  let count = 0;
  const timer = systemClock.setTimer(0, () => count++);
  timer.cancel();
  timer.cancel();
  await ring(systemClock.now() + 3);
  assertEquals(count, 0);
});

Deno.test("systemClock.setTimer() waits for longer than one timer of the system can", async () => {
  assertEquals(recordTimeouts(() => systemClock.setTimer(Infinity, () => {})), []);
  assertEquals(recordTimeouts(() => systemClock.setTimer(1e15, () => {})), [2 ** 31 - 1]);
  let count = 0;
  const timer = systemClock.setTimer(1e15, () => count++);
  await turn();
  timer.cancel();
  assertEquals(count, 0);
});
