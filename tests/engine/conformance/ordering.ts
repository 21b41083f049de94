/**
 * What every engine does about the order of messages: priorities, and keys.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EngineTests } from "../engine_tests.ts";
import { upTo } from "../engine_use.ts";

/** What an engine does about priorities. */
export const priorityTests: EngineTests = new EngineTests();

priorityTests.add(
  "of what is ready, the highest priority goes first, in its order",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      { text: "usual 1" },
      { text: "low", priority: 0 },
      { text: "high 1", priority: 9 },
      { text: "usual 2", priority: 4 },
      { text: "high 2", priority: 9 },
      { text: "above", priority: 5 },
    );
    const follower = use.follower("orders", { messages: 1 });
    for (const tag of upTo(6)) {
      await follower.received(tag);
      await follower.ack(tag);
    }
    const order = ["high 1", "high 2", "above", "usual 1", "usual 2", "low"];
    assertEquals(follower.sink.texts, order);
    assertEquals(await use.counts("orders"), [0, 0, 1]);
  },
);

priorityTests.add("what comes later with a higher priority goes before what waits", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.store("a", "b");
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  await publisher.storeWished({ text: "urgent", priority: 7 });
  await follower.ack(1);
  await follower.received(2);
  assertEquals(follower.sink.texts, ["a", "urgent"]);
});

priorityTests.add("what comes back has its priority and its old place", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished(
    { text: "low", priority: 1 },
    { text: "first", priority: 8 },
    { text: "second", priority: 8 },
  );
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  await follower.nack([1], { delayMs: 0 });
  assertEquals(await follower.received(2), ["orders:2×1 first", "orders:2×2 first"]);
  await follower.nack([2], { delayMs: 1000 });
  assertEquals((await follower.received(3)).at(-1), "orders:3×1 second");
  use.advance(1000);
  await follower.ack(3);
  assertEquals((await follower.received(4)).at(-1), "orders:2×3 first");
  follower.port.close(4);
  const next = use.follower("orders");
  assertEquals(await next.received(2), ["orders:2×4 first", "orders:1×1 low"]);
});

priorityTests.add("a delayed message has its priority when it is due", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished(
    { text: "usual" },
    { text: "later", priority: 9, delayMs: 500 },
    { text: "low", priority: 2 },
  );
  use.advance(500);
  const follower = use.follower("orders");
  const order = ["orders:2×1 later", "orders:1×1 usual", "orders:3×1 low"];
  assertEquals(await follower.received(3), order);
});

priorityTests.add(
  "priorities count in purging, limits and dead letters like any others",
  async (use) => {
    await use.createWith("orders", { maxMessages: 3, overflow: "drop-oldest", maxDeliveries: 1 });
    const publisher = use.publisher("orders");
    await publisher.storeWished(
      { text: "a", priority: 9 },
      { text: "b", priority: 0 },
      { text: "c", priority: 9 },
    );
    await publisher.storeWished({ text: "d", priority: 1 });
    const follower = use.follower("orders", { messages: 1 });
    assertEquals(await follower.received(1), ["orders:3×1 c"]);
    await follower.reject([1]);
    await follower.received(2);
    assertEquals(follower.sink.texts, ["c", "d"]);
    assertEquals(await use.engine.purgeStream("orders"), 1);
    await follower.ack(2);
    await use.fence();
    assertEquals((await use.engine.redrive("orders.dead", [1])).count, 1);
    await publisher.storeWished({ text: "e", priority: 8 });
    await follower.received(3);
    assertEquals(follower.sink.texts, ["c", "d", "c"]);
  },
);

priorityTests.add("dead letters that cannot be sent back keep their priority", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished({ text: "usual" }, { text: "high", priority: 8 });
  const follower = use.follower("orders");
  await follower.received(2);
  const tagOf = (text: string) => follower.sink.texts.indexOf(text) + 1;
  await follower.reject([tagOf("usual")]);
  await follower.reject([tagOf("high")]);
  await use.fence();
  await use.engine.deleteStream("orders");
  assertEquals(await use.engine.redrive("orders.dead", [1, 2]), { count: 0, skipped: 2 });
  const next = use.follower("orders.dead");
  await next.received(2);
  assertEquals(next.sink.texts, ["high", "usual"]);
});
