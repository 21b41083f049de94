/**
 * How every engine hands out messages, and how many.
 *
 * @module
 */

import { assertEquals, assertGreater } from "@std/assert";
import type { PendingEntryList } from "../../../../protocol.ts";
import { assertCodeLater } from "../../../support/wire/frames.ts";
import { EngineTests } from "../../engine_tests.ts";
import { BYTES, upTo } from "../../engine_use.ts";

/** Registers how an engine hands out messages. */
export const deliveryTests: EngineTests = new EngineTests();

deliveryTests.add("ready messages go out by id, with tags that count from 1", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.store("a", "b");
  const follower = use.follower("orders");
  await publisher.store("c");
  assertEquals(await follower.received(3), ["orders:1×1 a", "orders:2×1 b", "orders:3×1 c"]);
  assertEquals(follower.sink.messages.map(({ tag }) => tag), [1, 2, 3]);
});

deliveryTests.add(
  "a message goes to one follower of its stream, and each of them gets some",
  async (use) => {
    await use.create("orders");
    const followers = [1, 2, 3].map(() => use.follower("orders"));
    const publisher = use.publisher("orders");
    for (let number = 1; number <= 30; number++) await publisher.store(...upTo(10).map(String));
    await use.fence();
    const ids = followers.flatMap(({ sink }) => sink.ids);
    assertEquals(ids.sort((one, other) => one - other), upTo(300));
    for (const { sink } of followers) {
      assertGreater(sink.ids.length, 0);
      assertEquals(sink.ids, [...sink.ids].sort((one, other) => one - other));
    }
  },
);

deliveryTests.add("what is delivered is pending until it is acknowledged", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders", { name: "worker" });
  await follower.received(2);
  assertEquals(await use.counts("orders"), [0, 2, 1]);
  assertEquals(await use.pel("worker"), ["orders:1", "orders:2"]);
  const [entry] = await use.engine.getPel("worker");
  assertEquals(entry?.attempts, 1);
  assertGreater(entry!.deliveredAt, 0);
  await follower.ack(1);
  assertEquals(await use.pel("worker"), ["orders:2"]);
  assertEquals(await use.counts("orders"), [0, 1, 1]);
});

deliveryTests.add(
  "the PEL of nobody is FOLLOWER_NOT_FOUND, of one that holds nothing it is empty",
  async (use) => {
    await assertCodeLater("FOLLOWER_NOT_FOUND", () => use.engine.getPel("worker"));
    const follower = use.follower("orders", { name: "worker" });
    assertEquals(await use.pel("worker"), []);
    follower.port.close();
    await assertCodeLater("FOLLOWER_NOT_FOUND", () => use.engine.getPel("worker"));
  },
);

deliveryTests.add(
  "two followers of one name work side by side, and their PEL shows what both hold",
  async (use) => {
    await use.create("orders");
    const followers = [1, 2].map(() => use.follower("orders", { name: "worker", messages: 1 }));
    const other = use.follower("orders", { name: "other", messages: 1 });
    await use.publisher("orders").store("a", "b", "c");
    for (const follower of [...followers, other]) await follower.received(1);
    assertEquals((await use.pel("worker")).length, 2);
    const sizes = (lists: readonly PendingEntryList[]) =>
      lists.map(({ follower, count, entries }) => `${follower} ${count} ${entries.length}`).sort();
    assertEquals(sizes(await use.engine.getPels()), ["other 1 1", "worker 2 2"]);
    await followers[0]!.ack(1);
    assertEquals((await use.pel("worker")).length, 1);
    assertEquals((await use.pel("other")).length, 1);
  },
);

/** Registers how an engine respects what a follower may hold. */
export const creditTests: EngineTests = new EngineTests();

creditTests.add(
  "a follower holds no more messages than its credit, and acks make room",
  async (use) => {
    await use.create("orders");
    const follower = use.follower("orders", { messages: 3 });
    await use.publisher("orders").store(...upTo(10).map(String));
    await follower.received(3);
    await use.fence();
    assertEquals(follower.sink.ids, [1, 2, 3]);
    await follower.ack(1, 2);
    await follower.received(5);
    await use.fence();
    assertEquals(follower.sink.ids, [1, 2, 3, 4, 5]);
  },
);

creditTests.add("credit can be raised, lowered, and taken away", async (use) => {
  await use.create("orders");
  const follower = use.follower("orders", { messages: 0 });
  await use.publisher("orders").store(...upTo(10).map(String));
  await use.fence();
  assertEquals(follower.sink.ids, []);
  follower.port.setCredit(4, BYTES);
  await follower.received(4);
  follower.port.setCredit(1, BYTES);
  await follower.ack(1, 2, 3);
  await use.fence();
  assertEquals(follower.sink.ids, [1, 2, 3, 4]);
  await follower.ack(4);
  await follower.received(5);
});

creditTests.add("credit in bytes counts, and the last message may go beyond it", async (use) => {
  await use.create("orders");
  const follower = use.follower("orders", { bytes: 2500 });
  await use.publisher("orders").store(1000, 1000, 1000, 1000);
  await follower.received(3);
  await use.fence();
  assertEquals(follower.sink.ids, [1, 2, 3]);
});

creditTests.add(
  "a message larger than the credit in bytes is delivered all the same, alone",
  async (use) => {
    await use.create("orders");
    const follower = use.follower("orders", { bytes: 10 });
    await use.publisher("orders").store(5000, 5000);
    await follower.received(1);
    await use.fence();
    assertEquals(follower.sink.ids, [1]);
    await follower.ack(1);
    await follower.received(2);
  },
);

creditTests.add("a full sink gets nothing until resume()", async (use) => {
  await use.create("orders");
  const follower = use.follower("orders", { isFull: true });
  const other = use.follower("orders", { messages: 1 });
  await use.publisher("orders").store("a", "b");
  await other.received(1);
  await use.fence();
  assertEquals(follower.sink.ids, []);
  follower.sink.isFull = false;
  follower.port.resume();
  assertEquals(await follower.received(1), ["orders:2×1 b"]);
});

creditTests.add("a follower of several streams gets messages of each", async (use) => {
  await use.create("a", "b", "c");
  for (const stream of ["a", "b", "c"]) {
    await use.publisher(stream, `to ${stream}`).store(...upTo(50).map(String));
  }
  const follower = use.follower(/^[abc]$/, { messages: 1 });
  for (let count = 1; count <= 30; count++) {
    await follower.received(count);
    await follower.ack(count);
  }
  for (const stream of ["a", "b", "c"]) {
    const count = follower.sink.messages.filter((message) => message.stream === stream).length;
    assertGreater(count, 7, `${stream} has its turn`);
  }
});
