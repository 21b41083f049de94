/**
 * Who gets which message next. A broker stands around the dispatcher, because only there messages
 * come, go and come back.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertLessOrEqual,
  assertThrows,
} from "@std/assert";
import { TestBroker, type TestFollower } from "../../support/broker/test_broker.ts";

/** The bytes in front of each body. */
const HEAD = 8;

let publisherCount = 0;

/** Publishes messages of so many bytes each to a stream, 100 to a batch, from a new publisher. */
function fill(test: TestBroker, stream: string, count: number, bytes = 100): void {
  const publisher = test.publisher(stream, `publisher ${++publisherCount}`);
  for (let left = count; left > 0; left -= 100) {
    publisher.publish(...new Array<number>(Math.min(100, left)).fill(bytes - HEAD));
  }
}

/** How many messages a follower got of each stream. */
function countByStream(follower: TestFollower): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { stream } of follower.sink.messages) counts[stream] = (counts[stream] ?? 0) + 1;
  return counts;
}

/** Acknowledges the oldest delivery that is pending. */
function ackOldest(follower: TestFollower): void {
  const [run] = follower.follower.pending.runs;
  if (run !== undefined) follower.ack(run.firstTag);
}

// Among followers.

Deno.test("Dispatcher shares what is ready evenly among the followers that wait", () => {
  for (const [count, followerCount] of [[1000, 2], [1000, 3], [7, 3], [2, 5], [1, 2]] as const) {
    const test = new TestBroker("orders");
    const followers = Array.from({ length: followerCount }, () => test.follower("orders"));
    fill(test, "orders", count);
    test.dispatch();
    const counts = followers.map(({ sink }) => sink.messages.length);
    assertEquals(counts.reduce((sum, one) => sum + one), count);
    const share = Math.ceil(count / followerCount);
    for (const one of counts) assertLessOrEqual(one, share, `${counts} of ${count}`);
  }
});

Deno.test("Dispatcher gives what one follower has no room for to the others", () => {
  const test = new TestBroker("orders");
  const small = test.follower("orders", { messages: 5 });
  const full = test.follower("orders");
  full.sink.isFull = true;
  const large = test.follower("orders");
  fill(test, "orders", 300);
  test.dispatch();
  assertEquals(
    [small, full, large].map(({ sink }) => sink.messages.length),
    [5, 0, 295],
  );
});

Deno.test("Dispatcher serves single messages to the followers in turn", () => {
  const test = new TestBroker("orders");
  const followers = ["a", "b", "c"].map((name) => test.follower("orders", { name }));
  const publisher = test.publisher("orders");
  for (let round = 0; round < 9; round++) {
    publisher.publish("one");
    test.dispatch();
  }
  assertEquals(followers.map(({ sink }) => sink.ids), [[1, 4, 7], [2, 5, 8], [3, 6, 9]]);
});

Deno.test("Dispatcher gives no message to two followers, and none is left while there is room", () => {
  const test = new TestBroker("orders");
  const followers = [3, 50, 1, 1000].map((messages) => test.follower("orders", { messages }));
  fill(test, "orders", 500);
  test.dispatch();
  const ids = followers.flatMap(({ sink }) => sink.ids);
  assertEquals(ids.sort((one, other) => one - other), Array.from({ length: 500 }, (_, i) => i + 1));
});

Deno.test("Dispatcher gives a follower that makes room what the stream has kept, in order", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { messages: 2 });
  fill(test, "orders", 6);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2]);
  follower.ack(2);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2, 3]);
  follower.ack(1, 3);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2, 3, 4, 5]);
});

Deno.test("Dispatcher does not let a follower without room keep others from a message", () => {
  const test = new TestBroker("orders");
  const busy = test.follower("orders", { messages: 1 });
  fill(test, "orders", 2);
  test.dispatch();
  assertEquals(busy.sink.ids, [1]);
  const idle = test.follower("orders", { messages: 1 });
  test.dispatch();
  assertEquals(idle.sink.ids, [2]);
});

// Among streams.

Deno.test("Dispatcher lets a regex follower take from its streams in turn", () => {
  const test = new TestBroker("a", "b", "c");
  for (const stream of ["a", "b", "c"]) fill(test, stream, 30);
  const follower = test.follower(/./, { messages: 1 });
  test.dispatch();
  const order: string[] = [];
  for (let left = 90; left > 0; left--) {
    order.push(follower.sink.messages.at(-1)!.stream);
    ackOldest(follower);
    test.dispatch();
  }
  assertEquals(order.join(""), "abc".repeat(30));
});

