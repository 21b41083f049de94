/**
 * The rules of a message's life, one after the other.
 *
 * @module
 */

import { assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { assertCode } from "../support/wire/frames.ts";
import { TestBroker } from "../support/broker/test_broker.ts";

// Rule 1: publish.

Deno.test("rule 1, publish: a direct publisher's batch gets the next ids of its stream", () => {
  const test = new TestBroker("orders", "other");
  const publisher = test.publisher("orders");
  publisher.publish("a", "b");
  publisher.publish("c");
  assertEquals(publisher.sink.outcomes, [
    { sequence: 1, count: 2, stored: ["orders:1"], isDuplicate: false },
    { sequence: 3, count: 1, stored: ["orders:3"], isDuplicate: false },
  ]);
  assertEquals(test.broker.getStream("other").nextId, 1);
});

Deno.test("rule 1, publish: direct to no stream is STREAM_NOT_FOUND", () => {
  const test = new TestBroker();
  const publisher = test.publisher("orders");
  publisher.publish("a");
  assertEquals(publisher.sink.outcomes[0]?.code, "STREAM_NOT_FOUND");
  assertEquals(test.events, []);
});

Deno.test("rule 1, publish: a pattern that matches no stream is NO_MATCHING_STREAM", () => {
  const test = new TestBroker("orders");
  const publisher = test.publisher(/^x/);
  publisher.publish("a");
  assertEquals(publisher.sink.outcomes[0]?.code, "NO_MATCHING_STREAM");
  assertEquals(test.events.length, 1);
});

Deno.test("rule 1, publish: a pattern stores in all matching streams, as one event", () => {
  const test = new TestBroker("a1", "b", "a2");
  test.publisher("a2", "other").publish("before");
  const publisher = test.publisher(/^a/);
  publisher.publish("x", "y");
  assertEquals(publisher.sink.outcomes[0]?.stored, ["a1:1", "a2:2"]);
  const events = test.events.filter(({ type }) => type === "published");
  assertEquals(events.length, 2);
  const counts = test.broker.getStreams().map(({ name, ready }) => `${name}:${ready}`);
  assertEquals(counts, ["a1:2", "a2:3", "b:0"]);
});

Deno.test("rule 1, publish: a pattern reaches streams that were created after the publisher", () => {
  const test = new TestBroker();
  const publisher = test.publisher(/^a/);
  publisher.publish("lost");
  test.create("a1");
  publisher.publish("kept");
  assertEquals(publisher.sink.outcomes.map(({ code, stored }) => code ?? stored.join()), [
    "NO_MATCHING_STREAM",
    "a1:1",
  ]);
});

Deno.test("rule 1, publish: binds that are not allowed are refused when the publisher opens", () => {
  const test = new TestBroker();
  assertCode("BAD_STREAM_NAME", () => test.publisher("$x"));
  assertCode("BAD_STREAM_NAME", () => test.follower(".."));
  assertCode("BAD_PATTERN", () => test.follower(new RegExp("x".repeat(257))));
  assertCode("FOLLOWER_NOT_FOUND", () => test.broker.getPel("follower", test.now));
});

// Rule 2: confirm and deliver what is durable.

Deno.test("rule 2, confirm: nothing is confirmed or delivered before it is durable", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  const publisher = test.publisher("orders");
  test.isSlow = true;
  publisher.publish("a");
  test.dispatch();
  assertEquals([publisher.sink.outcomes.length, follower.sink.texts.length], [0, 0]);
  assertEquals(test.broker.getStream("orders").ready, 0);
  test.sync();
  test.dispatch();
  assertEquals([publisher.sink.outcomes[0]?.stored, follower.sink.texts], [["orders:1"], ["a"]]);
});

Deno.test("rule 2, confirm: batches on their way to the disk have their ids already", () => {
  const test = new TestBroker("orders");
  const [one, two] = [test.publisher("orders", "one"), test.publisher(/./, "two")];
  test.isSlow = true;
  one.publish("a", "b");
  two.publish("c");
  one.publish("d");
  test.sync();
  const follower = test.follower("orders");
  test.dispatch();
  assertEquals([one, two].map(({ sink }) => sink.outcomes.flatMap(({ stored }) => stored)), [
    ["orders:1", "orders:4"],
    ["orders:3"],
  ]);
  assertEquals(follower.sink.texts, ["a", "b", "c", "d"]);
});

