/**
 * What every engine that is there again after its end has kept of order and of time.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { waitForCount } from "./deliveries/dead_letters.ts";
import { makeBusy } from "./restarting.ts";
import { EngineTests } from "../engine_tests.ts";
import type { EngineUse } from "../engine_use.ts";

/** What an engine remembers of the order of messages. */
export const orderRestartTests: EngineTests = new EngineTests();

orderRestartTests.add(
  "after a restart, what was delivered before holds its key, also if it is ready",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      { text: "first", key: "k", priority: 2 },
      { text: "free", priority: 0 },
    );
    const worker = use.follower("orders", { name: "worker", messages: 1 });
    await worker.received(1);
    await worker.nack([1], { delayMs: 0 });
    await worker.received(2);
    await use.publisher("orders", "later").storeWished({ text: "urgent", key: "k", priority: 9 });
    await use.restart();
    const follower = use.follower("orders", { name: "next" });
    await use.fence();
    assertEquals(follower.sink.texts, ["first", "free"]);
    await follower.ack(1);
    assertEquals((await follower.received(3)).at(-1), "orders:3×1 urgent");
  },
);

orderRestartTests.add(
  "after a restart, priorities are as they were, of whatever is ready, came back or is delayed",
  async (use) => {
    await use.create("orders");
    await storeByPriority(use);
    const worker = use.follower("orders", { name: "worker", messages: 2 });
    await worker.received(2);
    assertEquals(worker.sink.texts, ["failed 9", "back 8"]);
    await worker.nack([1], { delayMs: 10_000 });
    await worker.nack([2], { delayMs: 0 });
    for (let round = 0; round < 3; round++) await use.restart();
    await checkPriorities(use);
  },
);

orderRestartTests.add(
  "priorities and keys move with their messages when the journal is tidied up",
  async (use) => {
    await use.create("orders", "keyed");
    await storeByPriority(use);
    await use.publisher("keyed", "keyed").storeWished(
      { text: "a1", key: "a" },
      { text: "a2", key: "a" },
      { text: "a3", key: "a", priority: 7 },
    );
    const worker = use.follower("orders", { name: "worker", messages: 2 });
    const other = use.follower("keyed", { name: "other" });
    await worker.received(2);
    assertEquals(await other.received(1), ["keyed:3×1 a3"]);
    await other.nack([1], { delayMs: 10_000 });
    await worker.nack([1], { delayMs: 10_000 });
    await worker.nack([2], { delayMs: 0 });
    worker.port.close();
    other.port.close();
    await makeBusy(use);
    await use.restart();
    const keyed = use.follower("keyed");
    await use.fence();
    assertEquals(keyed.sink.texts, []);
    await checkPriorities(use);
    assertEquals(await keyed.received(1), ["keyed:3×2 a3"]);
    await keyed.ack(1);
    assertEquals((await keyed.received(2)).at(-1), "keyed:1×1 a1");
  },
);

orderRestartTests.add(
  "after a restart, what has failed and is held back still holds its key",
  async (use) => {
    await use.create("orders");
    await failFirst(use);
    const follower = use.follower("orders");
    await follower.received(2);
    await use.publisher("orders", "another").storeWished(
      { text: "a3", key: "a", priority: 9 },
      { text: "c1", key: "c" },
    );
    await follower.received(3);
    await use.fence();
    assertEquals(follower.sink.texts, ["b1", "free", "c1"]);
    use.advance(10_000);
    assertEquals((await follower.received(4)).at(-1), "orders:1×2 a1");
    await follower.ack(4);
    assertEquals((await follower.received(5)).at(-1), "orders:5×1 a3");
    await follower.ack(5);
    assertEquals((await follower.received(6)).at(-1), "orders:2×1 a2");
  },
);

orderRestartTests.add("after a restart, a key is free when its message is purged", async (use) => {
  await use.create("orders");
  await failFirst(use);
  const follower = use.follower("orders");
  await follower.received(2);
  assertEquals(await use.engine.purgeStream("orders"), 2);
  await use.publisher("orders", "another").storeWished({ text: "a3", key: "a" });
  assertEquals((await follower.received(3)).at(-1), "orders:5×1 a3");
});

orderRestartTests.add("after a restart, a key is free when its message expires", async (use) => {
  await use.create("orders");
  await failFirst(use, { ttlMs: 5000 });
  const follower = use.follower("orders");
  await follower.received(2);
  use.advance(5000);
  assertEquals((await follower.received(3)).at(-1), "orders:2×1 a2");
});

orderRestartTests.add("after a restart, a key is free when its message makes room", async (use) => {
  await use.createWith("orders", { maxMessages: 4, overflow: "drop-oldest" });
  await failFirst(use);
  const follower = use.follower("orders");
  await follower.received(2);
  await use.publisher("orders", "another").storeWished({ text: "b2", key: "b" });
  assertEquals((await follower.received(3)).at(-1), "orders:2×1 a2");
});

orderRestartTests.add(
  "after a restart, a dead letter with a priority is recognised by nobody, nor when it is sent back",
  async (use) => {
    await use.createWith("orders", { dedupWindowMs: 10_000 });
    const message = { text: "a", dedupId: "A", priority: 7, key: "k" };
    await use.publisher("orders").storeWished(message);
    const follower = use.follower("orders");
    await follower.received(1);
    await follower.reject([1]);
    await waitForCount(use, "orders.dead", 1);
    use.advance(9000);
    await use.engine.redrive("orders.dead", [1]);
    await use.restart();
    use.advance(1000);
    const next = use.publisher("orders", "next");
    assertEquals(await next.storeWished(message), "orders:3", "the time of its dedup id is over");
  },
);

/** Stores messages of several priorities: one will fail, and one will come back. */
async function storeByPriority(use: EngineUse): Promise<void> {
  await use.publisher("orders").storeWished(
    { text: "ready 0", priority: 0 },
    { text: "usual" },
    { text: "back 8", priority: 8 },
    { text: "failed 9", priority: 9 },
    { text: "later 7", priority: 7, delayMs: 10_000 },
    { text: "ready 5", priority: 5 },
  );
}

/** Checks that those messages come in their order, and those that are held back when they are due. */
async function checkPriorities(use: EngineUse): Promise<void> {
  const next = use.follower("orders", { name: "next" });
  await next.received(4);
  assertEquals(next.sink.texts, ["back 8", "ready 5", "usual", "ready 0"]);
  use.advance(10_000);
  await next.received(6);
  assertEquals(next.sink.texts.slice(4), ["failed 9", "later 7"]);
}

/** Stores messages with keys, fails the first for ten seconds, and ends the engine and opens it. */
async function failFirst(use: EngineUse, wishes: { readonly ttlMs?: number } = {}): Promise<void> {
  await use.publisher("orders").storeWished(
    { text: "a1", key: "a", ...wishes },
    { text: "a2", key: "a" },
    { text: "b1", key: "b" },
    { text: "free" },
  );
  const worker = use.follower("orders", { name: "worker" });
  await worker.received(3);
  assertEquals(worker.sink.texts, ["a1", "b1", "free"]);
  await worker.nack([1], { delayMs: 10_000 });
  await use.restart();
}
