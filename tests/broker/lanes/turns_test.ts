/**
 * Whose turn it is: a broker stands around the lanes, because only there messages come, go and come back.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { TestBroker, type TestFollower } from "../../support/broker/test_broker.ts";

/** Publishes so many messages of a lane. */
function fill(test: TestBroker, lane: string | undefined, count: number): void {
  const publisher = test.publisher("orders", `publisher of ${lane}`);
  const wishes = lane === undefined ? {} : { lane };
  for (let left = count; left > 0; left -= 1000) {
    publisher.publishWith(...new Array<object>(Math.min(left, 1000)).fill(wishes));
  }
}

function lanesOf(test: TestBroker) {
  return test.broker.state.router.requireStream("orders").share.lanes!;
}

/** Counts what a follower got by lane: `laneOf` says whose a message is. */
function countBy(follower: TestFollower, laneOf: (id: number) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const id of follower.sink.ids) counts[laneOf(id)] = (counts[laneOf(id)] ?? 0) + 1;
  return counts;
}

function assertNear(found: number, expected: number, tolerance: number, what: string): void {
  assertLessOrEqual(Math.abs(found - expected), tolerance, `${found}: ${what}`);
}

/** Takes and acknowledges so many messages, holding `hold` of them at a time. */
function work(test: TestBroker, follower: TestFollower, count: number): void {
  for (let done = 0; done < count; done++) {
    test.dispatch();
    const [run] = follower.follower.pending.runs;
    if (run === undefined) return;
    follower.ack(run.firstTag);
  }
}

Deno.test("lanes take turns, whatever each of them has", () => {
  const test = new TestBroker("orders");
  fill(test, "ann", 1000);
  fill(test, "bob", 1000);
  fill(test, undefined, 1000);
  const follower = test.follower("orders", { messages: 30 });
  test.dispatch();
  const laneOf = (id: number) => ["ann", "bob", "none"][Math.floor((id - 1) / 1000)]!;
  assertEquals(countBy(follower, laneOf), { ann: 10, bob: 10, none: 10 });
});

Deno.test("adjacent messages whose turns come together leave as one delivery", () => {
  const test = new TestBroker("orders");
  test.publisher("orders").publishWith(
    ...Array.from({ length: 300 }, (_, index) => ({ lane: `lane ${index % 30}` })),
  );
  const follower = test.follower("orders", { messages: 60 });
  test.dispatch();
  assertEquals(follower.sink.deliveryCounts, [60]);
  assertEquals(follower.sink.ids, Array.from({ length: 60 }, (_, index) => index + 1));
});

Deno.test("those of 999 small lanes beside one with many wait at most two rounds", () => {
  const test = new TestBroker("orders");
  fill(test, "large", 100_000);
  const follower = test.follower("orders", { messages: 500 });
  test.dispatch();
  for (let lane = 0; lane < 999; lane++) fill(test, `small ${lane}`, 1);
  work(test, follower, 500 + 2 * 1000);
  const small = follower.sink.ids.filter((id) => id > 100_000);
  assertEquals(small.length, 999);
  const last = follower.sink.ids.lastIndexOf(small.at(-1)!);
  assertLessOrEqual(last, 500 + 2 * 1000);
});

Deno.test("of equal work, lanes get what their weights say, with any number of followers", () => {
  for (const held of [1, 2, 3, 5, 7, 10, 64]) {
    const test = new TestBroker("orders");
    fill(test, "ann", 20_000);
    fill(test, "bob", 20_000);
    const lanes = lanesOf(test);
    lanes.table.require("ann").change({ weight: 4 }, 0);
    lanes.placeAll(0);
    const follower = test.follower("orders", { messages: held });
    work(test, follower, 5000);
    const { ann, bob } = countBy(follower, (id) => id <= 20_000 ? "ann" : "bob");
    assertNear(ann! / bob!, 4, 4 * 0.02, `${ann} : ${bob} with ${held} at a time`);
  }
});

Deno.test("lanes whose work takes longer get no more of the followers", () => {
  const test = new TestBroker("orders");
  fill(test, "slow", 10_000);
  fill(test, "fast", 60_000);
  const followers = Array.from({ length: 10 }, () => test.follower("orders", { messages: 1 }));
  const endsAt = new Map<TestFollower, number>();
  let busyFast = 0;
  const done = { slow: 0, fast: 0 };
  for (let now = 0; now < 10_000; now++) {
    for (const follower of followers) {
      const [run] = follower.follower.pending.runs;
      if (run === undefined) continue;
      const kind = run.firstId <= 10_000 ? "slow" : "fast";
      if (!endsAt.has(follower)) endsAt.set(follower, now + (kind === "slow" ? 100 : 1));
      if (kind === "fast") busyFast++;
      if (endsAt.get(follower)! > now) continue;
      endsAt.delete(follower);
      done[kind]++;
      follower.ack(run.firstTag);
    }
    test.dispatch();
  }
  assertNear(busyFast / (10 * 10_000), 0.5, 0.06, JSON.stringify(done));
  assert(done.fast > 30 * done.slow, JSON.stringify(done));
});

Deno.test("priorities order the messages of a lane, or those of all", () => {
  for (const priorityAcross of [false, true]) {
    const test = new TestBroker();
    test.create("orders", { priorityAcross });
    const publisher = test.publisher("orders");
    publisher.publishWith({ lane: "ann" }, { lane: "ann", priority: 9 });
    publisher.publishWith({ lane: "bob", priority: 1 }, { lane: "bob", priority: 2 });
    publisher.publishWith({ lane: "cyd", priority: 9 });
    const follower = test.follower("orders", { messages: 1 });
    work(test, follower, 5);
    const expected = priorityAcross ? [2, 5, 1, 4, 3] : [2, 4, 5, 1, 3];
    assertEquals(follower.sink.ids, expected, `across: ${priorityAcross}`);
  }
});

Deno.test("lanes without messages are forgotten", () => {
  const test = new TestBroker("orders");
  for (let lane = 0; lane < 500; lane++) fill(test, `lane ${lane}`, 2);
  const follower = test.follower("orders", { messages: 10 });
  assertEquals(lanesOf(test).table.size, 500);
  work(test, follower, 1000);
  fill(test, "another", 1);
  work(test, follower, 1);
  assertLessOrEqual(lanesOf(test).table.size, 2);
});

Deno.test("messages of lanes that come back have their lanes again", () => {
  const test = new TestBroker("orders");
  fill(test, "ann", 10);
  fill(test, "bob", 10);
  const follower = test.follower("orders", { messages: 8 });
  test.dispatch();
  const { table } = lanesOf(test);
  const [ann, bob] = [table.require("ann"), table.require("bob")];
  assertEquals([ann.pendingCount, bob.pendingCount], [4, 4]);
  follower.open.nack([{ firstTag: 1, count: 1 }], { delayMs: 100, reason: "" }, false);
  assertEquals([ann.pendingCount, ann.delayedCount, ann.count], [3, 1, 6]);
  follower.release(2);
  assertEquals([ann.pendingCount, ann.delayedCount, ann.count], [2, 1, 7]);
  follower.close();
  assertEquals([ann.pendingCount, ann.count, bob.pendingCount, bob.count], [0, 9, 0, 10]);
  test.broker.tick(test.now = 1100);
  assertEquals([ann.delayedCount, ann.count], [0, 10]);
});
