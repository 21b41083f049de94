/**
 * What every engine does with acknowledgements, and with what comes back.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { assertCodeLater } from "../../../support/wire/frames.ts";
import { EngineTests } from "../../engine_tests.ts";
import { BYTES, single, upTo } from "../../engine_use.ts";

/** What an engine does with acknowledgements. */
export const acknowledgementTests: EngineTests = new EngineTests();

acknowledgementTests.add(
  "an acknowledged message is gone, and does not come back with its follower's end",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b", "c");
    const follower = use.follower("orders");
    await follower.received(3);
    await follower.port.ack([{ firstTag: 1, count: 2 }], true);
    follower.port.close();
    const next = use.follower("orders");
    assertEquals(await next.received(1), ["orders:3×2 c"]);
    await next.ack(1);
    await use.fence();
    assertEquals(next.sink.ids, [3]);
    assertEquals(await use.counts("orders"), [0, 0, 1]);
  },
);

acknowledgementTests.add("acks come in any order, in ranges, over several streams", async (use) => {
  await use.create("a", "b");
  const follower = use.follower(/^[ab]$/);
  await use.publisher("a", "to a").store(...upTo(5).map(String));
  await use.publisher("b", "to b").store(...upTo(5).map(String));
  await follower.received(10);
  await follower.port.ack(
    [{ firstTag: 7, count: 2 }, { firstTag: 2, count: 4 }, single(10)],
    true,
  );
  assertEquals((await use.pel("follower")).length, 3);
  await follower.ack(9, 1, 6);
  assertEquals(await use.pel("follower"), []);
  assertEquals([await use.counts("a"), await use.counts("b")], [[0, 0, 1], [0, 0, 1]]);
});

acknowledgementTests.add("a tag that was never given is UNKNOWN_DELIVERY", async (use) => {
  await use.create("orders");
  const follower = use.follower("orders");
  await assertCodeLater("UNKNOWN_DELIVERY", () => follower.ack(1));
  await use.publisher("orders").store("a");
  await follower.received(1);
  await assertCodeLater("UNKNOWN_DELIVERY", () => follower.ack(2));
  await assertCodeLater("UNKNOWN_DELIVERY", () => follower.port.release([single(2)]));
  await assertCodeLater("UNKNOWN_DELIVERY", () => follower.port.begin([single(2)]));
  assertEquals(await use.pel("follower"), ["orders:1"]);
});

acknowledgementTests.add("a tag that was used up is STALE_DELIVERY", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders");
  await follower.received(2);
  await follower.ack(1);
  await assertCodeLater("STALE_DELIVERY", () => follower.ack(1));
  follower.port.setCredit(0, BYTES);
  follower.port.release([single(2)]);
  await assertCodeLater("STALE_DELIVERY", () => follower.ack(2));
  await assertCodeLater("STALE_DELIVERY", () => follower.port.begin([single(2)]));
  assertEquals(await use.counts("orders"), [1, 0, 1]);
});

acknowledgementTests.add("what of the ranges is held is done all the same", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a", "b", "c");
  const follower = use.follower("orders", { messages: 3 });
  await follower.received(3);
  await follower.ack(2);
  await assertCodeLater(
    "STALE_DELIVERY",
    () => follower.port.ack([{ firstTag: 1, count: 3 }], true),
  );
  assertEquals(await use.pel("follower"), []);
  follower.port.close();
  await use.fence();
  assertEquals(await use.counts("orders"), [0, 0, 0]);
});

acknowledgementTests.add(
  "a slow follower cannot acknowledge what is someone else's by now",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a");
    const slow = use.follower("orders", { name: "slow" });
    await slow.received(1);
    const other = use.follower("orders", { name: "other" });
    slow.port.setCredit(0, BYTES);
    slow.port.release([single(1)]);
    await other.received(1);
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(1));
    assertEquals(await use.pel("other"), ["orders:1"]);
  },
);

