// The rules of publishing: where batches go, and when they are confirmed.

import { assertEquals, assertFalse } from "@std/assert";
import { assertCode, assertCodeLater } from "../../support/wire/frames.ts";
import { describeStreams, TestBroker } from "../../support/broker/test_broker.ts";

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
  assertEquals(test.getStream("other").nextId, 1);
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
  const counts = describeStreams(test.broker).map(({ name, ready }) => `${name}:${ready}`);
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

Deno.test("rule 1, publish: binds that are not allowed are refused when the publisher opens", async () => {
  const test = new TestBroker();
  assertCode("BAD_STREAM_NAME", () => test.publisher("$x"));
  assertCode("BAD_STREAM_NAME", () => test.follower(".."));
  assertCode("BAD_PATTERN", () => test.follower(new RegExp("x".repeat(257))));
  await assertCodeLater("FOLLOWER_NOT_FOUND", () => test.broker.getPel("follower"));
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
  assertEquals(test.getStream("orders").ready, 0);
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

Deno.test("rule 2, confirm: an acknowledged message is gone at once; who waits hears when that is durable", async () => {
  const test = new TestBroker("orders");
  const { open, sink } = test.follower("orders");
  test.publisher("orders").publish("a", "b");
  test.dispatch();
  test.isSlow = true;
  let isDone = false;
  const done = open.ack([{ firstTag: 1, count: 2 }], true)?.then(() => isDone = true);
  await undefined;
  assertFalse(isDone);
  const { pending, bytes } = test.getStream("orders");
  assertEquals([pending, bytes], [0, 0]);
  // What is on its way to be acknowledged does not come back when the follower is lost.
  open.close();
  test.sync();
  assertEquals(await done, true);
  const again = test.follower("orders");
  test.dispatch();
  assertEquals([sink.texts, again.sink.texts], [["a", "b"], []]);
  assertEquals(test.getStream("orders").bytes, 0);
});

Deno.test("rule 2, confirm: a stream created twice before the first is durable is one stream", async () => {
  const test = new TestBroker();
  const follower = test.follower("orders", { messages: 2 });
  test.isSlow = true;
  const isNew: boolean[] = [];
  const created = [1, 2].map(async () => isNew.push(await test.broker.createStream("orders")));
  await undefined;
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
  await Promise.all(created);
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
  test.broker.deleteStream("orders");
  publisher.publish("b");
  test.sync();
  const outcomes = publisher.sink.outcomes.map(({ code, stored }) => code ?? stored.join());
  assertEquals(outcomes, ["orders:1", "STREAM_NOT_FOUND"]);
  assertEquals([test.broker.bytes, describeStreams(test.broker)], [0, []]);
});

Deno.test("rule 2, confirm: a stream is deleted at once; who waits hears when that is durable", async () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  test.publisher("orders").publish("a");
  test.dispatch();
  test.isSlow = true;
  let isDone = false;
  const done = test.broker.deleteStream("orders").then(() => isDone = true);
  assertCode("STALE_DELIVERY", () => follower.ack(1));
  await assertCodeLater("STREAM_NOT_FOUND", () => test.broker.deleteStream("orders"));
  assertEquals([isDone, test.broker.bytes, describeStreams(test.broker)], [false, 0, []]);
  test.sync();
  assertEquals(await done, true);
});

Deno.test("rule 2, confirm: what was being stored in a deleted stream is not in the next of its name", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  const publisher = test.publisher("orders");
  test.isSlow = true;
  publisher.publish("old", "old");
  test.broker.deleteStream("orders");
  test.create("orders");
  publisher.publish("new");
  test.sync(1);
  assertEquals([test.broker.bytes, test.getStream("orders").ready], [0, 0]);
  test.sync();
  test.dispatch();
  assertEquals(publisher.sink.outcomes.map(({ stored }) => stored.join()), [
    "orders:1",
    "orders:1",
  ]);
  assertEquals([follower.sink.texts, follower.sink.ids], [["new"], [1]]);
});
