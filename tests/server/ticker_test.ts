/**
 * The ticker: it ticks in time, and nothing but `stop` ends it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Ticker } from "../../src/server/ticker.ts";
import { turn } from "../support/broker.ts";

/** Resolves to the times of the first ticks of a ticker. */
async function collectTicks(count: number, intervalMs: number, next: (now: number) => number) {
  const times: number[] = [];
  const done = Promise.withResolvers<void>();
  const now = () => performance.now();
  const tick = (time: number) => {
    if (times.push(time) === count) done.resolve();
    return next(time);
  };
  const ticker = new Ticker({ now, tick, intervalMs });
  await done.promise;
  ticker.stop();
  return times;
}

Deno.test("Ticker ticks again and again when nothing is due", async () => {
  const start = performance.now();
  const times = await collectTicks(3, 5, () => Infinity);
  assert(times[2]! - start >= 15 - 3, "not more often than was asked for");
});

Deno.test("Ticker ticks when the next deadline has come", async () => {
  const start = performance.now();
  const times = await collectTicks(3, 50, (now) => now + 5);
  assert(times[2]! - start >= 60 - 3, `${times[2]! - start} ms`);
});

Deno.test("Ticker does not spin when a deadline is over and over in the past", async () => {
  const start = performance.now();
  await collectTicks(10, 1, () => 0);
  assert(performance.now() - start >= 9);
});

Deno.test("Ticker goes on after a tick that failed", async () => {
  const faults: unknown[] = [];
  const keep = (event: ErrorEvent) => {
    event.preventDefault();
    faults.push(event.error.message);
  };
  addEventListener("error", keep);
  try {
    let count = 0;
    await collectTicks(3, 1, () => {
      if (count++ === 0) throw new Error("one bad tick");
      return Infinity;
    });
    assertEquals(faults, ["one bad tick"]);
  } finally {
    removeEventListener("error", keep);
  }
});

Deno.test("Ticker.stop() may be called twice, and nothing ticks after it", async () => {
  let count = 0;
  const ticker = new Ticker({ now: () => 0, tick: () => ++count, intervalMs: 1 });
  ticker.stop();
  ticker.stop();
  const end = performance.now() + 5;
  while (performance.now() < end) await turn();
  assertEquals(count, 0);
});
