import { assert, assertEquals, assertFalse } from "@std/assert";
import { Prefetch, WORK_MS } from "../../src/client/prefetch.ts";

/** A follower that takes `count` messages, each of which takes `workMs`; returns the time after. */
function work(prefetch: Prefetch, count: number, workMs: number, start: number): number {
  let now = start;
  for (let index = 0; index < count; index++) {
    prefetch.take(() => now);
    now += workMs;
  }
  return now;
}

Deno.test("Prefetch begins with one message", () => {
  assertEquals(new Prefetch("auto", 4096).window, 1);
});

Deno.test("Prefetch doubles for a fast handler, up to the limit", () => {
  const prefetch = new Prefetch("auto", 64);
  const windows = new Set<number>();
  let now = 0;
  for (let index = 0; index < 1000; index++) {
    now = work(prefetch, 1, 0.01, now);
    windows.add(prefetch.window);
  }
  assertEquals([...windows], [1, 2, 4, 8, 16, 32, 64]);
});

Deno.test("Prefetch holds about 50 ms of work", () => {
  const prefetch = new Prefetch("auto", 4096);
  work(prefetch, 200, 5, 0);
  assertEquals(prefetch.window, WORK_MS / 5);
});

Deno.test("Prefetch stays at one message for a handler of 30 ms", () => {
  const prefetch = new Prefetch("auto", 4096);
  work(prefetch, 20, 30, 0);
  assertEquals(prefetch.window, 1);
});

Deno.test("Prefetch shrinks when a handler becomes slower", () => {
  const prefetch = new Prefetch("auto", 4096);
  const now = work(prefetch, 2000, 0.1, 0);
  assertEquals(prefetch.window, 500);
  work(prefetch, 2000, 10, now);
  assertEquals(prefetch.window, 5);
});

Deno.test("Prefetch does not count the time in which there was nothing to take", () => {
  const prefetch = new Prefetch("auto", 4096);
  let now = 0;
  for (let index = 0; index < 100; index++) {
    prefetch.waitBegins(now);
    now += 1000;
    prefetch.waitEnds(now);
    now = work(prefetch, 1, 1, now);
  }
  assert(prefetch.window >= 32, `window is ${prefetch.window}`);
});

Deno.test("Prefetch.tick() asks to give back what does not move for a whole interval", () => {
  const prefetch = new Prefetch("auto", 4096);
  work(prefetch, 100, 0.01, 0);
  assertFalse(prefetch.tick(10, 1), "it moved since the last look");
  assert(prefetch.tick(10, 1), "it has not moved since");
  assertEquals(prefetch.window, 1);
});

Deno.test("Prefetch.tick() leaves a handler alone that has nothing fetched", () => {
  const prefetch = new Prefetch("auto", 4096);
  prefetch.tick(0, 1);
  assertFalse(prefetch.tick(0, 1));
});

Deno.test("Prefetch.demand() lets a handler have as many in hand as it asks for", () => {
  const prefetch = new Prefetch("auto", 3);
  assert(prefetch.demand(1));
  assertEquals(prefetch.window, 2);
  assertFalse(prefetch.demand(1), "it has room already");
  assert(prefetch.demand(2));
  assertFalse(prefetch.demand(3), "the limit is reached");
  assertEquals(prefetch.window, 3);
});

Deno.test("Prefetch grows again after a stall with nothing in hand", () => {
  const prefetch = new Prefetch("auto", 4096);
  work(prefetch, 1, 0, 0);
  prefetch.tick(5, 0);
  assert(prefetch.tick(5, 0));
  assertEquals(prefetch.window, 0);
  assert(prefetch.demand(0));
  assertEquals(prefetch.window, 1);
  work(prefetch, 100, 0.01, 1000);
  assert(prefetch.window > 8);
});

Deno.test("Prefetch with a number stays at it", () => {
  const prefetch = new Prefetch(7, 4096);
  work(prefetch, 100, 0.01, 0);
  assertFalse(prefetch.tick(5, 1));
  assertFalse(prefetch.tick(5, 1));
  assertFalse(prefetch.demand(7));
  assertEquals(prefetch.window, 7);
  assertEquals(new Prefetch(100, 10).window, 10);
});

Deno.test("Prefetch.restart() begins again with one", () => {
  const prefetch = new Prefetch("auto", 4096);
  work(prefetch, 1000, 0.01, 0);
  prefetch.restart(16);
  assertEquals(prefetch.window, 1);
  work(prefetch, 1000, 0.01, 0);
  assertEquals(prefetch.window, 16);
});
