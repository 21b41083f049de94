// The rules of what followers hold: order, attempts, what comes back, stale tags.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { assertCode } from "../../support/wire/frames.ts";
import { describeStreams, TestBroker } from "../../support/broker/test_broker.ts";

// Rule 3: order.

Deno.test("rule 3, order: ready messages go out by id", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { messages: 2 });
  const publisher = test.publisher("orders");
  for (const text of ["a", "b", "c", "d", "e"]) publisher.publish(text);
  for (let tag = 1; tag <= 5; tag++) {
    test.dispatch();
    follower.ack(tag);
  }
  assertEquals(follower.sink.texts, ["a", "b", "c", "d", "e"]);
});

Deno.test("rule 3, order: a message that comes back takes its old place", () => {
  const test = new TestBroker("orders");
  const lost = test.follower("orders", { messages: 3 });
  test.publisher("orders").publish("a", "b", "c", "d", "e");
  test.dispatch();
  lost.ack(2);
  lost.close();
  const follower = test.follower("orders");
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 3, 4, 5]);
});

// Rule 4: taken means pending.

Deno.test("rule 4, taken means pending: a delivered message is in the PEL until it is acknowledged", async () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { name: "worker" });
  test.follower("orders", { name: "idle" });
  test.publisher("orders").publish("a");
  test.now = 7000;
  test.dispatch();
  assertEquals(await test.broker.getPel("worker"), [
    { stream: "orders", id: 1, attempts: 1, deliveredAt: 7000, ageMs: 0, deadline: 1_807_000 },
  ]);
  test.now = 7500;
  assertEquals((await test.broker.getPel("worker")).map(({ ageMs }) => ageMs), [500]);
  assertEquals(await test.broker.getPel("idle"), []);
  follower.ack(1);
  assertEquals(await test.broker.getPel("worker"), []);
  assertEquals(test.getStream("orders").bytes, 0);
});

Deno.test("rule 12: two followers of one name work side by side, and their PEL shows what both hold", async () => {
  const test = new TestBroker("orders");
  const first = test.follower("orders", { name: "worker", messages: 1 });
  const second = test.follower("orders", { name: "worker", messages: 1 });
  const other = test.follower("orders", { name: "other", messages: 1 });
  test.publisher("orders").publish("a", "b", "c");
  test.dispatch();
  const idsOf = async (name: string) => (await test.broker.getPel(name)).map(({ id }) => id);
  assertEquals([await idsOf("worker"), await idsOf("other")], [[1, 2], [3]]);
  assertEquals(
    (await test.broker.getPels()).map(({ follower, entries }) => [follower, entries.length]),
    [["worker", 2], ["other", 1]],
  );
  // The same tag is another delivery at each of them.
  second.ack(1);
  assertEquals([await idsOf("worker"), await idsOf("other")], [[1], [3]]);
  first.close();
  assertEquals(await idsOf("worker"), []);
  assertEquals(other.sink.ids, [3]);
});

Deno.test("rule 12: a PEL is in the order of delivery, whichever follower of the name holds it", async () => {
  const test = new TestBroker("orders");
  const first = test.follower("orders", { name: "worker", messages: 1 });
  test.follower("orders", { name: "worker", messages: 1 });
  test.publisher("orders").publish("a", "b", "c");
  test.dispatch();
  test.now = 2000;
  first.ack(1);
  test.dispatch();
  assertEquals((await test.broker.getPel("worker")).map(({ id }) => id), [2, 3]);
  assertEquals((await test.broker.getPels())[0]?.entries.map(({ id }) => id), [2, 3]);
});

// Rule 5: follower lost.

Deno.test("rule 5, follower lost: all that it holds is ready again at once", async () => {
  const test = new TestBroker("orders", "other");
  const lost = test.follower(/./);
  const publishers = [test.publisher("orders", "one"), test.publisher("other", "two")];
  publishers[0]!.publish("a", "b");
  publishers[1]!.publish("c");
  test.dispatch();
  lost.close();
  const counts = describeStreams(test.broker).map(({ ready, pending }) => [ready, pending]);
  assertEquals(counts, [[2, 0], [1, 0]]);
  assertEquals(await test.broker.getPels(), []);
});

Deno.test("rule 5, follower lost: who waits gets what it held", () => {
  const test = new TestBroker("orders");
  const lost = test.follower("orders");
  test.publisher("orders").publish("a", "b");
  test.dispatch();
  const waiting = test.follower("orders");
  test.dispatch();
  assertEquals(waiting.sink.ids, []);
  lost.close();
  test.dispatch();
  assertEquals(waiting.sink.ids, [1, 2]);
});

Deno.test("rule 5, follower lost: attempts go up for its oldest unacknowledged delivery only", () => {
  const test = new TestBroker("orders");
  const lost = test.follower("orders");
  test.publisher("orders").publish("a", "b", "c", "d");
  test.dispatch();
  lost.ack(1);
  lost.close();
  const follower = test.follower("orders");
  test.dispatch();
  assertEquals(follower.received, ["orders:2×2", "orders:3×1", "orders:4×1"]);
});

