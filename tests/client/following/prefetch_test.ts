import { assert, assertEquals, assertFalse } from "@std/assert";
import { Caution } from "../../../src/client/following/caution.ts";
import { Prefetch, WORK_MS } from "../../../src/client/following/prefetch.ts";

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

/** A loop that is given `count` messages, each of which takes `workMs`, and what it is told before each. */
class Loop {
  readonly caution = new Caution();
  now = 1000;
  lookCount = 0;

  run(count: number, workMs: number): string[] {
    return Array.from({ length: count }, () => {
      const pause = this.caution.advise(() => {
        this.lookCount++;
        return this.now;
      });
      if (pause === "turn") this.caution.noteTurn(this.now, 0);
      this.now += workMs;
      return pause;
    });
  }

  /** Leaves behind what is different at the beginning. */
  begin(): this {
    this.run(1000, 0.001);
    this.lookCount = 0;
    return this;
  }
}

function count(pauses: readonly string[], pause: string): number {
  return pauses.filter((other) => other === pause).length;
}

Deno.test("Caution: a fast loop has a turn now and then, and looks at the time seldom", () => {
  const loop = new Loop().begin();
  const pauses = loop.run(100_000, 0.001);
  assert(count(pauses, "turn") >= 90 && count(pauses, "turn") <= 100, "one each millisecond");
  assert(count(pauses, "write") <= 100, "a millisecond passes for each");
  assert(loop.lookCount < 100_000 / 25, `looked ${loop.lookCount} times`);
});

Deno.test("Caution: the messages between two turns are limited, however fast they are", () => {
  const pauses = new Loop().begin().run(100_000, 0);
  assert(count(pauses, "turn") >= 100_000 / 2112 - 1, `${count(pauses, "turn")} turns`);
});

Deno.test("Caution: a loop that is not so fast has a turn after 512 messages, and after 10 ms", () => {
  for (const [workMs, most] of [[0.004, 512 + 64], [0.1, 100 + 32]] as const) {
    const pauses = new Loop().begin().run(10_000, workMs);
    let since = 0;
    for (const pause of pauses) {
      since = pause === "turn" ? 0 : since + 1;
      assert(since <= most, `${since} messages of ${workMs} ms without a turn`);
    }
  }
});

Deno.test("Caution: what takes longer than a millisecond leaves at once, and turns come", () => {
  const loop = new Loop().begin();
  assertEquals(count(loop.run(50, 0.1).slice(-20), "write"), 2, "each millisecond");
  loop.run(30, 2);
  assertEquals(loop.run(10, 2).filter((pause) => pause === "none"), []);
  loop.run(1, 2500);
  assertEquals(loop.run(3, 2500), ["turn", "turn", "turn"]);
});

Deno.test("Caution: a loop that becomes slow is noticed within a few messages", () => {
  const loop = new Loop().begin();
  const pauses = loop.run(40, 1000);
  const first = pauses.indexOf("turn");
  assert(first >= 0 && first <= 32, `after ${first} messages`);
  assertEquals(count(pauses.slice(first), "none"), 0);
});

Deno.test("Caution: new connections, and messages that have lost their follower, have each one leave by itself", () => {
  const loop = new Loop();
  assertEquals(count(loop.run(60, 0.001), "none"), 0);
  loop.begin();
  loop.caution.alarm();
  const careful = loop.run(2112, 0.001);
  assertEquals(count(careful.slice(0, 2080), "none"), 0, "more than a turn can have");
  assert(count(loop.run(1000, 0.001), "none") > 900, "then it goes at full speed again");
});

/** Handlers in slots, each with a time of its own; returns the windows that were seen. */
function workInSlots(prefetch: Prefetch, held: Set<number>, times: readonly number[], ms: number) {
  const windows: number[] = [];
  const ends = times.map(() => 0);
  const tags: number[] = [];
  let tag = 0;
  for (let now = 0; now < ms;) {
    now = Math.min(...ends);
    const slot = ends.indexOf(now);
    held.delete(tags[slot]!);
    tags[slot] = ++tag;
    held.add(tag);
    prefetch.take(() => now);
    ends[slot] = now + times[slot]!;
    windows.push(prefetch.window);
  }
  return windows;
}

/** A prefetch with slots, and the tags of what they have. */
function slotted(slots: number): { prefetch: Prefetch; held: Set<number> } {
  const held = new Set<number>();
  let marked = 0;
  const prefetch = new Prefetch("auto", 4096, {
    mark: () => marked = Math.max(...held),
    count: () => [...held].filter((tag) => tag < marked).length,
  });
  prefetch.slots = slots;
  return { prefetch, held };
}

Deno.test("Prefetch with slots holds one message for each of them while all are slow", () => {
  for (const workMs of [50, 60, 1000]) {
    const { prefetch, held } = slotted(10);
    assertEquals(prefetch.window, 10);
    const windows = workInSlots(prefetch, held, new Array(10).fill(workMs), 20_000);
    assertEquals(Math.max(...windows), 10, `handlers of ${workMs} ms`);
  }
});

Deno.test("Prefetch with slots holds 50 ms of the work of all of them", () => {
  const { prefetch, held } = slotted(10);
  workInSlots(prefetch, held, new Array(10).fill(5), 2000);
  assertEquals(prefetch.window, 10 * WORK_MS / 5);
});

Deno.test("Prefetch with slots measures those that are not held up by slow messages", () => {
  const { prefetch, held } = slotted(10);
  const times = [5, ...new Array(9).fill(10_000)];
  const windows = workInSlots(prefetch, held, times, 5000);
  // Nine are held, and the tenth takes ten in 50 ms.
  assertEquals(windows.at(-1), 9 + WORK_MS / 5);
});

Deno.test("Prefetch with slots and a fixed number holds one more for each further slot", () => {
  const prefetch = new Prefetch(5, 20);
  prefetch.slots = 10;
  assertEquals(prefetch.window, 14);
  prefetch.slots = 100;
  assertEquals(prefetch.window, 20);
  prefetch.slots = 1;
  assertEquals(prefetch.window, 5);
});
