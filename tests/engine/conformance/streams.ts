/**
 * What every engine does with streams and binds.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { assertCode, assertCodeLater } from "../../support/wire/frames.ts";
import {
  RecordingFollowerSink,
  RecordingPublisherSink,
} from "../../support/broker/recording_sinks.ts";
import { bindOf, type TestBind } from "../../support/broker/test_broker.ts";
import { EngineTests } from "../engine_tests.ts";

/** What an engine does with streams. */
export const streamTests: EngineTests = new EngineTests();

streamTests.add("it has a name and says what a confirm promises", async ({ engine }) => {
  assert(engine.name.length > 0);
  assert(engine.durability.length > 0);
  await engine.createStream("orders");
  assertEquals((await engine.getStream("orders")).durability, engine.durability);
});

streamTests.add(
  "a new stream is empty, and its first message will have the id 1",
  async ({ engine }) => {
    await engine.createStream("orders");
    const { name, ready, pending, followers, bytes, nextId } = await engine.getStream("orders");
    assertEquals([name, ready, pending, followers, bytes, nextId], ["orders", 0, 0, 0, 0, 1]);
  },
);

streamTests.add("creating a stream that is there changes nothing", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("stays");
  await use.create("orders");
  assertEquals(await use.counts("orders"), [1, 0, 0]);
});

streamTests.add(
  "creating a stream tells whether there was none of that name",
  async ({ engine }) => {
    assertEquals(await engine.createStream("orders"), true);
    assertEquals(await engine.createStream("orders"), false);
    await engine.deleteStream("orders");
    assertEquals(await engine.createStream("orders"), true);
  },
);

streamTests.add("a stream that is created twice at once is one stream", async (use) => {
  await Promise.all([1, 2, 3].map(() => use.engine.createStream("orders")));
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders");
  assertEquals(await follower.received(2), ["orders:1×1 a", "orders:2×1 b"]);
});

streamTests.add("streams are told by name", async (use) => {
  await use.create("b", "a", "c");
  assertEquals((await use.engine.getStreams()).map(({ name }) => name), ["a", "b", "c"]);
});

streamTests.add("names outside the rule are BAD_STREAM_NAME", async (use) => {
  for (const name of ["", "..", "$x", "a/b", "x".repeat(129)]) {
    await assertCodeLater("BAD_STREAM_NAME", () => use.engine.createStream(name));
  }
  assertEquals(await use.engine.getStreams(), []);
});

streamTests.add("looking into or deleting no stream is STREAM_NOT_FOUND", async ({ engine }) => {
  await assertCodeLater("STREAM_NOT_FOUND", () => engine.getStream("orders"));
  await assertCodeLater("STREAM_NOT_FOUND", () => engine.deleteStream("orders"));
});

streamTests.add(
  "a deleted stream is gone, with its messages; created again it begins anew",
  async (use) => {
    await use.create("orders", "other");
    const publisher = use.publisher("orders");
    await publisher.store("a", "b");
    await use.engine.deleteStream("orders");
    assertEquals((await use.engine.getStreams()).map(({ name }) => name), ["other"]);
    await use.create("orders");
    assertEquals(await use.counts("orders"), [0, 0, 0]);
    await publisher.store("c");
    assertEquals(await use.follower("orders").received(1), ["orders:1×1 c"]);
  },
);

streamTests.add(
  "a stream's bytes grow with its messages and shrink with their acks",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store(1000, 1000);
    const { bytes } = await use.engine.getStream("orders");
    assertGreater(bytes, 2000);
    const follower = use.follower("orders");
    await follower.received(2);
    assertEquals((await use.engine.getStream("orders")).bytes, bytes);
    await follower.ack(1);
    assertEquals((await use.engine.getStream("orders")).bytes, bytes / 2);
    await follower.ack(2);
    assertEquals((await use.engine.getStream("orders")).bytes, 0);
  },
);

streamTests.add("tick() returns a later time, or none", async ({ engine }) => {
  const now = Date.now();
  assertGreater(engine.tick(now), now);
  await engine.createStream("orders");
  assertGreater(engine.tick(now), now);
});

/** What an engine does with binds. */
export const bindTests: EngineTests = new EngineTests();

bindTests.add("binds that are not allowed are refused at once", ({ engine }) => {
  const sinks = [new RecordingPublisherSink(), new RecordingFollowerSink()] as const;
  const openBoth = (bind: TestBind | string, code: "BAD_STREAM_NAME" | "BAD_PATTERN") => {
    const options = { identity: "x", name: "x", messages: 1, bytes: 1, bind: bindOf(bind) };
    assertCode(code, () => engine.openPublisher(options, sinks[0]));
    assertCode(code, () => engine.openFollower(options, sinks[1]));
  };
  openBoth("$x", "BAD_STREAM_NAME");
  openBoth("", "BAD_STREAM_NAME");
  openBoth(/(?=a)/, "BAD_PATTERN");
  openBoth(/(a)\1/, "BAD_PATTERN");
  openBoth(new RegExp("x".repeat(257)), "BAD_PATTERN");
  return Promise.resolve();
});

bindTests.add("a follower waits for a stream that does not exist yet", async (use) => {
  const follower = use.follower("orders");
  await use.create("orders");
  await use.publisher("orders").store("a");
  assertEquals(await follower.received(1), ["orders:1×1 a"]);
});

bindTests.add(
  "a pattern follows streams that come later, and those that come again",
  async (use) => {
    const follower = use.follower(/_world$/);
    await use.create("hello_world", "worlds");
    await use.publisher("hello_world", "one").store("a");
    await use.publisher("worlds", "two").store("b");
    await follower.received(1);
    await use.engine.deleteStream("hello_world");
    await use.create("hello_world");
    await use.publisher("hello_world", "three").store("c");
    await follower.received(2);
    await use.fence();
    assertEquals(follower.sink.texts, ["a", "c"]);
  },
);

bindTests.add("a pattern is searched for anywhere in a name, and may ignore case", async (use) => {
  await use.create("say-Hello-to", "say-hello-to");
  const [exact, loose] = [use.publisher(/hello/, "exact"), use.publisher(/HELLO/i, "loose")];
  await exact.store("a");
  await loose.store("b");
  assertEquals(await exact.outcomes(), ["say-hello-to:1"]);
  assertEquals([...loose.sink.outcomes[0]!.stored].sort(), ["say-Hello-to:1", "say-hello-to:2"]);
});

bindTests.add("closing an engine with members and messages in it is no fault", async (use) => {
  await use.create("orders");
  const follower = use.follower("orders");
  await use.publisher("orders").store("a", "b");
  await follower.received(2);
  assertLessOrEqual((await use.pel("follower")).length, 2);
});
