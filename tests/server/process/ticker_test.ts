/**
 * The ticker: it ticks in time, and nothing but `stop` ends it.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Ticker } from "../../../src/server/process/ticker.ts";
import { VirtualClock } from "../../../src/server/process/virtual_clock.ts";
import { type Clock, type ClockTimer, systemClock } from "../../../src/transport/clock.ts";
import { turn } from "../../support/broker/broker.ts";

/** An interval that no test waits for, in milliseconds. */
const LONG_MS = 1000;

/** Resolves to the times of the first ticks of a ticker. */
async function collectTicks(count: number, intervalMs: number, next: (now: number) => number) {
  const times: number[] = [];
  const done = Promise.withResolvers<void>();
  const tick = (time: number) => {
    if (times.push(time) === count) done.resolve();
    return next(time);
  };
  const ticker = new Ticker({ clock: systemClock, tick, intervalMs });
  await done.promise;
  ticker.stop();
  return times;
}

Deno.test("Ticker ticks again and again when nothing is due", async () => {
  const times = await collectTicks(3, 5, () => Infinity);
  assert(times[2]! - times[0]! >= 10 - 3, "not more often than was asked for");
});

Deno.test("Ticker ticks when the next deadline has come", async () => {
  const times = await collectTicks(3, LONG_MS, (now) => now + 5);
  const waitedMs = times[2]! - times[0]!;
  assert(waitedMs >= 10 - 3 && waitedMs < LONG_MS, `${waitedMs} ms`);
});

Deno.test("Ticker ticks once as soon as it is made: something may have been due for long", async () => {
  const start = systemClock.now();
  const [first] = await collectTicks(1, LONG_MS, () => Infinity);
  assert(first! - start < LONG_MS, `${first! - start} ms`);
});

/** A ticker with a long interval that has ticked once, and what comes of its next tick. */
async function startWaiting(next: (now: number) => number) {
  const times: number[] = [];
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const ticker = new Ticker({
    clock: systemClock,
    tick: (now) => {
      times.push(now);
      (times.length === 1 ? first : second).resolve();
      return next(now);
    },
    intervalMs: LONG_MS,
  });
  await first.promise;
  return { ticker, times, second: second.promise };
}

Deno.test("Ticker.hasten() to an earlier deadline shortens the wait", async () => {
  const { ticker, times, second } = await startWaiting(() => Infinity);
  ticker.hasten(systemClock.now() + 5);
  await second;
  ticker.stop();
  const waitedMs = times[1]! - times[0]!;
  assert(waitedMs >= 5 - 1 && waitedMs < LONG_MS, `${waitedMs} ms`);
});

Deno.test("Ticker.hasten() to a later deadline changes nothing", async () => {
  const { ticker, times, second } = await startWaiting((now) => now + 5);
  for (const waitMs of [LONG_MS, 50, Infinity]) ticker.hasten(systemClock.now() + waitMs);
  await second;
  ticker.stop();
  assert(times[1]! - times[0]! < LONG_MS);
  assertEquals(times.length, 2);
});

Deno.test("Ticker.hasten() again and again makes one tick, at the earliest of the deadlines", async () => {
  const { ticker, times, second } = await startWaiting(() => Infinity);
  const start = systemClock.now();
  for (const waitMs of [40, 30, 3, 20, 10]) ticker.hasten(start + waitMs);
  await second;
  const end = performance.now() + 10;
  while (performance.now() < end) await turn();
  ticker.stop();
  assertEquals(times.length, 2);
  assert(times[1]! - start < LONG_MS);
});

Deno.test("Ticker.hasten() while it ticks is no second timer: the tick tells what is next", async () => {
  let count = 0;
  const ticked = Promise.withResolvers<void>();
  const ticker: Ticker = new Ticker({
    clock: systemClock,
    tick: () => {
      count++;
      ticker.hasten(0);
      ticked.resolve();
      return Infinity;
    },
    intervalMs: LONG_MS,
  });
  await ticked.promise;
  // A timer that is due later, and rings after one that is due at once.
  await new Promise<void>((resolve) => systemClock.setTimer(systemClock.now() + 2, resolve));
  ticker.stop();
  assertEquals(count, 1);
});

Deno.test("Ticker.hasten() after stop() does nothing", async () => {
  const { ticker, times } = await startWaiting(() => Infinity);
  ticker.stop();
  ticker.hasten(0);
  const end = performance.now() + 5;
  while (performance.now() < end) await turn();
  assertEquals(times.length, 1);
});

Deno.test("Ticker does not spin when a deadline is over and over in the past", async () => {
  const start = performance.now();
  await collectTicks(10, 1, () => 0);
  assert(performance.now() - start >= 9);
});

Deno.test("Ticker goes on after a tick that failed, a second later", async () => {
  const clock = new VirtualClock({ start: 0 });
  const times: number[] = [];
  const ticker = new Ticker({
    clock,
    tick: (now) => {
      if (times.push(now) === 1) throw new Error("one bad tick");
      return Infinity;
    },
  });
  await assertRejects(() => clock.advance("1h"), Error, "one bad tick");
  await clock.advance("1h");
  ticker.stop();
  assertEquals(times, [0, 1000]);
});

