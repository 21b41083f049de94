/**
 * Batches that fail and come back in halves.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { TestBroker } from "../../support/broker/test_broker.ts";

Deno.test("halves of a batch of several lanes have each message once", () => {
  const test = new TestBroker();
  test.create("orders");
  test.publisher("orders").publishWith(
    ...["ann", "bob", "ann", "bob"].map((lane) => ({ lane })),
  );
  const follower = test.follower("orders", { messages: 4, slots: 4 });
  test.dispatch();
  assertEquals(follower.received.length, 4);
  follower.open.beginBatch([{ firstTag: 1, count: 4 }]);
  follower.close();
  const { share } = test.broker.state.router.requireStream("orders");
  assertEquals(
    share.ready.list().flatMap(({ firstId, count }) =>
      Array.from({ length: count }, (_, at) => firstId + at)
    ).sort(),
    [1, 2, 3, 4],
  );
  assertEquals(share.pendingCount, 0);
  for (const lane of share.lanes!.table) assertEquals(lane.pendingCount, 0);
});

Deno.test("what comes back in halves has used up its rate", () => {
  const test = new TestBroker();
  test.create("orders", { rate: { count: 4, perMs: 1000 } });
  test.publisher("orders").publish(1, 1, 1, 1);
  const follower = test.follower("orders", { messages: 4, slots: 4 });
  test.dispatch();
  assertEquals(follower.received.length, 4);
  follower.open.beginBatch([{ firstTag: 1, count: 4 }]);
  follower.open.nack([{ firstTag: 1, count: 4 }], {
    delayMs: 0,
    reason: "no",
    isTogether: true,
  }, false);
  test.dispatch();
  assertEquals(follower.received.length, 4);
});
