/**
 * What the broker tells of streams and followers, and what it does with batches that come again and
 * streams that go.
 *
 * @module
 */

import { assertEquals, assertGreater, assertThrows } from "@std/assert";
import { BrokerError } from "../../protocol.ts";
import { NO_TOTALS } from "../../src/protocol/answers/stream_info.ts";
import { STREAM_OPTIONS_DEFAULT } from "../../src/protocol/messages/stream_options.ts";
import { Broker } from "../../src/broker/broker.ts";
import { assertCode, assertCodeLater } from "../support/wire/frames.ts";
import { CronerReader } from "../../src/engine/cron.ts";
import { MemoryLog } from "../../src/engine/memory.ts";
import { RecordingFollowerSink } from "../support/broker/recording_sinks.ts";
import { describeStreams, TestBroker } from "../support/broker/test_broker.ts";
import { unlimited } from "../support/broker/test_stream.ts";

/** The bytes in front of each body. */
const HEAD = 8;

// Streams.

Deno.test("Broker.createStream() creates a stream once, and tells whether it was new", async () => {
  const test = new TestBroker();
  assertEquals(await test.broker.createStream("orders"), true);
  test.publisher("orders").publish("stays");
  assertEquals(await test.broker.createStream("orders"), false);
  assertEquals(test.getStream("orders").ready, 1);
  const types = test.events.map(({ type }) => type);
  assertEquals(types, ["streamCreated", "publisherOpened", "published"]);
});

Deno.test("Broker.createStream() refuses names outside the rule with BAD_STREAM_NAME", async () => {
  const test = new TestBroker();
  for (const name of ["", "..", "$x", "a/b"]) {
    await assertCodeLater("BAD_STREAM_NAME", () => test.broker.createStream(name));
  }
  assertEquals(test.events, []);
});

Deno.test("Broker.createStream() refuses one stream too many with TOO_MANY_STREAMS", async () => {
  const test = new TestBroker();
  for (let number = 1; number <= 100_000; number++) test.create(`s${number}`);
  await assertCodeLater("TOO_MANY_STREAMS", () => test.broker.createStream("one-more"));
  test.create("s1");
  test.broker.deleteStream("s1");
  test.create("one-more");
});

Deno.test("Broker.getStreams() tells of all streams by name", () => {
  const test = new TestBroker("b", "a", "B", "a1");
  assertEquals(describeStreams(test.broker).map(({ name }) => name), ["B", "a", "a1", "b"]);
});

Deno.test("Broker.getStream() tells what is ready, pending, followed, and how large it is", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders", { messages: 1 });
  test.follower(/ord/, { messages: 0 });
  test.publisher("orders").publish("abc", "de");
  test.dispatch();
  test.now += 700;
  assertEquals(test.getStream("orders"), {
    name: "orders",
    ready: 1,
    delayed: 0,
    pending: 1,
    followers: 2,
    bytes: 2 * HEAD + 5,
    nextId: 3,
    durability: "test",
    isPaused: false,
    options: STREAM_OPTIONS_DEFAULT,
    parked: 0,
    oldestReadyMs: 700,
    totals: { ...NO_TOTALS, published: 2, delivered: 1 },
  });
  follower.ack(1);
  follower.close();
  const { pending, ready, followers, bytes } = test.getStream("orders");
  assertEquals([pending, ready, followers, bytes], [0, 1, 1, HEAD + 2]);
});

Deno.test("Broker.getStream() and deleteStream() of no stream are STREAM_NOT_FOUND", async () => {
  const test = new TestBroker();
  assertCode("STREAM_NOT_FOUND", () => test.getStream("nothing"));
  await assertCodeLater("STREAM_NOT_FOUND", () => test.broker.deleteStream("nothing"));
});

Deno.test("Broker.bytes counts what is in all streams, ready and pending", () => {
  const test = new TestBroker("a", "b");
  const follower = test.follower("a", { messages: 1 });
  test.publisher(/./).publish("12", "345");
  assertEquals(test.broker.bytes, 2 * (2 * HEAD + 5));
  test.dispatch();
  assertEquals(test.broker.bytes, 2 * (2 * HEAD + 5));
  follower.ack(1);
  assertEquals(test.broker.bytes, 3 * HEAD + 8);
  test.broker.deleteStream("b");
  assertEquals(test.broker.bytes, HEAD + 3);
});

