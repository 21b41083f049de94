/**
 * What every engine does with deliveries that fail, or take too long.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { assertCodeLater } from "../../../support/wire/frames.ts";
import { EngineTests } from "../../engine_tests.ts";
import { BYTES, single, upTo } from "../../engine_use.ts";

/** What an engine does with deliveries that fail. */
export const failureTests: EngineTests = new EngineTests();

failureTests.add(
  "a failed message comes back after the stream's backoff, each time later",
  async (use) => {
    await use.createWith("orders", { backoffMs: [1000, 5000] });
    await use.publisher("orders").store("a");
    const follower = use.follower("orders");
    await follower.received(1);
    for (const [tag, waitMs] of [[1, 1000], [2, 5000], [3, 5000]] as const) {
      await follower.nack([tag]);
      assertEquals((await use.engine.getStream("orders")).delayed, 1);
      use.advance(waitMs - 1);
      await use.fence();
      assertEquals(follower.sink.messages.length, tag);
      use.advance(1);
      const received = await follower.received(tag + 1);
      assertEquals(received.at(-1), `orders:1×${tag + 1} a`);
    }
  },
);

failureTests.add(
  "a delay that is said counts instead of the backoff, and 0 is at once",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a");
    const follower = use.follower("orders");
    await follower.received(1);
    await follower.nack([1], { delayMs: 0 });
    await follower.received(2);
    await follower.nack([2], { delayMs: 60_000 });
    use.advance(59_999);
    await use.fence();
    assertEquals(follower.sink.ids, [1, 1]);
    use.advance(1);
    assertEquals(await follower.received(3), ["orders:1×1 a", "orders:1×2 a", "orders:1×3 a"]);
  },
);

failureTests.add(
  "what comes back takes its old place, and nobody waits for it meanwhile",
  async (use) => {
    await use.create("orders");
    const publisher = use.publisher("orders");
    await publisher.store("a", "b", "c");
    const follower = use.follower("orders", { messages: 1 });
    await follower.received(1);
    await follower.nack([1], { delayMs: 1000 });
    await follower.received(2);
    use.advance(1000);
    await use.fence();
    await follower.ack(2);
    await follower.received(3);
    await follower.ack(3);
    await follower.received(4);
    assertEquals(follower.sink.ids, [1, 2, 1, 3]);
  },
);

failureTests.add(
  "a tag that was nacked, rejected or acknowledged is STALE_DELIVERY for all of these",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b", "c");
    const follower = use.follower("orders");
    await follower.received(3);
    await follower.nack([1]);
    await follower.reject([2]);
    await follower.ack(3);
    for (const tag of [1, 2, 3]) {
      await assertCodeLater("STALE_DELIVERY", () => follower.ack(tag));
      await assertCodeLater("STALE_DELIVERY", () => follower.nack([tag]));
      await assertCodeLater("STALE_DELIVERY", () => follower.reject([tag]));
      await assertCodeLater("STALE_DELIVERY", () => follower.port.extend([single(tag)], 1000));
    }
    await assertCodeLater("UNKNOWN_DELIVERY", () => follower.nack([4]));
  },
);

failureTests.add("what of the ranges is held fails all the same", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a", "b", "c");
  const follower = use.follower("orders");
  await follower.received(3);
  await follower.ack(2);
  await assertCodeLater(
    "STALE_DELIVERY",
    () => follower.port.nack([{ firstTag: 1, count: 3 }], { reason: "" }, true),
  );
  assertEquals(await use.look("orders"), ["1×1 delayed a", "3×1 delayed c"]);
});

failureTests.add(
  "in a stream that is deleted, held deliveries are revoked and the follower is told",
  async (use) => {
    await use.create("orders", "other");
    await use.publisher("orders").store("a", "b");
    const follower = use.follower(/^o/);
    await follower.received(2);
    await use.engine.deleteStream("orders");
    await use.fence();
    assertEquals(follower.sink.revoked, ['1+2 stream "orders" was deleted']);
    assertEquals(follower.sink.deleted, ["orders"]);
  },
);

/** What an engine does with deliveries that take too long. */
export const timeoutTests: EngineTests = new EngineTests();