Deno.test("Ticker without an interval ticks for deadlines only, however far they are", async () => {
  const clock = new VirtualClock({ start: 0 });
  const times: number[] = [];
  const deadlines = [10, 10, 2 ** 40];
  const ticker = new Ticker({
    clock,
    tick: (now) => {
      times.push(now);
      return deadlines.shift() ?? Infinity;
    },
  });
  await clock.advance(2 ** 41);
  assertEquals(times, [0, 10, 11, 2 ** 40], "not twice at one time");
  ticker.hasten(0);
  await clock.advance(0);
  assertEquals(times.slice(4), [2 ** 41], "what should have been is done now");
  ticker.hasten(2 ** 41 + 5);
  ticker.hasten(2 ** 41 + 7);
  await clock.advance("1s");
  ticker.stop();
  assertEquals(times.slice(5), [2 ** 41 + 5]);
});

Deno.test("Ticker.stop() may be called twice, and nothing ticks after it", async () => {
  let count = 0;
  const ticker = new Ticker({ clock: systemClock, tick: () => ++count, intervalMs: 1 });
  ticker.stop();
  ticker.stop();
  const end = performance.now() + 5;
  while (performance.now() < end) await turn();
  assertEquals(count, 0);
});

/** A clock that is set by hand, and rings only then. */
class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; work: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  setTimer(at: number, work: () => void): ClockTimer {
    const timer = { at, work };
    this.#timers.push(timer);
    return { cancel: () => this.#timers = this.#timers.filter((other) => other !== timer) };
  }

  /** Goes on to a time at once, as it does for a process that stands still; then what is due rings. */
  jump(now: number): void {
    this.#now = now;
    const due = this.#timers.filter(({ at }) => at <= now);
    this.#timers = this.#timers.filter(({ at }) => at > now);
    for (const { work } of due) work();
  }
}

/** A ticker with a deadline at 1,000 ms that listens, and the times of its ticks. */
function startListening(heard: () => number) {
  const clock = new ManualClock();
  const times: number[] = [];
  const ticker = new Ticker({
    clock,
    heard,
    tick: (now) => times.push(now) > 1 ? Infinity : 1000,
  });
  clock.jump(0);
  assertEquals(times, [0]);
  return { clock, ticker, times };
}

Deno.test("Ticker: a process that stood still hears what has come before it judges", () => {
  let heardBytes = 0;
  const { clock, times } = startListening(() => heardBytes);
  clock.jump(5000);
  // There is much to read.
  for (let now = 5001; now <= 5100; now++) {
    heardBytes += 1000;
    clock.jump(now);
  }
  assertEquals(times, [0]);
  clock.jump(5101);
  clock.jump(5102);
  assertEquals(times, [0, 5101]);
});

Deno.test("Ticker: others have some time to say what they could not say while the process stood still", () => {
  const { clock, times } = startListening(() => 0);
  clock.jump(5000);
  for (let now = 5001; now < 5050; now++) clock.jump(now);
  assertEquals(times, [0]);
  clock.jump(5050);
  assertEquals(times, [0, 5050]);
});

Deno.test("Ticker listens for a second at most, and no longer than the process stood still", () => {
  for (const [stalledMs, longest] of [[20, 20], [400, 400], [60_000, 1000]] as const) {
    let heardBytes = 0;
    const { clock, times } = startListening(() => ++heardBytes);
    const start = 1000 + stalledMs;
    for (let now = start; now < start + longest; now++) clock.jump(now);
    assertEquals(times, [0], `${stalledMs} ms`);
    clock.jump(start + longest);
    assertEquals(times, [0, start + longest]);
  }
});

Deno.test("Ticker does not listen when it is in time, nor for a deadline that was past when it was told", () => {
  const { clock, times } = startListening(() => 0);
  clock.jump(1005);
  assertEquals(times, [0, 1005]);
  const past = startListening(() => 0);
  past.clock.jump(500);
  past.ticker.hasten(3);
  past.clock.jump(501);
  assertEquals(past.times, [0, 501]);
});

Deno.test("Ticker.stop() while it listens ends that", () => {
  const { clock, ticker, times } = startListening(() => 0);
  clock.jump(5000);
  ticker.stop();
  clock.jump(9000);
  clock.jump(9001);
  assertEquals(times, [0]);
});

Deno.test("Ticker tells how late it was", () => {
  let now = 1000;
  let ring = () => {};
  const clock: Clock = {
    now: () => now,
    setTimer: (_at, call) => {
      ring = call;
      return { cancel() {} };
    },
  };
  const lags: number[] = [];
  const noteLag = (lateMs: number) => void lags.push(lateMs);
  const ticker = new Ticker({ clock, tick: (now) => now + 5, noteLag });
  for (const passedMs of [0, 5, 30]) {
    now += passedMs;
    ring();
  }
  ticker.stop();
  assertEquals(lags, [0, 0, 25]);
});
