/**
 * What every engine does with streams that are full, or paused.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { bury, waitForCount } from "./deliveries/dead_letters.ts";
import { EngineTests } from "../engine_tests.ts";

/** What an engine does with limits. */
export const limitTests: EngineTests = new EngineTests();

limitTests.add(
  "a stream that is full refuses, with depth, limit, room and when to come again",
  async (use) => {
    await use.createWith("orders", { maxMessages: 3 });
    const publisher = use.publisher("orders");
    await publisher.store("a", "b");
    publisher.send("c", "d");
    assertEquals((await publisher.outcomes()).at(-1), "STREAM_FULL");
    const { details } = publisher.sink.errors.at(-1)!;
    const { retryAfterMs, ...figures } = details;
    assertEquals(figures, { stream: "orders", what: "messages", depth: 2, limit: 3, room: 1 });
    assert(retryAfterMs !== undefined && retryAfterMs > 0);
  },
);

limitTests.add("bytes are limited as well", async (use) => {
  await use.createWith("orders", { maxBytes: 250 });
  const publisher = use.publisher("orders");
  await publisher.store(92);
  publisher.settled = 2;
  publisher.send(92, 92);
  assertEquals((await publisher.outcomes()).at(-1), "STREAM_FULL");
  const { details } = publisher.sink.errors.at(-1)!;
  assertEquals([details.what, details.depth, details.room], ["bytes", 100, 1]);
});

limitTests.add("what can never fit has no time at which to come again", async (use) => {
  await use.createWith("orders", { maxMessages: 2 });
  const publisher = use.publisher("orders");
  publisher.send("a", "b", "c");
  assertEquals(await publisher.outcomes(), ["STREAM_FULL"]);
  assertEquals(publisher.sink.errors[0]!.details.retryAfterMs, undefined);
});

limitTests.add("pending and delayed messages count, and what is gone makes room", async (use) => {
  await use.createWith("orders", { maxMessages: 2 });
  const publisher = use.publisher("orders");
  await publisher.storeWished({ text: "a" }, { text: "b", delayMs: 1000 });
  const follower = use.follower("orders");
  await follower.received(1);
  publisher.send("c");
  assertEquals((await publisher.outcomes()).at(-1), "STREAM_FULL");
  await follower.ack(1);
  publisher.settled = publisher.nextSequence;
  await publisher.store("d");
});

limitTests.add(
  "what was on its way behind a refused batch is refused, too: nothing overtakes",
  async (use) => {
    await use.createWith("orders", { maxMessages: 3 });
    const publisher = use.publisher("orders");
    publisher.send("a", "b");
    publisher.send("c", "d");
    publisher.send("e");
    assertEquals(await publisher.outcomes(), ["orders:1", "STREAM_FULL", "STREAM_FULL"]);
    publisher.settled = publisher.nextSequence;
    publisher.send("c");
    assertEquals((await publisher.outcomes()).at(-1), "orders:3");
  },
);

limitTests.add(
  "several batches that are not durable yet do not go beyond the limit together",
  async (use) => {
    await use.createWith("orders", { maxMessages: 3 });
    for (let index = 0; index < 5; index++) use.publisher("orders", `p${index}`).send("x");
    await use.fence();
    assertEquals((await use.engine.getStream("orders")).ready, 3);
  },
);

limitTests.add("with drop-oldest, the oldest that nobody holds go", async (use) => {
  await use.createWith("orders", { maxMessages: 3, overflow: "drop-oldest" });
  const publisher = use.publisher("orders");
  const follower = use.follower("orders", { messages: 1 });
  await publisher.store("a");
  await follower.received(1);
  await publisher.store("b", "c");
  await publisher.store("d", "e");
  assertEquals(await use.look("orders"), ["1×1 pending a", "4×0 ready d", "5×0 ready e"]);
  await publisher.store("f", "g", "h", "i");
  const left = await use.look("orders");
  assertEquals(left.at(-1), "9×0 ready i");
  assert(left.length <= 4, left.join());
});

