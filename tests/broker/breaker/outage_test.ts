import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLess } from "@std/assert";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { Outage, type Service } from "./outage.ts";

const HOUR_MS = 3_600_000;
const BREAKER = { failures: 10, withinMs: 10_000, share: 0.5, openMs: 30_000 };
const STREAM = { breaker: BREAKER, maxDeliveries: 5 };
const COUNT = 10_000;

/** Down from one second on, for an hour. */
const downForAnHour: Service = (now) => now < 2000 || now >= 2000 + HOUR_MS;

Deno.test("an outage of an hour ends without a dead letter, and 30 seconds later all goes on", () => {
  for (const [followers, slots] of [[1, 1], [4, 10], [64, 1]] as const) {
    const outage = new Outage({
      count: COUNT,
      followers,
      slots,
      service: downForAnHour,
      stream: STREAM,
    });
    outage.runUntil(1000 + HOUR_MS);
    const ackedBefore = outage.ackedCount;
    assertEquals([outage.openings.length, outage.deadCount], [1, 0], `${followers}×${slots}`);
    assertLess(outage.probeCount, 122);
    assertGreater(outage.probeCount, 115);
    // What failed before it opened, what was in handlers then, and the probes.
    const { failedBefore } = outage.openings[0]!;
    assertLess(outage.failedCount, failedBefore + followers * slots + outage.probeCount + 1);
    assertLess(failedBefore, 10 + ackedBefore);
    assert(outage.attemptsMax <= 2, `${outage.attemptsMax} attempts`);
    outage.runUntil(1000 + HOUR_MS + 31_000);
    assertEquals(outage.isOpen, false);
    const { closedAt } = outage.openings[0]!;
    assertLess(closedAt, 1000 + HOUR_MS + BREAKER.openMs + 100);
    assertGreater(outage.ackedCount, ackedBefore);
    outage.runUntil(3 * HOUR_MS);
    assertEquals([outage.ackedCount, outage.deadCount], [COUNT, 0]);
    assertEquals(outage.openings.length, 1);
  }
});

Deno.test("without a breaker the same outage would have made dead letters of all", () => {
  const outage = new Outage({
    count: 1000,
    followers: 4,
    slots: 10,
    service: (now) => now >= 2000 + HOUR_MS,
    stream: { maxDeliveries: 5 },
  });
  outage.runUntil(HOUR_MS);
  assertEquals(outage.deadCount, 1000);
});

Deno.test("a service that comes and goes loses no message, and no message many attempts", () => {
  for (const periodMs of [13_000, 45_000, 65_000, 600_000]) {
    const outage = new Outage({
      count: 4000,
      followers: 4,
      slots: 4,
      // A third of the time it is up, and calls take long: it is never done in one go.
      service: (now) => now % periodMs < periodMs / 3,
      callMs: 500,
      stream: { ...STREAM, maxDeliveries: 20 },
    });
    outage.runUntil(HOUR_MS);
    assertEquals(outage.deadCount, 0, `${periodMs} ms`);
    assertLess(outage.attemptsMax, 7);
    assertGreater(outage.ackedCount, 0);
  }
});

Deno.test("of two services one is down: what needs the other one goes on in part", () => {
  const outage = new Outage({
    count: 200,
    followers: 4,
    slots: 4,
    service: (_, id) => id % 2 === 0,
    stream: { ...STREAM, maxDeliveries: 20 },
  });
  outage.runUntil(HOUR_MS);
  // A breaker of lanes would not stop them; this one lets some through each time that it closes.
  assertGreater(outage.ackedCount, 30);
  assertEquals(outage.deadCount, 0);
});

Deno.test("a message that fails at its own fault keeps no breaker open", () => {
  const outage = new Outage({
    count: 100,
    followers: 1,
    slots: 4,
    // The service is down for a minute, and the first message fails at any time.
    service: (now, id) => id !== 1 && now >= 61_000,
    stream: STREAM,
  });
  outage.runUntil(HOUR_MS);
  assertEquals(outage.ackedCount, 99);
  assertEquals(outage.deadCount, 1);
  assertLess(outage.openings[0]!.closedAt, 61_000 + 2 * BREAKER.openMs);
});

Deno.test("to open and to close a breaker costs the same however many messages wait", () => {
  const costs = [2000, 100_000].map((count) => {
    const test = new TestBroker();
    test.create("calls", { breaker: { failures: 2, openMs: 1000 }, backoffMs: [0] });
    const texts = Array.from({ length: 1000 }, () => "x");
    for (let stored = 0; stored < count; stored += texts.length) {
      test.publisher("calls").publish(...texts);
    }
    const followers = Array.from({ length: 8 }, () => test.follower("calls", { messages: 100 }));
    test.dispatch();
    const stream = test.broker.state.router.requireStream("calls");
    const before = stream.visits;
    followers[0]!.open.nack([{ firstTag: 1, count: 2 }], { reason: "down" }, true);
    test.dispatch();
    assert(test.getStream("calls").breaker !== undefined);
    assertEquals(test.getStream("calls").pending, 8);
    const opened = stream.visits;
    test.broker.pauseStream("calls", false);
    test.dispatch();
    assertEquals(test.getStream("calls").pending, 800);
    return [opened - before, stream.visits - opened];
  });
  assertEquals(costs[0], costs[1]);
});

Deno.test("few messages are probed as often as many", () => {
  for (const count of [1, 2, 5, 50]) {
    const test = new TestBroker();
    test.create("orders", { breaker: { failures: 1, openMs: 1000 } });
    test.publisher("orders").publish(...new Array<number>(count).fill(1));
    const follower = test.follower("orders", { messages: 1 });
    let probes = -1;
    for (const end = test.now + 100_000; test.now < end; test.now += 10) {
      test.broker.tick(test.now);
      test.dispatch();
      for (const { firstTag } of [...follower.follower.pending.runs]) {
        probes++;
        follower.open.nack([{ firstTag, count: 1 }], { reason: "", isFault: true }, false);
      }
    }
    assertGreaterOrEqual(probes, 96, `${count} messages`);
    const tried = new Set(follower.sink.messages.slice(-count).map(({ id }) => id));
    assertGreaterOrEqual(tried.size, Math.min(count, 32), `${count} messages`);
  }
});