// What followers hold.

Deno.test("Broker.getPel() of no follower is FOLLOWER_NOT_FOUND", async () => {
  const test = new TestBroker();
  await assertCodeLater("FOLLOWER_NOT_FOUND", () => test.broker.getPel("nobody"));
  test.follower("orders", { name: "somebody" }).close();
  await assertCodeLater("FOLLOWER_NOT_FOUND", () => test.broker.getPel("somebody"));
});

Deno.test("Broker.getPel() and getPels() tell of 50,000 entries at most, and of how many there are", async () => {
  const test = new TestBroker("a", "b");
  const full = new Array<string>(4096).fill("x");
  for (const [stream, batchCount] of [["a", 8], ["b", 8]] as const) {
    test.follower(stream, { name: stream });
    test.follower(stream, { name: "both" });
    const publisher = test.publisher(stream, `to ${stream}`);
    for (let left = batchCount; left > 0; left--) publisher.publish(...full);
  }
  test.dispatch();
  const lists = await test.broker.getPels();
  const counts = lists.map(({ follower, count }) => [follower, count]);
  assertEquals(counts, [["a", 16_384], ["both", 32_768], ["b", 16_384]]);
  assertEquals(lists.reduce((sum, { entries }) => sum + entries.length, 0), 50_000);
  assertEquals((await test.broker.getPel("both")).length, 32_768);
  for (let left = 10; left > 0; left--) test.publisher("b", `more ${left}`).publish(...full);
  test.dispatch();
  assertEquals((await test.broker.getPel("both")).length, 50_000);
});

Deno.test("Broker.ack() of no ranges is done at once", () => {
  const test = new TestBroker("orders");
  assertEquals(test.follower("orders").open.ack([], true), undefined);
});

// Deleted streams.

Deno.test("a deleted stream takes its pending messages with it, and their tags are stale", async () => {
  const test = new TestBroker("orders", "other");
  const follower = test.follower(/./, { messages: 3 });
  const publishers = [test.publisher("orders", "one"), test.publisher("other", "two")];
  publishers[0]!.publish("a", "b");
  publishers[1]!.publish("c", "d");
  test.dispatch();
  assertEquals(follower.sink.texts, ["a", "b", "c"]);
  test.broker.deleteStream("orders");
  assertEquals([...follower.follower.attachments.keys()].map(({ store }) => store.name), ["other"]);
  // Its credit is free again for the other stream.
  test.dispatch();
  assertEquals(follower.sink.texts, ["a", "b", "c", "d"]);
  assertEquals(
    (await test.broker.getPel("follower")).map(({ stream, id }) => `${stream}:${id}`),
    [
      "other:1",
      "other:2",
    ],
  );
  assertCode("STALE_DELIVERY", () => follower.ack(1));
  follower.ack(3, 4);
  assertEquals(test.broker.bytes, 0);
});

Deno.test("a stream that is created again is another stream: ids from 1, followers come along", () => {
  const test = new TestBroker("orders");
  const [direct, regex] = [test.follower("orders", { messages: 1 }), test.follower(/ord/)];
  const publisher = test.publisher("orders");
  publisher.publish("a", "b");
  test.dispatch();
  test.broker.deleteStream("orders");
  publisher.publish("refused");
  test.create("orders");
  publisher.publish("c", "d");
  test.dispatch();
  assertEquals(publisher.sink.outcomes.at(-1)?.stored, ["orders:1"]);
  assertEquals(test.getStream("orders").followers, 2);
  assertEquals([...direct.sink.texts, ...regex.sink.texts].sort(), ["a", "b", "c", "d"]);
});

Deno.test("a follower that is lost after its stream was deleted gives nothing back", () => {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  test.publisher("orders").publish("a");
  test.dispatch();
  test.broker.deleteStream("orders");
  test.create("orders");
  follower.close();
  const next = test.follower("orders");
  test.dispatch();
  assertEquals([next.sink.texts, test.broker.bytes], [[], 0]);
});