timeoutTests.add(
  "what runs out of time twice at one moment, as a delivery and as a message, is gone once",
  async (use) => {
    await use.createWith("orders", { ttlMs: 1000, ackTimeoutMs: 900, deadLetter: false });
    const publisher = use.publisher("orders");
    const follower = use.follower("orders");
    for (const count of upTo(4)) {
      await publisher.store(`${count}`);
      await follower.received(count);
    }
    use.advance(1050);
    await use.fence();
    assertEquals(await use.look("orders"), []);
    use.advance(60_000);
    follower.port.setCredit(4096, BYTES);
    await publisher.store("new");
    assertEquals((await follower.received(5)).at(-1), "orders:5×1 new");
    assertEquals(await use.counts("orders"), [0, 1, 1]);
  },
);

timeoutTests.add(
  "what is only fetched and overdue goes, also if a delivery before it runs out at that moment",
  async (use) => {
    await use.createWith("orders", { ttlMs: 1000, ackTimeoutMs: 900 });
    await use.publisher("orders").store("a", "b", "c");
    const follower = use.follower("orders", { reportsBegin: true });
    await follower.received(3);
    follower.port.begin([single(2)]);
    // The broker stands still for a while.
    use.clock.now += 1050;
    await follower.ack(1);
    use.advance(0);
    await use.fence();
    assertEquals(await use.look("orders"), []);
  },
);

timeoutTests.add(
  "a delivery that is not acknowledged in time fails, and its follower is told",
  async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 10_000, backoffMs: [1000] });
    await use.publisher("orders").store("a");
    const slow = use.follower("orders", { name: "slow" });
    await slow.received(1);
    use.advance(9999);
    assertEquals(await use.pel("slow"), ["orders:1"]);
    use.advance(1);
    assertEquals(await use.pel("slow"), []);
    assertEquals(slow.sink.revoked, ["1+1 it was not acknowledged in time"]);
    assertEquals(await use.look("orders"), ["1×1 delayed a"]);
    await assertCodeLater("STALE_DELIVERY", () => slow.nack([1]));
    use.advance(1000);
    const other = use.follower("orders", { name: "other" });
    assertEquals(await other.received(1), ["orders:1×2 a"]);
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(1));
  },
);

timeoutTests.add("what was only fetched comes back with it, and is no attempt", async (use) => {
  await use.createWith("orders", { ackTimeoutMs: 10_000, backoffMs: [60_000] });
  await use.publisher("orders").store("a", "b", "c");
  const slow = use.follower("orders", { name: "slow", messages: 3 });
  await slow.received(3);
  slow.port.setCredit(0, 0);
  use.advance(10_000);
  assertEquals(await use.look("orders"), ["1×1 delayed a", "2×0 ready b", "3×0 ready c"]);
});

timeoutTests.add("the time of a delivery begins when it becomes the oldest", async (use) => {
  await use.createWith("orders", { ackTimeoutMs: 10_000 });
  await use.publisher("orders").store("a", "b", "c");
  const follower = use.follower("orders", { messages: 3 });
  await follower.received(3);
  use.advance(9000);
  await follower.ack(1);
  follower.port.setCredit(0, 0);
  use.advance(9999);
  assertEquals(await use.pel("follower"), ["orders:2", "orders:3"]);
  use.advance(1);
  // What is behind it was given back unseen: others may have it.
  assertEquals(await use.look("orders"), ["2×1 delayed b", "3×0 ready c"]);
});

timeoutTests.add("an extended delivery has the time that was said, from then on", async (use) => {
  await use.createWith("orders", { ackTimeoutMs: 10_000 });
  await use.publisher("orders").store("a");
  const follower = use.follower("orders");
  await follower.received(1);
  use.advance(9000);
  follower.port.extend([single(1)], 60_000);
  use.advance(59_999);
  assertEquals(await use.pel("follower"), ["orders:1"]);
  const [entry] = await use.engine.getPel("follower");
  assertEquals([entry!.ageMs, entry!.deadline - use.clock.now], [68_999, 1]);
  use.advance(1);
  assertEquals(await use.pel("follower"), []);
});

timeoutTests.add("a shorter time can be said, too", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a");
  const follower = use.follower("orders");
  await follower.received(1);
  follower.port.extend([single(1)], 500);
  use.advance(500);
  assertEquals(await use.pel("follower"), []);
});
