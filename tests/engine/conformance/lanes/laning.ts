/**
 * Lanes and limits: who gets what next, what is held back, and what is there again after an engine's end.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { assertCodeLater } from "../../../support/wire/frames.ts";
import { EngineTests } from "../../engine_tests.ts";
import type { EngineUse, Following, WishedMessage } from "../../engine_use.ts";

/** How lanes take turns, and what limits hold back. */
export const laneTests: EngineTests = new EngineTests();

/** What is known of lanes and limits after a restart. */
export const laneRestartTests: EngineTests = new EngineTests();

/** Messages of a lane with texts that name it. */
function ofLane(lane: string, count: number, others: Partial<WishedMessage> = {}): WishedMessage[] {
  return Array.from({ length: count }, (_, index) => {
    return { ...others, text: `${lane}${index + 1}`, lane };
  });
}

/** The lanes of a stream by name, as `name ready+delayed+pending limitedBy`. */
async function tellLanes(use: EngineUse, stream = "orders"): Promise<string[]> {
  const { items } = await use.engine.lanes.list(stream, { by: "name" });
  return items.map(({ name, ready, delayed, pending, limitedBy }) => {
    const limit = limitedBy === undefined ? "" : ` ${limitedBy}`;
    return `${name ?? "-"} ${ready}+${delayed}+${pending}${limit}`;
  });
}

/** Acknowledges everything that a follower holds, until it has got so many messages. */
async function drain(follower: Following, count: number): Promise<readonly string[]> {
  for (let done = 0; done < count;) {
    await follower.received(done + 1);
    const tags = follower.sink.messages.slice(done).map(({ tag }) => tag);
    await follower.ack(...tags);
    done += tags.length;
  }
  return follower.sink.texts;
}

laneTests.add("lanes take turns, and messages without one are a lane together", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished(
    ...ofLane("a", 4),
    ...ofLane("b", 4),
    { text: "x" },
    { text: "y" },
  );
  const follower = use.follower("orders", { messages: 1 });
  const texts = await drain(follower, 10);
  assertEquals(texts.slice(0, 6).toSorted(), ["a1", "a2", "b1", "b2", "x", "y"]);
  assertEquals(texts.slice(6), ["a3", "b3", "a4", "b4"]);
});

laneTests.add("limits of lanes are told by their list and by explain", async (use) => {
  await use.createWith("orders", { laneLimits: { maxPending: 2 } });
  await use.publisher("orders").storeWished(...ofLane("acme", 5), ...ofLane("bolt", 1));
  const follower = use.follower("orders", { slots: 10 });
  await follower.received(3);
  assertEquals(await tellLanes(use), ["acme 3+0+2 2 of 2 pending", "bolt 0+0+1"]);
  const sentences = await use.engine.explain("orders");
  assertStringIncludes(sentences.join("\n"), 'Lane "acme" has 2 of 2 pending: 3 messages wait.');
  await use.engine.lanes.set("orders", "acme", { maxPending: null });
  assertEquals((await follower.received(6)).length, 6);
  const { items, count } = await use.engine.lanes.list("orders", { by: "pending", limit: 1 });
  assertEquals([items[0]!.name, items[0]!.settings, count], ["acme", { maxPending: null }, 2]);
});

laneTests.add("a rate is told with the time at which it goes on", async (use) => {
  await use.createWith("orders", { rate: { count: 1, perMs: 5000 } });
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders", { slots: 10 });
  use.advance(5000);
  await follower.received(1);
  await use.fence();
  const at = new Date(use.clock.now + 5000).toISOString();
  const sentences = await use.engine.explain("orders");
  assertStringIncludes(sentences.join("\n"), `held back by its rate: next at ${at}`);
  use.advance(4999);
  await use.fence();
  assertEquals(follower.sink.texts, ["a"]);
  use.advance(1);
  await follower.received(2);
});

laneTests.add("a lane has no more messages than maxMessages; others have room", async (use) => {
  await use.createWith("orders", { laneLimits: { maxMessages: 2 } });
  const publisher = use.publisher("orders");
  await publisher.storeWished(...ofLane("acme", 2));
  assertEquals(await publisher.storeWished(...ofLane("acme", 1)), "STREAM_FULL");
  const other = use.publisher("orders", "other");
  assertEquals(await other.storeWished(...ofLane("bolt", 2)), "orders:3");
  assertEquals(await other.storeWished({ text: "free" }, { text: "free" }), "orders:5");
  const follower = use.follower("orders", { messages: 2 });
  await follower.received(2);
  await follower.ack(1, 2);
  await follower.received(4);
  const again = use.publisher("orders", "again");
  assertEquals(await again.storeWished(...ofLane("acme", 1)), "orders:7");
});