function crowdedBroker(attachmentsMax: number): Broker {
  const log = new MemoryLog(Infinity);
  const broker = new Broker({
    log,
    compilePattern: () => () => true,
    cron: new CronerReader(),
    residency: unlimited(),
    now: () => 1000,
    wake: () => {},
    attachmentsMax,
  });
  broker.begin(log);
  return broker;
}

Deno.test("followers are attached to so many streams and no more, and nothing else is disturbed", async () => {
  const broker = crowdedBroker(5);
  const open = () =>
    broker.openFollower({
      name: "all",
      bind: { routeString: ".", bindType: "regex", ignoreCase: false },
      messages: 1,
      bytes: 1,
    }, new RecordingFollowerSink());
  for (const name of ["a", "b"]) broker.createStream(name);
  const follower = open();
  open();
  const member = assertThrows(open, BrokerError);
  assertEquals(member.code, "TOO_MANY_MEMBERS");
  await assertCodeLater("TOO_MANY_STREAMS", () => broker.createStream("c"));
  // Patterns of some clients keep nobody from following one stream.
  const bind = { routeString: "a", bindType: "direct", ignoreCase: false } as const;
  const direct = Array.from(
    { length: 9 },
    () =>
      broker.openFollower({ name: "a", bind, messages: 1, bytes: 1 }, new RecordingFollowerSink()),
  );
  for (const one of direct) one.close();
  follower.close();
  broker.createStream("c");
  assertEquals(describeStreams(broker).map(({ followers }) => followers), [1, 1, 1]);
});

Deno.test("a follower of very many streams that ends leaves room for another one at once", async () => {
  const streamCount = 5000;
  const broker = crowdedBroker(streamCount);
  for (let index = 0; index < streamCount; index++) broker.createStream(`stream-${index}`);
  const open = (sink: RecordingFollowerSink) =>
    broker.openFollower({
      name: "all",
      bind: { routeString: ".", bindType: "regex", ignoreCase: false },
      messages: 1,
      bytes: 1,
    }, sink);
  const sink = new RecordingFollowerSink();
  const first = open(sink);
  first.close();
  assertGreater(first.follower.attachments.size, 0);
  const second = open(new RecordingFollowerSink());
  for (let turn = 0; first.follower.attachments.size > 0; turn++) {
    broker.tick(1001 + turn);
    for (let wait = 0; wait < 3; wait++) await Promise.resolve();
  }
  // What it leaves later is not counted a second time.
  assertThrows(() => open(new RecordingFollowerSink()), BrokerError);
  second.close();
  open(new RecordingFollowerSink());
});

Deno.test("a follower of many streams is attached to them step by step, while some come and go", () => {
  const broker = crowdedBroker(9);
  const create = (name: string) => broker.createStream(name);
  const sink = new RecordingFollowerSink();
  const bind = { routeString: ".", bindType: "regex", ignoreCase: false } as const;
  const open = (attachMax: number) =>
    broker.openFollower({ name: "all", bind, messages: 9, bytes: 9, attachMax }, sink);
  const attached = () =>
    describeStreams(broker).filter(({ followers }) => followers > 0).map(({ name }) => name).join(
      "",
    );
  ["a", "b", "c", "d", "e", "f"].forEach(create);
  const follower = open(2);
  assertEquals(attached(), "ab");
  broker.deleteStream("a");
  broker.deleteStream("d");
  create("g");
  assertEquals([follower.attach(2), attached()], [false, "bcg"]);
  // What is left to do counts, or many who begin together would have more than is allowed.
  assertEquals(assertThrows(() => open(1), BrokerError).code, "TOO_MANY_MEMBERS");
  assertEquals([follower.attach(2), attached()], [true, "bcefg"]);
  assertEquals(follower.attach(2), true);
  // One that leaves in the middle of it leaves nothing behind.
  follower.close();
  for (let count = 0; count < 10; count++) open(3).close();
  assertEquals(open(5).attach(1), true);
  assertEquals(describeStreams(broker).map(({ followers }) => followers), [1, 1, 1, 1, 1]);
});