acknowledgementTests.add(
  "a deleted stream's deliveries are stale, and their credit is free again",
  async (use) => {
    await use.create("orders", "other");
    const follower = use.follower(/^o/, { messages: 2 });
    await use.publisher("orders", "one").store("a", "b");
    await follower.received(2);
    await use.publisher("other", "two").store("c", "d");
    await use.engine.deleteStream("orders");
    await follower.received(4);
    assertEquals(await use.pel("follower"), ["other:1", "other:2"]);
    await assertCodeLater("STALE_DELIVERY", () => follower.ack(1, 2));
    await follower.ack(3, 4);
    assertEquals(await use.counts("other"), [0, 0, 1]);
  },
);

/** Registers how messages come back. */
export const returnTests: EngineTests = new EngineTests();

returnTests.add(
  "released messages take their old place, and attempts do not go up",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b", "c", "d");
    const slow = use.follower("orders", { messages: 3 });
    await slow.received(3);
    slow.port.setCredit(1, BYTES);
    slow.port.release([{ firstTag: 2, count: 2 }]);
    const fast = use.follower("orders");
    assertEquals(await fast.received(3), ["orders:2×1 b", "orders:3×1 c", "orders:4×1 d"]);
  },
);

returnTests.add(
  "a lost follower's messages are ready again; attempts go up for the oldest only",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b", "c", "d");
    const lost = use.follower("orders");
    await lost.received(4);
    await lost.ack(1);
    lost.port.close();
    const next = use.follower("orders");
    assertEquals(await next.received(3), ["orders:2×2 b", "orders:3×1 c", "orders:4×1 d"]);
  },
);

returnTests.add(
  "a lost follower's messages that were begun count as attempts, too",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b", "c");
    const lost = use.follower("orders");
    await lost.received(3);
    lost.port.begin([single(3)]);
    lost.port.close();
    const next = use.follower("orders");
    assertEquals(await next.received(3), ["orders:1×2 a", "orders:2×1 b", "orders:3×2 c"]);
  },
);

returnTests.add(
  "of a follower that ends, what its client had received counts as an attempt",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b", "c");
    const ending = use.follower("orders");
    await ending.received(3);
    ending.port.close(2);
    const next = use.follower("orders");
    assertEquals(await next.received(3), ["orders:1×2 a", "orders:2×2 b", "orders:3×1 c"]);
  },
);

returnTests.add("who waits gets what a lost follower held", async (use) => {
  await use.create("orders");
  const lost = use.follower("orders");
  await use.publisher("orders").store("a", "b");
  await lost.received(2);
  const waiting = use.follower("orders");
  await use.fence();
  assertEquals(waiting.sink.ids, []);
  lost.port.close();
  await waiting.received(2);
  assertEquals(waiting.sink.ids, [1, 2]);
});

returnTests.add(
  "a follower that was closed gets nothing more, and closing it again is no fault",
  async (use) => {
    await use.create("orders");
    const follower = use.follower("orders");
    follower.port.close();
    follower.port.close();
    await use.publisher("orders").store("a");
    await use.fence();
    assertEquals(follower.sink.ids, []);
    assertEquals(await use.counts("orders"), [1, 0, 0]);
  },
);

returnTests.add(
  "a message that kills its followers counts up, its neighbours do not",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("deadly", "harmless");
    for (let round = 1; round <= 5; round++) {
      const follower = use.follower("orders");
      assertEquals(await follower.received(2), [`orders:1×${round} deadly`, "orders:2×1 harmless"]);
      follower.port.close();
      // The first time it comes back at once.
      use.advance([0, 1000, 5000, 30_000, 30_000][round - 1]!);
    }
  },
);

returnTests.add(
  "a message that lost its follower twice in a row is held back, its neighbours are not",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("deadly", "harmless");
    for (const state of ["ready", "delayed"]) {
      const follower = use.follower("orders");
      await follower.received(2);
      follower.port.close();
      const attempts = state === "ready" ? 1 : 2;
      assertEquals(await use.look("orders"), [
        `1×${attempts} ${state} deadly`,
        "2×0 ready harmless",
      ]);
    }
    use.advance(1000);
    const follower = use.follower("orders");
    await follower.received(2);
    await follower.ack(2);
    await follower.nack([1], { delayMs: 0 });
    assertEquals((await follower.received(3)).at(-1), "orders:1×4 deadly");
    follower.port.close();
    // Something else went wrong in between: this loss is the first one again.
    assertEquals(await use.look("orders"), ["1×4 ready deadly"]);
  },
);
