/**
 * What every engine does with messages that are sent again under the same dedup id.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EngineTests } from "../engine_tests.ts";

/** What an engine does with dedup ids. */
export const dedupIdTests: EngineTests = new EngineTests();

dedupIdTests.add(
  "a dedup id is stored once, whoever sends it, and the answer has the first one's id",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders", "zero").store("before");
    const one = use.publisher("orders", "one");
    const other = use.publisher("orders", "other");
    assertEquals(await one.storeWished({ text: "a", dedupId: "A" }), "orders:2");
    assertEquals(await other.storeWished({ text: "a", dedupId: "A" }), "orders:2 again");
    assertEquals(await one.storeWished({ text: "b", dedupId: "B" }), "orders:3");
    assertEquals(await use.look("orders"), ["1×0 ready before", "2×0 ready a", "3×0 ready b"]);
  },
);

dedupIdTests.add(
  "a repetition that comes before the first one is durable is answered when it is",
  async (use) => {
    await use.create("orders");
    const one = use.publisher("orders", "one");
    const other = use.publisher("orders", "other");
    one.sendWished({ text: "a", dedupId: "A" });
    other.sendWished({ text: "a", dedupId: "A" });
    assertEquals(await other.outcomes(), ["orders:1 again"]);
    assertEquals(await one.outcomes(), ["orders:1"]);
  },
);

dedupIdTests.add(
  "it is recognised although the message is gone, until the window is over",
  async (use) => {
    await use.createWith("orders", { dedupWindowMs: 10_000 });
    const publisher = use.publisher("orders");
    await publisher.storeWished({ text: "a", dedupId: "A" });
    const follower = use.follower("orders");
    await follower.received(1);
    await follower.ack(1);
    use.advance(9999);
    assertEquals(await publisher.storeWished({ text: "a", dedupId: "A" }), "orders:1 again");
    use.advance(1);
    assertEquals(await publisher.storeWished({ text: "a", dedupId: "A" }), "orders:2");
  },
);

dedupIdTests.add(
  "who was told so before its connection was lost is told so again, also when the window is over",
  async (use) => {
    await use.createWith("orders", { dedupWindowMs: 10_000 });
    await use.publisher("orders", "other").storeWished({ text: "a", dedupId: "A" });
    const first = use.publisher("orders", "me");
    first.sendWished({ text: "a", dedupId: "A" });
    await first.outcomes();
    first.port.lose();
    use.advance(10_000);
    const second = use.publisher("orders", "me");
    second.sendWished({ text: "a", dedupId: "A" });
    assertEquals(await second.outcomes(), ["orders:1 again"]);
    assertEquals(await use.counts("orders"), [1, 0, 0]);
  },
);

dedupIdTests.add("a window of 0 recognises nothing", async (use) => {
  await use.createWith("orders", { dedupWindowMs: 0 });
  const publisher = use.publisher("orders");
  await publisher.storeWished({ text: "a", dedupId: "A" });
  assertEquals(await publisher.storeWished({ text: "a", dedupId: "A" }), "orders:2");
});

dedupIdTests.add(
  "each stream has its own; a message for several of them that was in some is in none again",
  async (use) => {
    await use.create("a", "b");
    await use.publisher("a", "one").storeWished({ text: "x", dedupId: "X" });
    const outcome = await use.publisher("b", "two").storeWished({ text: "x", dedupId: "X" });
    assertEquals(outcome, "b:1");
    const both = use.publisher(/^[ab]$/, "three");
    assertEquals(await both.storeWished({ text: "x", dedupId: "X" }), "a:1,b:1 again");
  },
);

dedupIdTests.add("a dedup id can be used again when the first one was refused", async (use) => {
  await use.createWith("orders", { maxMessages: 1 });
  const publisher = use.publisher("orders");
  await publisher.store("full");
  assertEquals(await publisher.storeWished({ text: "a", dedupId: "A" }), "STREAM_FULL");
  await use.engine.updateStream("orders", { maxMessages: null });
  publisher.settled = publisher.nextSequence;
  assertEquals(await publisher.storeWished({ text: "a", dedupId: "A" }), "orders:2");
});

dedupIdTests.add(
  "a repeated batch that was recognised by its dedup id is answered as it was",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders", "one").storeWished({ text: "a", dedupId: "A" });
    const other = use.publisher("orders", "other");
    await other.storeWished({ text: "a", dedupId: "A" });
    const again = use.publisher("orders", "other");
    assertEquals(await again.storeWished({ text: "a", dedupId: "A" }), "orders:1 again");
  },
);
