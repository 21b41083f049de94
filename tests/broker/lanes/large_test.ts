/**
 * A million messages, and many lanes: what they cost, and that nothing is looked through.
 *
 * @module
 */

import { assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { encodeBatch } from "../../../protocol.ts";
import { findFlags } from "../../../src/protocol/messages/batch.ts";
import { TestBroker, type TestFollower } from "../../support/broker/test_broker.ts";

const MANY = 1_000_000;

/** Publishes so many messages of a lane; their bytes are encoded once. */
function fill(test: TestBroker, lane: string | undefined, count: number): void {
  const { publisher } = test.publisher("orders", `publisher of ${lane}`);
  const size = Math.min(count, 4000);
  const wishes = lane === undefined ? {} : { lane };
  const one = { kind: 0, body: new Uint8Array(1), wishes } as const;
  const batch = encodeBatch(new Array(size).fill(one));
  const flags = findFlags(batch);
  for (let sequence = 1; sequence <= count; sequence += size) {
    publisher.publish({ ...batch, sequence, settled: 0, bytes: batch.end, flags });
  }
}

function shareOf(test: TestBroker) {
  return test.broker.state.router.requireStream("orders").share;
}

/** Works on so many messages, one after the other. */
function work(test: TestBroker, follower: TestFollower, count: number): void {
  for (let done = 0; done < count; done++) {
    test.dispatch();
    const [run] = follower.follower.pending.runs;
    if (run === undefined) return;
    follower.ack(run.firstTag);
  }
}

Deno.test("beside a lane with a million messages, 999 with one each wait at most two rounds", () => {
  const test = new TestBroker("orders");
  fill(test, "large", MANY);
  const follower = test.follower("orders", { messages: 100 });
  test.dispatch();
  for (let lane = 0; lane < 999; lane++) fill(test, `small ${lane}`, 1);
  const share = shareOf(test);
  const visits = share.visits;
  work(test, follower, 2000);
  const small = follower.sink.ids.filter((id) => id > MANY);
  assertEquals(small.length, 999);
  assertLessOrEqual(follower.sink.ids.lastIndexOf(small.at(-1)!), 100 + 2 * 1000);
  assertLess(share.visits - visits, 20_000, "nothing looks through the backlog");
  assertEquals(share.ready.list().length, 1, "a backlog of one lane is one run");
});

Deno.test("a backlog without lanes stays one run when a message with a lane comes", () => {
  const test = new TestBroker("orders");
  fill(test, undefined, MANY);
  fill(test, "ann", 1);
  const share = shareOf(test);
  assertEquals(share.ready.list().length, 2);
  const follower = test.follower("orders", { messages: 2 });
  test.dispatch();
  assertEquals(follower.sink.ids, [1, MANY + 1]);
});

Deno.test("a limited lane with a million messages costs nothing while it waits", () => {
  const test = new TestBroker();
  test.create("orders", { laneLimits: { maxPending: 1 } });
  fill(test, "large", MANY);
  const follower = test.follower("orders", { slots: 4 });
  test.dispatch();
  const share = shareOf(test);
  const visits = share.visits;
  for (let round = 0; round < 1000; round++) {
    fill(test, `small ${round}`, 1);
    test.dispatch();
    const run = follower.follower.pending.runs.at(-1)!;
    if (run.firstId > MANY) follower.ack(run.firstTag);
  }
  assertEquals(follower.sink.ids.length, 1001);
  assertLess(share.visits - visits, 20_000);
});

Deno.test("lanes are listed and changed without looking at messages", async () => {
  const test = new TestBroker("orders");
  fill(test, "large", MANY);
  for (let lane = 0; lane < 5000; lane++) fill(test, `small ${lane}`, 1);
  const share = shareOf(test);
  const visits = share.visits;
  const { items, count } = await test.broker.lanes.list("orders", { limit: 2 });
  assertEquals([items[0]?.name, items[0]?.ready, items.length, count], ["large", MANY, 2, 5001]);
  await test.broker.lanes.set("orders", "large", { isPaused: true });
  await test.broker.updateStream("orders", { laneLimits: { maxPending: 3 }, priorityAcross: true });
  await test.broker.explain("orders");
  assertLess(share.visits - visits, 50_000);
});

Deno.test("very many lanes are listed in several turns, and others come and go in between", async () => {
  const test = new TestBroker("orders");
  const { publisher } = test.publisher("orders");
  let sequence = 1;
  const publish = (lanes: readonly string[]) => {
    for (let from = 0; from < lanes.length; from += 4000) {
      const batch = encodeBatch(
        lanes.slice(from, from + 4000).map((lane) => ({
          kind: 0,
          body: new Uint8Array(1),
          wishes: { lane },
        })),
      );
      const flags = findFlags(batch);
      publisher.publish({ ...batch, sequence, settled: 0, bytes: batch.end, flags });
      sequence += batch.count;
    }
  };
  const names = Array.from({ length: 40_000 }, (_, index) => `lane-${index + 10_000}`);
  publish([...names, "lane-49999", "lane-30000", "lane-10000", "lane-10000"]);
  const listing = test.broker.lanes.list("orders", { limit: 3, by: "waiting" });
  const page = test.broker.lanes.list("orders", { limit: 2, by: "name", after: "lane-49990" });
  const follower = test.follower("orders", { messages: 1 });
  let turns = 0;
  let isDone = false;
  listing.then(() => isDone = true);
  for (; !isDone && turns < 10; turns++) {
    test.broker.tick(test.now);
    test.dispatch();
    if (turns === 0) follower.ack(1);
    if (turns === 1) await test.broker.cancelMessages("orders", { lane: "lane-49999" });
    for (let wait = 0; wait < 5; wait++) await Promise.resolve();
  }
  assertEquals(turns, 2);
  const { items, count } = await listing;
  assertEquals(items.map(({ name, ready, pending }) => [name, ready, pending]).slice(0, 2), [
    ["lane-10000", 2, 0],
    ["lane-30000", 2, 0],
  ]);
  assertEquals(count >= 39_999, true, `${count}`);
  const { items: named, next } = await page;
  assertEquals([named.map(({ name }) => name), next], [["lane-49991", "lane-49992"], "lane-49992"]);
});