laneTests.add("a batch that is under way counts for its lanes", async (use) => {
  await use.createWith("orders", { laneLimits: { maxMessages: 3 } });
  const one = use.publisher("orders", "one");
  const two = use.publisher("orders", "two");
  one.sendWished(...ofLane("acme", 2));
  two.sendWished(...ofLane("acme", 2));
  assertEquals(await one.outcomes(), ["orders:1"]);
  assertEquals(await two.outcomes(), ["STREAM_FULL"]);
});

laneTests.add(
  "what comes back or is delayed has its lane again, also dead letters",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 2, backoffMs: [1000] });
    await use.publisher("orders").storeWished(
      ...ofLane("a", 3),
      { text: "later", lane: "b", delayMs: 3000 },
    );
    const follower = use.follower("orders", { messages: 3 });
    await follower.received(3);
    await follower.nack([1]);
    await follower.reject([2]);
    assertEquals(await tellLanes(use), ["a 0+1+1", "b 0+1+0"]);
    await use.fence();
    assertEquals(await tellLanes(use, "orders.dead"), ["a 1+0+0"]);
    use.advance(3000);
    await follower.received(5);
    await follower.ack(3);
    assertEquals(await tellLanes(use), ["a 0+0+1", "b 0+0+1"]);
    const { count } = await use.engine.redrive("orders.dead", [1]);
    assertEquals(count, 1);
    await follower.received(6);
    assertEquals(await tellLanes(use), ["a 0+0+2", "b 0+0+1"]);
  },
);

laneTests.add("messages of lanes are dropped, expire and are purged like others", async (use) => {
  await use.createWith("orders", { maxMessages: 4, overflow: "drop-oldest" });
  await use.publisher("orders").storeWished(...ofLane("a", 2), ...ofLane("b", 2));
  const publisher = use.publisher("orders", "other");
  await publisher.storeWished({ text: "short", lane: "c", ttlMs: 1000 });
  assertEquals(await tellLanes(use), ["a 1+0+0", "b 2+0+0", "c 1+0+0"]);
  use.advance(1000);
  assertEquals(await tellLanes(use), ["a 1+0+0", "b 2+0+0"]);
  await use.engine.dropMessages("orders", [3]);
  assertEquals(await tellLanes(use), ["a 1+0+0", "b 1+0+0"]);
  assertEquals(await use.engine.purgeStream("orders"), 2);
  assertEquals(await tellLanes(use), []);
});

laneTests.add("a key waits for its message, in whichever lane that is", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished(
    { text: "a1", lane: "a", key: "k" },
    { text: "b1", lane: "b", key: "k" },
    { text: "b2", lane: "b" },
  );
  const follower = use.follower("orders");
  await follower.received(2);
  assertEquals(follower.sink.texts.toSorted(), ["a1", "b2"]);
  assertEquals(await tellLanes(use), ["a 0+0+1", "b 1+0+1"]);
  await follower.ack(follower.sink.messages.find(({ text }) => text === "a1")!.tag);
  await follower.received(3);
});

laneTests.add(
  "shared limits are set, listed and removed, and bad names are refused",
  async (use) => {
    const { lanes } = use.engine;
    assertEquals(await lanes.putLimit("api", { maxPending: 1 }), true);
    assertEquals(await lanes.putLimit("api", { maxPending: 1 }), false);
    await use.createWith("one", { sharedLimit: "api" });
    await use.createWith("two", { sharedLimit: "api" });
    await use.publisher("one", "one").store("a");
    await use.publisher("two", "two").store("b");
    const follower = use.follower(/one|two/, { slots: 10 });
    await follower.received(1);
    await use.fence();
    const [limit] = await lanes.getLimits();
    assertEquals(limit, {
      name: "api",
      settings: { maxPending: 1, rate: null },
      pending: 1,
      streams: ["one", "two"],
      limitedBy: "1 of 1 pending",
    });
    const waiting = follower.sink.messages[0]!.stream === "one" ? "two" : "one";
    const sentences = await use.engine.explain(waiting);
    assertStringIncludes(sentences.join("\n"), 'Limit "api" has 1 of 1 pending.');
    await follower.ack(1);
    use.advance(1);
    await follower.received(2);
    assertEquals(await lanes.putLimit("api", null), true);
    await assertCodeLater("LIMIT_NOT_FOUND", () => lanes.putLimit("api", null));
    await assertCodeLater("BAD_REQUEST", () => lanes.putLimit("$", { maxPending: 1 }));
    await assertCodeLater("STREAM_NOT_FOUND", () => lanes.set("nowhere", "a", {}));
  },
);