Deno.test("rule 2, confirm: an acknowledged message is gone at once; who waits hears when that is durable", () => {
  const test = new TestBroker("orders");
  const { follower, sink } = test.follower("orders");
  test.publisher("orders").publish("a", "b");
  test.dispatch();
  test.isSlow = true;
  let isDone = false;
  test.broker.ack(follower, [{ firstTag: 1, count: 2 }], test.now, () => isDone = true);
  assertFalse(isDone);
  const { pending, bytes } = test.broker.getStream("orders");
  assertEquals([pending, bytes], [0, 0]);
  // What is on its way to be acknowledged does not come back when the follower is lost.
  test.broker.closeFollower(follower, test.now);
  test.sync();
  assertEquals(isDone, true);
  const again = test.follower("orders");
  test.dispatch();
  assertEquals([sink.texts, again.sink.texts], [["a", "b"], []]);
  assertEquals(test.broker.getStream("orders").bytes, 0);
});

Deno.test("rule 2, confirm: a stream created twice before the first is durable is one stream", () => {
  const test = new TestBroker();
  const follower = test.follower("orders", { messages: 2 });
  test.isSlow = true;
  const isNew: boolean[] = [];
  test.broker.createStream("orders", {}, (one) => isNew.push(one));
  test.broker.createStream("orders", {}, (one) => isNew.push(one));
  // There is one, but nobody may count on it yet.
  assertEquals(isNew, []);
  test.sync(1);
  // Who heard first that the stream is there uses it already.
  const publisher = test.publisher("orders");
  publisher.publish("a");
  test.sync();
  publisher.publish("b");
  test.sync();
  test.dispatch();
  assertEquals(isNew, [true, false]);
  assertEquals(follower.received, ["orders:1×1", "orders:2×1"]);
  assertEquals(follower.sink.texts, ["a", "b"]);
  assertEquals(follower.follower.attachments.size, 1);
});

Deno.test("rule 2, confirm: what was being stored in a stream that is deleted goes with it", () => {
  const test = new TestBroker("orders");
  const publisher = test.publisher("orders");
  test.isSlow = true;
  publisher.publish("a");
  test.broker.deleteStream("orders", () => {});
  publisher.publish("b");
  test.sync();
  const outcomes = publisher.sink.outcomes.map(({ code, stored }) => code ?? stored.join());
  assertEquals(outcomes, ["orders:1", "STREAM_NOT_FOUND"]);
  assertEquals([test.broker.bytes, test.broker.getStreams()], [0, []]);
});

Deno.test("rule 2, confirm: a stream is deleted at once; who waits hears when that is durable", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  test.publisher("orders").publish("a");
  test.dispatch();
  test.isSlow = true;
  let isDone = false;
  test.broker.deleteStream("orders", () => isDone = true);
  assertCode("STALE_DELIVERY", () => follower.ack(1));
  assertCode("STREAM_NOT_FOUND", () => test.broker.deleteStream("orders", () => {}));
  assertEquals([isDone, test.broker.bytes, test.broker.getStreams()], [false, 0, []]);
  test.sync();
  assertEquals(isDone, true);
});

Deno.test("rule 2, confirm: what was being stored in a deleted stream is not in the next of its name", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  const publisher = test.publisher("orders");
  test.isSlow = true;
  publisher.publish("old", "old");
  test.broker.deleteStream("orders", () => {});
  test.create("orders");
  publisher.publish("new");
  test.sync(1);
  assertEquals([test.broker.bytes, test.broker.getStream("orders").ready], [0, 0]);
  test.sync();
  test.dispatch();
  assertEquals(publisher.sink.outcomes.map(({ stored }) => stored.join()), [
    "orders:1",
    "orders:1",
  ]);
  assertEquals([follower.sink.texts, follower.sink.ids], [["new"], [1]]);
});

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

Deno.test("rule 4, taken means pending: a delivered message is in the PEL until it is acknowledged", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { name: "worker" });
  test.follower("orders", { name: "idle" });
  test.publisher("orders").publish("a");
  test.now = 7000;
  test.dispatch();
  assertEquals(test.broker.getPel("worker", test.now), [
    { stream: "orders", id: 1, attempts: 1, deliveredAt: 7000, ageMs: 0, deadline: 1_807_000 },
  ]);
  test.now = 7500;
  assertEquals(test.broker.getPel("worker", test.now).map(({ ageMs }) => ageMs), [500]);
  assertEquals(test.broker.getPel("idle", test.now), []);
  follower.ack(1);
  assertEquals(test.broker.getPel("worker", test.now), []);
  assertEquals(test.broker.getStream("orders").bytes, 0);
});

