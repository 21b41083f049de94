/**
 * A change of the rules of very many lanes, and a first look for the oldest message of all of them, take turns with
 * others.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { countTurns, publishMany } from "./many_at_once.ts";

const LANES = 20_000;

/** The most lanes that are placed in a turn; some more had their turn meanwhile. */
const TURN_LANES_MAX = 1024;

/** A stream with two messages of each lane. */
function fill(test: TestBroker): void {
  publishMany(test, 2 * LANES, (index) => ({ lane: `lane ${index % LANES}` }));
}

/** Has as many turns as changed lanes need. */
function turnAll(test: TestBroker): void {
  for (let turn = 0; turn <= LANES / TURN_LANES_MAX; turn++) {
    test.broker.tick(++test.now);
    test.dispatch();
  }
}

Deno.test("a limit of lanes holds at once, also for lanes that are not placed yet", async () => {
  const test = new TestBroker("orders");
  fill(test);
  const follower = test.follower("orders", { messages: 0, slots: 1e6 });
  await test.broker.updateStream("orders", { laneLimits: { maxPending: 1 } });
  follower.setCredit(1e6);
  test.dispatch();
  turnAll(test);
  assertEquals(follower.sink.ids.length, LANES);
  assertEquals(new Set(follower.sink.ids.map((id) => (id - 1) % LANES)).size, LANES);
});

Deno.test("a limit of lanes that is lifted lets all of them go, some thousand in a turn", async () => {
  const test = new TestBroker();
  test.create("orders", { laneLimits: { maxPending: 1 } });
  fill(test);
  const follower = test.follower("orders", { messages: 1e6, slots: 1e6 });
  test.dispatch();
  assertEquals(follower.sink.ids.length, LANES);
  await test.broker.updateStream("orders", { laneLimits: null });
  test.dispatch();
  const before = follower.sink.ids.length;
  assertLessOrEqual(before, LANES + TURN_LANES_MAX);
  turnAll(test);
  assertEquals(follower.sink.ids.length, 2 * LANES);
});

Deno.test("rules that change again while lanes are placed hold for all lanes in the end", async () => {
  const test = new TestBroker();
  test.create("orders", { laneLimits: { maxPending: 1 } });
  fill(test);
  const follower = test.follower("orders", { messages: 1e6, slots: 1e6 });
  test.dispatch();
  await test.broker.updateStream("orders", { laneLimits: null });
  test.broker.tick(++test.now);
  await test.broker.updateStream("orders", { laneLimits: { maxPending: 1 } });
  test.dispatch();
  turnAll(test);
  assertLessOrEqual(follower.sink.ids.length, LANES + TURN_LANES_MAX);
  await test.broker.updateStream("orders", { laneLimits: { maxPending: 2 } });
  turnAll(test);
  assertEquals(follower.sink.ids.length, 2 * LANES);
});

Deno.test("a purge asks lanes for their oldest messages some thousand in a turn", async () => {
  const test = new TestBroker("orders");
  fill(test);
  const { share } = test.broker.state.router.requireStream("orders");
  const atFirst = share.visits;
  // A piece of the work takes so long, in milliseconds.
  test.readMs = 0.9;
  let before = atFirst;
  let most = 0;
  await countTurns(test, test.broker.purgeStream("orders"), () => {
    most = Math.max(most, share.visits - before);
    before = share.visits;
  });
  assertGreater(most, 0);
  assertLess(most, 0.6 * (share.visits - atFirst));
  assertEquals(test.getStream("orders").ready, 0);
});

Deno.test("a first message with a lane costs as much behind many messages as behind one", () => {
  const test = new TestBroker("orders");
  publishMany(test, LANES, (index) => ({ priority: 1 + index % 3 }));
  const { share } = test.broker.state.router.requireStream("orders");
  const before = share.visits;
  publishMany(test, 1, () => ({ lane: "first" }), "other");
  assertLess(share.visits - before, 100);
  const follower = test.follower("orders", { messages: 4 });
  test.dispatch();
  assertEquals(follower.sink.ids, [3, LANES + 1, 6, 9]);
  assertEquals(test.getStream("orders").ready, LANES - 3);
});