laneTests.add(
  "settings of a lane are changed field by field, and removed together",
  async (use) => {
    await use.create("orders");
    const { lanes } = use.engine;
    await lanes.set("orders", "acme", { weight: 3 });
    await lanes.set("orders", "acme", { isPaused: true });
    const settings = async () => (await lanes.list("orders", {})).items[0]?.settings;
    assertEquals(await settings(), { isPaused: true, weight: 3 });
    await use.publisher("orders").storeWished(...ofLane("acme", 1));
    const follower = use.follower("orders");
    await use.fence();
    assertEquals([await tellLanes(use), follower.sink.texts], [["acme 1+0+0 paused"], []]);
    await lanes.set("orders", "acme", null);
    assertEquals(await settings(), undefined);
    await follower.received(1);
  },
);

laneRestartTests.add("lanes, their settings and shared limits are there again", async (use) => {
  await use.createWith("orders", { laneLimits: { maxPending: 1 }, sharedLimit: "api" });
  await use.engine.lanes.putLimit("api", { maxPending: 3 });
  await use.engine.lanes.set("orders", "acme", { maxPending: 2, weight: 4 });
  await use.engine.lanes.set("orders", "gone", { weight: 2 });
  await use.publisher("orders").storeWished(
    ...ofLane("acme", 5),
    ...ofLane("bolt", 3),
    { text: "later", lane: "bolt", delayMs: 10_000 },
    { text: "free" },
  );
  await use.engine.lanes.set("orders", "gone", null);
  const worker = use.follower("orders", { slots: 10 });
  await worker.received(3);
  await worker.nack([worker.sink.messages[0]!.tag], { delayMs: 0 });
  for (let round = 0; round < 2; round++) {
    await use.restart();
    assertEquals(await tellLanes(use), ["- 1+0+0", "acme 5+0+0", "bolt 3+1+0"]);
  }
  const follower = use.follower("orders", { slots: 10 });
  await follower.received(3);
  await use.fence();
  assertEquals(follower.sink.texts.length, 3);
  const [limit] = await use.engine.lanes.getLimits();
  assertEquals([limit?.pending, limit?.streams], [3, ["orders"]]);
  const { items } = await use.engine.lanes.list("orders", { by: "name", after: "a" });
  assertEquals(items[0]?.settings, { maxPending: 2, weight: 4 });
});

laneRestartTests.add(
  "no rate is filled by a restart, not even for a lane that is new",
  async (use) => {
    const rate = { count: 2, perMs: 10_000 };
    await use.createWith("orders", { rate: { count: 4, perMs: 10_000 }, laneLimits: { rate } });
    await use.engine.lanes.putLimit("api", { rate });
    await use.createWith("calls", { sharedLimit: "api" });
    await use.publisher("orders").storeWished(...ofLane("a", 5), ...ofLane("b", 5));
    await use.publisher("calls", "calls").store("x", "y", "z");
    const before = use.follower("orders", { slots: 100 });
    assertEquals((await before.received(4)).length, 4);
    await use.restart();
    const follower = use.follower("orders", { slots: 100 });
    const caller = use.follower("calls", { slots: 100 });
    await use.publisher("orders", "other").storeWished(...ofLane("c", 2));
    await use.fence();
    assertEquals([follower.sink.texts.length, caller.sink.texts.length], [0, 0]);
    use.advance(5000);
    await follower.received(2);
    await caller.received(1);
    use.advance(5000);
    await follower.received(4);
    await caller.received(2);
    await use.fence();
    assertEquals([follower.sink.texts.length, caller.sink.texts.length], [4, 2]);
  },
);

laneRestartTests.add("lanes move with their messages when the log is tidied up", async (use) => {
  await use.create("orders", "rest");
  await use.publisher("orders").storeWished(...ofLane("a", 2), ...ofLane("b", 1));
  const filler = use.publisher("rest", "filler");
  const follower = use.follower("rest", { name: "filler" });
  for (let round = 0; round < 40; round++) {
    await filler.store(100_000);
    await follower.received(round + 1);
    await follower.ack(round + 1);
    use.advance(1000);
  }
  await use.restart();
  assertEquals(await tellLanes(use), ["a 2+0+0", "b 1+0+0"]);
});