Deno.test("rule 12: two followers of one name work side by side, and their PEL shows what both hold", () => {
  const test = new TestBroker("orders");
  const first = test.follower("orders", { name: "worker", messages: 1 });
  const second = test.follower("orders", { name: "worker", messages: 1 });
  const other = test.follower("orders", { name: "other", messages: 1 });
  test.publisher("orders").publish("a", "b", "c");
  test.dispatch();
  const idsOf = (name: string) => test.broker.getPel(name, test.now).map(({ id }) => id);
  assertEquals([idsOf("worker"), idsOf("other")], [[1, 2], [3]]);
  assertEquals(
    test.broker.getPels(test.now).map(({ follower, entries }) => [follower, entries.length]),
    [["worker", 2], ["other", 1]],
  );
  // The same tag is another delivery at each of them.
  second.ack(1);
  assertEquals([idsOf("worker"), idsOf("other")], [[1], [3]]);
  first.close();
  assertEquals(idsOf("worker"), []);
  assertEquals(other.sink.ids, [3]);
});

Deno.test("rule 12: a PEL is in the order of delivery, whichever follower of the name holds it", () => {
  const test = new TestBroker("orders");
  const first = test.follower("orders", { name: "worker", messages: 1 });
  test.follower("orders", { name: "worker", messages: 1 });
  test.publisher("orders").publish("a", "b", "c");
  test.dispatch();
  test.now = 2000;
  first.ack(1);
  test.dispatch();
  assertEquals(test.broker.getPel("worker", test.now).map(({ id }) => id), [2, 3]);
  assertEquals(test.broker.getPels(test.now)[0]?.entries.map(({ id }) => id), [2, 3]);
});

// Rule 5: follower lost.

Deno.test("rule 5, follower lost: all that it holds is ready again at once", () => {
  const test = new TestBroker("orders", "other");
  const lost = test.follower(/./);
  const publishers = [test.publisher("orders", "one"), test.publisher("other", "two")];
  publishers[0]!.publish("a", "b");
  publishers[1]!.publish("c");
  test.dispatch();
  lost.close();
  const counts = test.broker.getStreams().map(({ ready, pending }) => [ready, pending]);
  assertEquals(counts, [[2, 0], [1, 0]]);
  assertEquals(test.broker.getPels(test.now), []);
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
  assertEquals(test.broker.getStream("orders").followers, 0);
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
  assertEquals(test.broker.getStream("orders").pending, 4);
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
  assertEquals(test.broker.getStream("orders").ready, 1);
});

Deno.test("rule 10, stale tags: a slow follower cannot acknowledge what is someone else's by now", () => {
  const test = new TestBroker("orders");
  const slow = test.follower("orders", { messages: 1 });
  test.publisher("orders").publish("a");
  test.dispatch();
  slow.setCredit(0);
  slow.release(1);
  const other = test.follower("orders", { name: "other" });
  test.dispatch();
  assertCode("STALE_DELIVERY", () => slow.ack(1));
  assertEquals(test.broker.getPel("other", test.now).map(({ id }) => id), [1]);
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
  assertEquals(test.broker.getStream("orders").pending, 1);
});

Deno.test("rule 10, stale tags: what of the ranges is held is done all the same", () => {
  const test = new TestBroker("orders");
  const { follower } = test.follower("orders", { messages: 6 });
  test.publisher("orders").publish("a", "b", "c", "d", "e", "f");
  test.dispatch();
  let isDone = false;
  const ranges = [{ firstTag: 1, count: 1 }, { firstTag: 1, count: 2 }, { firstTag: 6, count: 9 }];
  const { broker, now } = test;
  assertCode("STALE_DELIVERY", () => broker.ack(follower, ranges, now, () => isDone = true));
  assertFalse(isDone);
  assertEquals(test.broker.getPel("follower", test.now).map(({ id }) => id), [3, 4, 5]);
  test.broker.setCredit(follower, 0, 0, test.now);
  assertCode("STALE_DELIVERY", () => broker.release(follower, [{ firstTag: 2, count: 2 }], now));
  assertEquals(test.broker.getPel("follower", test.now).map(({ id }) => id), [4, 5]);
  assertCode("UNKNOWN_DELIVERY", () => broker.begin(follower, [{ firstTag: 5, count: 9 }], now));
  test.broker.closeFollower(follower, test.now);
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