limitTests.add("with drop-oldest, delayed messages go in their turn", async (use) => {
  await use.createWith("orders", { maxMessages: 3, overflow: "drop-oldest" });
  const publisher = use.publisher("orders");
  await publisher.storeWished(
    { text: "a", delayMs: 9000 },
    { text: "b", delayMs: 8000 },
    { text: "c" },
  );
  await publisher.store("d", "e");
  assertEquals(await use.look("orders"), ["3×0 ready c", "4×0 ready d", "5×0 ready e"]);
  use.advance(10_000);
  assertEquals((await use.engine.getStream("orders")).ready, 3);
});

limitTests.add(
  "dead letters make room in their stream if it says so, and are never refused",
  async (use) => {
    await use.createWith("orders.dead", { maxMessages: 2, overflow: "drop-oldest" });
    await bury(use, "a", "b", "c");
    await waitForCount(use, "orders.dead", 2);
    assertEquals(await use.look("orders.dead"), ["2×0 ready b", "3×0 ready c"]);
    await use.engine.updateStream("orders.dead", { overflow: "reject" });
    const follower = use.follower("orders");
    await use.publisher("orders", "other").store("d");
    await follower.received(1);
    await follower.reject([1]);
    await waitForCount(use, "orders.dead", 3);
  },
);

limitTests.add("with drop-oldest, bytes are kept within their limit as well", async (use) => {
  await use.createWith("orders", { maxBytes: 300, overflow: "drop-oldest" });
  const publisher = use.publisher("orders");
  for (let index = 0; index < 10; index++) await publisher.store(92);
  const { bytes, ready } = await use.engine.getStream("orders");
  assertEquals([bytes, ready], [300, 3]);
});

limitTests.add(
  "with drop-oldest, what came last stays although others hold all there is room for",
  async (use) => {
    await use.createWith("orders", { maxMessages: 1, overflow: "drop-oldest" });
    const publisher = use.publisher("orders");
    await publisher.store("a");
    const follower = use.follower("orders", { messages: 1 });
    await follower.received(1);
    await publisher.store("b");
    assertEquals(await use.look("orders"), ["1×1 pending a", "2×0 ready b"]);
  },
);

limitTests.add(
  "with drop-oldest, a limit that falls is kept when it is answered, and new messages take the place of old ones",
  async (use) => {
    await use.create("orders");
    const publisher = use.publisher("orders");
    await publisher.storeWished({ text: "a" }, { text: "b", delayMs: 9000 }, { text: "c" });
    const follower = use.follower("orders", { messages: 1 });
    await follower.received(1);
    await publisher.store("d", "e", "f");
    await use.engine.updateStream("orders", { maxMessages: 4, overflow: "drop-oldest" });
    const left = ["1×1 pending a", "4×0 ready d", "5×0 ready e", "6×0 ready f"];
    assertEquals(await use.look("orders"), left);
    assertEquals((await use.engine.getStream("orders")).totals.dropped, 2);
    await publisher.store("g");
    assertEquals(await use.look("orders"), [left[0], ...left.slice(2), "7×0 ready g"]);
    await use.engine.updateStream("orders", { maxMessages: 100, maxBytes: 1 });
    assertEquals(await use.look("orders"), [left[0]]);
  },
);

limitTests.add("nothing is delivered from a paused stream, and publishing goes on", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  const follower = use.follower("orders");
  await publisher.store("a");
  await follower.received(1);
  await use.engine.pauseStream("orders", true);
  await publisher.store("b");
  await follower.nack([1], { delayMs: 0 });
  await use.fence();
  assertEquals(follower.sink.texts, ["a"]);
  assertEquals((await use.engine.getStream("orders")).isPaused, true);
  await use.engine.pauseStream("orders", false);
  await follower.received(3);
  assertEquals(follower.sink.texts, ["a", "a", "b"]);
});

limitTests.add(
  "a follower of many streams gets from the others what is not paused",
  async (use) => {
    await use.create("a", "b");
    await use.engine.pauseStream("a", true);
    const follower = use.follower(/^[ab]$/);
    await use.publisher(/^[ab]$/).store("x");
    await follower.received(1);
    await use.fence();
    assertEquals(follower.sink.messages.map(({ stream }) => stream), ["b"]);
    await use.engine.pauseStream("a", false);
    await follower.received(2);
  },
);