Deno.test("Dispatcher does not let a long stream keep a regex follower from the others", () => {
  const test = new TestBroker("long", "short");
  const follower = test.follower(/./, { messages: 10 });
  fill(test, "long", 2000);
  test.dispatch();
  fill(test, "short", 3);
  for (let round = 0; round < 300 && countByStream(follower)["short"] !== 3; round++) {
    ackOldest(follower);
    test.dispatch();
  }
  assertEquals(countByStream(follower)["short"], 3);
  // The short stream's messages come within a few turns, not behind two thousand others.
  assertLessOrEqual(follower.sink.messages.length, 20);
});

Deno.test("Dispatcher limits a turn when several streams have messages, not when one has", () => {
  const test = new TestBroker("a", "b");
  for (const stream of ["a", "b"]) fill(test, stream, 1000);
  const both = test.follower(/./, { messages: 600 });
  test.dispatch();
  const counts = countByStream(both);
  assertGreater(counts["a"]!, 200);
  assertGreater(counts["b"]!, 200);
  both.close();
  const one = test.follower("a", { messages: 600 });
  test.dispatch();
  assertEquals(countByStream(one), { a: 600 });
});

Deno.test("Dispatcher comes back to streams that were empty at a follower's turn", () => {
  const test = new TestBroker("a", "b");
  const follower = test.follower(/./, { messages: 1 });
  const publishers = { a: test.publisher("a", "a"), b: test.publisher("b", "b") };
  const order: string[] = [];
  for (const stream of ["a", "b", "b", "a", "b"] as const) {
    publishers[stream].publish("x");
    test.dispatch();
    order.push(follower.sink.messages.at(-1)!.stream);
    ackOldest(follower);
    test.dispatch();
  }
  assertEquals(order.join(""), "abbab");
});

// Credit.

Deno.test("Dispatcher gives a follower no more messages than its credit", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { messages: 3 });
  fill(test, "orders", 10);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2, 3]);
  follower.setCredit(5);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2, 3, 4, 5]);
  follower.setCredit(2);
  follower.ack(1, 2);
  test.dispatch();
  assertEquals(follower.sink.ids.length, 5);
  follower.ack(3, 4);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2, 3, 4, 5, 6]);
});

Deno.test("Dispatcher gives nothing to a follower with a credit of 0 messages", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { messages: 0 });
  fill(test, "orders", 3);
  test.dispatch();
  assertEquals(follower.sink.ids, []);
  follower.setCredit(1);
  test.dispatch();
  assertEquals(follower.sink.ids, [1]);
});

Deno.test("Dispatcher stops when a follower holds its credit of bytes", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { bytes: 300 });
  fill(test, "orders", 10, 100);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2, 3]);
  follower.ack(1);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2, 3, 4]);
});

Deno.test("Dispatcher lets the last message go beyond the credit of bytes, and only the last", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { bytes: 250 });
  fill(test, "orders", 10, 100);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2, 3]);
});

Deno.test("Dispatcher delivers a message that is larger than the whole credit of bytes, alone", () => {
  for (const bytes of [0, 1, 5000]) {
    const test = new TestBroker("orders");
    const follower = test.follower("orders", { bytes });
    fill(test, "orders", 2, 10_000);
    test.dispatch();
    assertEquals(follower.sink.ids, [1]);
    ackOldest(follower);
    test.dispatch();
    assertEquals(follower.sink.ids, [1, 2]);
  }
});

// Full sinks.

Deno.test("Dispatcher gives a full sink nothing until resume()", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  follower.sink.isFull = true;
  fill(test, "orders", 3);
  test.dispatch();
  assertEquals(follower.sink.ids, []);
  follower.sink.isFull = false;
  test.dispatch();
  assertEquals(follower.sink.ids, []);
  follower.open.resume();
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 2, 3]);
});

