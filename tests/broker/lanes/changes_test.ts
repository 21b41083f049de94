/**
 * What is kept of lanes and limits while they change, come and go.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import { TestBroker } from "../../support/broker/test_broker.ts";

/** Lets time pass, and hands out. */
function tick(test: TestBroker, now: number): void {
  test.broker.tick(test.now = now);
  test.dispatch();
}

const SLOW = { count: 1, perMs: 3_600_000 };
const FAST = { count: 100, perMs: 1000 };

Deno.test("a rate of lanes that is raised counts at once", async () => {
  const test = new TestBroker();
  test.create("orders", { laneLimits: { rate: SLOW } });
  test.publisher("orders").publishWith(...new Array(10).fill({ lane: "ann" }));
  const follower = test.follower("orders", { slots: 100 });
  test.dispatch();
  assertEquals(follower.received.length, 1);
  await test.broker.updateStream("orders", { laneLimits: { rate: FAST } });
  test.dispatch();
  tick(test, test.now + 50);
  assertEquals(follower.received.length, 6);
});

Deno.test("a rate that is removed and given again goes by the new one", async () => {
  const test = new TestBroker();
  test.create("orders", { maxPending: 100, rate: SLOW });
  test.publisher("orders").publish(...new Array<number>(100).fill(1));
  const follower = test.follower("orders", { slots: 20 });
  test.dispatch();
  assertEquals(follower.received.length, 1);
  await test.broker.updateStream("orders", { rate: null });
  test.dispatch();
  assertEquals(follower.received.length, 20);
  await test.broker.updateStream("orders", { rate: FAST });
  for (let tag = 1; tag <= 20; tag++) follower.ack(tag);
  test.dispatch();
  tick(test, test.now + 50);
  assertEquals(follower.received.length, 25);
});

Deno.test("lanes of refused messages are forgotten", () => {
  const test = new TestBroker();
  test.create("orders", { laneLimits: { maxMessages: 1 } });
  test.publisher("orders").publishWith({ lane: "ann" });
  for (let number = 0; number < 500; number++) {
    const lane = `lane ${number}`;
    test.publisher("orders", `publisher ${number}`).publishWith({ lane }, { lane });
  }
  const follower = test.follower("orders");
  test.dispatch();
  assertEquals(follower.sink.ids, [1]);
  const { table } = test.broker.state.router.requireStream("orders").share.lanes!;
  assertEquals(table.size, 1);
});

Deno.test("lanes that were held back are forgotten", () => {
  const test = new TestBroker("orders");
  const publisher = test.publisher("orders");
  const follower = test.follower("orders", { messages: 1 });
  const next = () => follower.follower.pending.runs[0]!.firstTag;
  for (let number = 0; number < 2500; number++) {
    publisher.publishWith({ lane: `lane ${number}` });
    test.dispatch();
    const details = { delayMs: 1, reason: "", isPostponed: true, holdsLane: true };
    follower.open.nack([{ firstTag: next(), count: 1 }], details, false);
    tick(test, test.now + 1);
    follower.ack(next());
  }
  const { lanes } = test.broker.state.router.requireStream("orders").share;
  assertLess(lanes!.heldCount, 1100);
});

Deno.test("a batch for a lane that is unused by now is in that lane, although many are forgotten", () => {
  const test = new TestBroker("orders");
  const publisher = test.publisher("orders");
  const follower = test.follower("orders", { messages: 5000 });
  const names = Array.from({ length: 1100 }, (_, number) => `lane ${number}`);
  publisher.publishWith(...names.map((lane) => ({ lane })));
  test.dispatch();
  follower.setCredit(0);
  for (let tag = 1; tag <= names.length; tag++) follower.ack(tag);
  const { share } = test.broker.state.router.requireStream("orders");
  publisher.publishWith({ lane: "new" }, { lane: "lane 5" }, { lane: "lane 6", delayMs: 1000 });
  const lanes = [...share.lanes!.table].filter(({ messageCount }) => messageCount > 0);
  assertEquals(lanes.map(({ name }) => name).sort(), ["lane 5", "lane 6", "new"]);
  assertLess(share.lanes!.table.size, 10);
});

Deno.test("of too many lanes that rest, those with open breakers are given up when it is time, and not within an event", () => {
  const test = new TestBroker("orders");
  const { share } = test.broker.state.router.requireStream("orders");
  const lanes = share.requireLanes();
  const [most, more] = [100_000, 10];
  const givenUp: string[] = [];
  for (let number = 0; number < most + more; number++) {
    const lane = lanes.table.require(`lane ${number}`);
    lane.gate = {
      isLimit: true,
      isIdle: false,
      idleAt: test.now + 1e6 + number,
      room: () => 0,
      opensAt: () => Infinity,
      take() {},
      refund() {},
      settle() {},
      explain: () => undefined,
      giveUp: () => givenUp.push(lane.name),
    };
    lanes.place(lane);
  }
  assertEquals([givenUp.length, lanes.table.size], [0, most + more]);
  assertLess(test.broker.tick(test.now), Infinity);
  assertEquals(givenUp, Array.from({ length: more }, (_, number) => `lane ${number}`));
  assertEquals(lanes.table.size, most);
  assertLess(test.now, lanes.nextAt);
});