Deno.test("rule 5, follower lost: attempts go up for what was begun, too", () => {
  const test = new TestBroker("orders");
  const lost = test.follower("orders");
  test.publisher("orders").publish("a", "b", "c", "d", "e");
  test.dispatch();
  lost.begin(3, 4);
  lost.ack(4);
  lost.close();
  const follower = test.follower("orders");
  test.dispatch();
  assertEquals(follower.received, ["orders:1×2", "orders:2×1", "orders:3×2", "orders:5×1"]);
});

Deno.test("rule 5, a follower that ends by itself: attempts go up for all that its client received", () => {
  const test = new TestBroker("orders");
  const ending = test.follower("orders");
  test.publisher("orders").publish("a", "b", "c", "d", "e");
  test.dispatch();
  ending.ack(2);
  ending.close(3);
  const follower = test.follower("orders", { messages: 4 });
  test.dispatch();
  assertEquals(follower.received, ["orders:1×2", "orders:3×2", "orders:4×1", "orders:5×1"]);
  follower.close(0);
  const next = test.follower("orders");
  test.dispatch();
  assertEquals(next.received, follower.received);
});

Deno.test("rule 5, follower lost: a message that kills its followers counts up, its neighbours do not", () => {
  const test = new TestBroker("orders");
  test.publisher("orders").publish("deadly", "harmless", "harmless");
  for (let round = 1; round <= 5; round++) {
    const follower = test.follower("orders");
    test.dispatch();
    assertEquals(follower.received, [`orders:1×${round}`, "orders:2×1", "orders:3×1"]);
    follower.close();
    // The first time it comes back at once.
    if (round > 1) test.now += 30_000;
    test.broker.tick(test.now);
  }
});

Deno.test("rule 5, follower lost: a follower that held nothing leaves nothing behind", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  follower.close();
  follower.close();
  test.publisher("orders").publish("a");
  test.dispatch();
  assertEquals(follower.sink.ids, []);
  assertEquals(test.getStream("orders").followers, 0);
});

// Rule 6: release.

Deno.test("rule 6, release: messages are ready again, and attempts do not go up", () => {
  const test = new TestBroker("orders");
  const slow = test.follower("orders", { messages: 4 });
  test.publisher("orders").publish("a", "b", "c", "d");
  test.dispatch();
  const fast = test.follower("orders");
  slow.setCredit(1);
  slow.release(2, 3, 4);
  test.dispatch();
  assertEquals(fast.received, ["orders:2×1", "orders:3×1", "orders:4×1"]);
  assertEquals(test.getStream("orders").pending, 4);
});

Deno.test("rule 6, release: what was released is delivered under a new tag", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  test.publisher("orders").publish("a", "b");
  test.dispatch();
  follower.release(1);
  test.dispatch();
  assertEquals(follower.sink.messages.map(({ id, tag }) => [id, tag]), [[1, 1], [2, 2], [1, 3]]);
  assertEquals(follower.received.at(-1), "orders:1×1");
});

Deno.test("rule 6, release: attempts that were counted before stay counted", () => {
  const test = new TestBroker("orders");
  test.publisher("orders").publish("a");
  const lost = test.follower("orders");
  test.dispatch();
  lost.close();
  const careful = test.follower("orders", { messages: 1 });
  test.dispatch();
  careful.setCredit(0);
  careful.release(1);
  const last = test.follower("orders");
  test.dispatch();
  assertEquals([careful.received, last.received], [["orders:1×2"], ["orders:1×2"]]);
});

// Rule 10: stale tags.

Deno.test("rule 10, stale tags: what was acknowledged, released or lost is STALE_DELIVERY", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { messages: 2 });
  test.publisher("orders").publish("a", "b");
  test.dispatch();
  follower.ack(1);
  assertStringIncludes(assertCode("STALE_DELIVERY", () => follower.ack(1)), "from tag 1 on");
  follower.setCredit(0);
  follower.release(2);
  for (const act of ["ack", "release", "begin"] as const) {
    assertCode("STALE_DELIVERY", () => follower[act](2));
  }
  assertEquals(test.getStream("orders").ready, 1);
});

Deno.test("rule 10, stale tags: a slow follower cannot acknowledge what is someone else's by now", async () => {
  const test = new TestBroker("orders");
  const slow = test.follower("orders", { messages: 1 });
  test.publisher("orders").publish("a");
  test.dispatch();
  slow.setCredit(0);
  slow.release(1);
  const other = test.follower("orders", { name: "other" });
  test.dispatch();
  assertCode("STALE_DELIVERY", () => slow.ack(1));
  assertEquals((await test.broker.getPel("other")).map(({ id }) => id), [1]);
  other.ack(1);
});

Deno.test("rule 10, stale tags: a tag that was never given is UNKNOWN_DELIVERY", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  assertCode("UNKNOWN_DELIVERY", () => follower.ack(1));
  test.publisher("orders").publish("a");
  test.dispatch();
  for (const act of ["ack", "release", "begin"] as const) {
    assertStringIncludes(
      assertCode("UNKNOWN_DELIVERY", () => follower[act](2)),
      "the last tag given",
    );
  }
  assertEquals(test.getStream("orders").pending, 1);
});