Deno.test("Dispatcher stops in the middle when the sink becomes full, and goes on there", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  fill(test, "orders", 6000);
  const { sink } = follower;
  const deliver = sink.deliver.bind(sink);
  sink.deliver = (delivery) => {
    deliver(delivery);
    sink.isFull = true;
  };
  let rounds = 0;
  for (; sink.ids.length < 6000; rounds++) {
    const before = sink.ids.length;
    sink.isFull = false;
    follower.open.resume();
    test.dispatch();
    assertGreater(sink.ids.length, before);
  }
  assertGreater(rounds, 1);
  assertEquals(sink.ids, Array.from({ length: 6000 }, (_, index) => index + 1));
});

// Deliveries.

Deno.test("Dispatcher makes large deliveries of small messages, within a frame's limit", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  fill(test, "orders", 10_000, 20);
  test.dispatch();
  assertEquals(follower.sink.ids.length, 10_000);
  for (const count of follower.sink.deliveryCounts) assertLessOrEqual(count, 4096);
  assertLessOrEqual(follower.sink.deliveryCounts.length, 20);
});

Deno.test("Dispatcher makes no delivery of more than 256 KiB, unless one message is larger", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { bytes: Infinity });
  const sizes: number[] = [];
  const deliver = follower.sink.deliver.bind(follower.sink);
  follower.sink.deliver = (delivery) => {
    sizes.push(delivery.batch.end - delivery.batch.start);
    deliver(delivery);
  };
  fill(test, "orders", 20, 60_000);
  fill(test, "orders", 1, 600_000);
  test.dispatch();
  assertEquals(follower.sink.ids.length, 21);
  assertEquals(sizes.filter((size) => size > 256 * 1024), [600_000]);
});

Deno.test("Dispatcher numbers deliveries of a follower 1, 2, 3 over all its streams", () => {
  const test = new TestBroker("a", "b");
  const follower = test.follower(/./);
  fill(test, "a", 3);
  fill(test, "b", 2);
  test.dispatch();
  fill(test, "a", 2);
  follower.release(1);
  test.dispatch();
  const tags = follower.sink.messages.map(({ tag }) => tag);
  assertEquals(tags, Array.from({ length: 8 }, (_, index) => index + 1));
});

Deno.test("Dispatcher does not take a fault of this program for a damaged stream", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  follower.sink.deliver = () => {
    throw new TypeError("a fault");
  };
  fill(test, "orders", 1);
  assertThrows(() => test.dispatch(), TypeError, "a fault");
  assertEquals(test.damaged, []);
});

// Waking.

Deno.test("Dispatcher asks to be called once, however much happens before it is", () => {
  const test = new TestBroker("orders");
  test.follower("orders");
  assertFalse(test.isWoken);
  fill(test, "orders", 1);
  assert(test.isWoken);
  test.isWoken = false;
  fill(test, "orders", 500);
  test.create("more");
  assertFalse(test.isWoken);
  test.broker.dispatch();
  fill(test, "orders", 1);
  assert(test.isWoken);
});

Deno.test("Dispatcher does not ask to be called when there is nobody to give to", () => {
  const test = new TestBroker("orders");
  fill(test, "orders", 10);
  assertFalse(test.isWoken);
  const follower = test.follower("other");
  follower.setCredit(5);
  follower.open.resume();
  assertFalse(test.isWoken);
});

Deno.test("what is noted while it hands out, too late for that time, is handed out the next time", () => {
  const test = new TestBroker("other", "quiet");
  test.create("orders", { ttlMs: 1000 });
  const full = test.follower(/orders|quiet/, { name: "full", messages: 2 });
  const waiting = test.follower("orders", { name: "waiting" });
  const other = test.follower("other", { name: "other" });
  waiting.setCredit(0);
  test.publisher("orders", "p1").publish("a", "b");
  test.dispatch();
  assertEquals(full.received, ["orders:1×1", "orders:2×1"]);
  waiting.setCredit(5);
  test.publisher("quiet", "p2").publish("c");
  test.dispatch();
  // What one has only fetched expires, which leaves room, while another stream has its turn yet.
  test.now += 2000;
  test.publisher("orders", "p3").publish("d");
  test.publisher("other", "p4").publish("e");
  test.dispatch();
  test.dispatch();
  assertEquals(full.received, ["orders:1×1", "orders:2×1", "quiet:1×1"]);
  assertEquals(waiting.received, ["orders:3×1"]);
  test.publisher("other", "p5").publish("f");
  test.dispatch();
  assertEquals(other.received, ["other:1×1", "other:2×1"]);
});