Deno.test("rule 10, stale tags: what of the ranges is held is done all the same", async () => {
  const test = new TestBroker("orders");
  const { open } = test.follower("orders", { messages: 6 });
  test.publisher("orders").publish("a", "b", "c", "d", "e", "f");
  test.dispatch();
  const ranges = [{ firstTag: 1, count: 1 }, { firstTag: 1, count: 2 }, { firstTag: 6, count: 9 }];
  assertCode("STALE_DELIVERY", () => void open.ack(ranges, true));
  assertEquals((await test.broker.getPel("follower")).map(({ id }) => id), [3, 4, 5]);
  open.setCredit(0, 0);
  assertCode("STALE_DELIVERY", () => open.release([{ firstTag: 2, count: 2 }]));
  assertEquals((await test.broker.getPel("follower")).map(({ id }) => id), [4, 5]);
  assertCode("UNKNOWN_DELIVERY", () => open.begin([{ firstTag: 5, count: 9 }]));
  open.close();
  const next = test.follower("orders");
  test.dispatch();
  assertEquals(next.received, ["orders:3×1", "orders:4×2", "orders:5×2"]);
});

// Rule 11: streams that come later.

Deno.test("rule 11, later streams: a follower waits for a stream that does not exist yet", () => {
  const test = new TestBroker();
  const follower = test.follower("orders");
  test.create("orders");
  test.publisher("orders").publish("a");
  test.dispatch();
  assertEquals(follower.sink.texts, ["a"]);
});

Deno.test("rule 11, later streams: a regex follower gets messages from streams created after it", () => {
  const test = new TestBroker("a1");
  const follower = test.follower(/^a/);
  test.create("a2");
  test.create("b");
  for (const stream of ["a1", "a2", "b"]) test.publisher(stream, `to ${stream}`).publish(stream);
  test.dispatch();
  assertEquals(follower.sink.texts.sort(), ["a1", "a2"]);
});

// What a follower holds.

Deno.test("a follower counts the bytes of what is pending, whichever way it ends", () => {
  const test = new TestBroker("orders", "other");
  const follower = test.follower(/./, { bytes: 1000 });
  const [toOrders, toOther] = [test.publisher("orders", "a"), test.publisher("other", "b")];
  toOrders.publish(...texts(3, 200));
  toOther.publish(...texts(2, 300));
  test.dispatch();
  assertEquals(follower.follower.pending.bytes, 1200);
  follower.ack(1);
  assertEquals(follower.follower.pending.bytes, 1000);
  follower.setCredit(0);
  follower.release(2);
  assertEquals(follower.follower.pending.bytes, 800);
  test.broker.deleteStream("other");
  assertEquals(follower.follower.pending.bytes, 200);
  follower.close();
  assertEquals(follower.follower.pending.bytes, 0);
});

Deno.test("it is noted when a message was delivered", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  test.publisher("orders").publish("x");
  test.now = 5000;
  test.dispatch();
  assertEquals(follower.follower.pending.runs[0]?.deliveredAt, 5000);
});

/** So many texts whose messages have so many bytes each. */
function texts(count: number, bytes: number): string[] {
  return new Array<string>(count).fill("x".repeat(bytes - 8));
}

// Postponements.

Deno.test("a message may be postponed 1,000 times; after that each time is an attempt", () => {
  const test = new TestBroker("orders");
  test.broker.updateStream("orders", { maxDeliveries: 3 });
  const follower = test.follower("orders");
  test.publisher("orders").publish("a");
  const postpone = (tag: number) => {
    const details = { delayMs: 0, reason: `busy ${tag}`, isPostponed: true };
    follower.open.nack([{ firstTag: tag, count: 1 }], details, true);
    test.dispatch();
  };
  test.dispatch();
  for (let tag = 1; tag <= 1000; tag++) {
    postpone(tag);
    assertEquals(follower.received.at(-1), "orders:1×1");
  }
  for (const attempts of [2, 3]) {
    postpone(999 + attempts);
    assertEquals(follower.received.at(-1), `orders:1×${attempts}`);
  }
  postpone(1003);
  assertEquals(test.getStream("orders").ready, 0);
  const { totals } = test.getStream("orders.dead");
  assertEquals(totals.published, 1);
  assertEquals(test.getStream("orders").totals.returned.postponed, 1003);
});

Deno.test("of several messages that are postponed, those that were too often pay alone", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  test.publisher("orders").publish("a");
  test.dispatch();
  const details = { delayMs: 0, reason: "", isPostponed: true };
  for (let tag = 1; tag <= 1000; tag++) {
    follower.open.nack([{ firstTag: tag, count: 1 }], details, true);
    test.dispatch();
  }
  test.publisher("orders", "other").publish("b", "c");
  test.dispatch();
  follower.open.nack([{ firstTag: 1001, count: 3 }], details, true);
  test.dispatch();
  assertEquals(follower.received.slice(-3), ["orders:1×2", "orders:2×1", "orders:3×1"]);
});
