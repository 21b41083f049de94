/**
 * What an engine remembers that is there again after its end.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { bury, waitForCount } from "./deliveries/dead_letters.ts";
import { EngineTests } from "../engine_tests.ts";
import { type EngineUse, upTo } from "../engine_use.ts";

/** What an engine remembers. */
export const restartTests: EngineTests = new EngineTests();

restartTests.add(
  "how many more messages were given up is told when the engine closes",
  async (use) => {
    await use.createWith("orders", { deadLetter: false });
    await use.publisher("orders").store("a", "b", "c");
    const follower = use.follower("orders");
    await follower.received(3);
    await follower.reject([1, 2, 3], "never");
    await use.restart();
    const notices = use.reports.map(({ message, fields }) => [message, fields.id, fields.count]);
    assertEquals(notices, [
      ["a message was given up", 1, undefined],
      ["more messages were given up", undefined, 2],
    ]);
  },
);

restartTests.add("after a restart, options and pauses are as they were", async (use) => {
  await use.createWith("orders", { maxDeliveries: 3 });
  await use.engine.updateStream("orders", { ttlMs: 60_000 });
  await use.engine.pauseStream("orders", true);
  const before = await use.engine.getStream("orders");
  for (let round = 0; round < 3; round++) {
    await use.restart();
    assertEquals(await use.engine.getStream("orders"), before);
  }
});

restartTests.add(
  "after a restart, it is known that publishers were forgotten, and when",
  async (use) => {
    await use.create("orders");
    const first = use.publisher("orders", "me");
    await first.store("a");
    first.port.lose();
    use.advance(10 * 60_000);
    await use.fence();
    for (let round = 0; round < 3; round++) {
      await use.restart();
      const again = use.publisher("orders", "me", { sentUntil: 1, sentMs: 10 * 60_000 + 5 });
      again.send("a");
      assertEquals(await again.outcomes(), ["PUBLISHER_FORGOTTEN"]);
      const other = use.publisher("orders", `other ${round}`, { sentUntil: 1, sentMs: 5 });
      other.send("b");
      assertEquals(await other.outcomes(), [`orders:${2 + round}`]);
    }
  },
);

restartTests.add(
  "after a restart, delayed messages are, until their time has come",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      { text: "a", delayMs: 10_000 },
      { text: "b" },
      { text: "c", delayMs: 5000 },
    );
    await use.restart();
    assertEquals(await use.look("orders"), ["1×0 delayed a", "2×0 ready b", "3×0 delayed c"]);
    use.clock.now += 6000;
    await use.restart();
    const follower = use.follower("orders");
    await follower.received(2);
    assertEquals(follower.sink.texts, ["b", "c"]);
    use.advance(4000);
    await follower.received(3);
  },
);

restartTests.add(
  "after a restart, failures are remembered: attempts, delay, reasons",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 2 });
    await use.publisher("orders").store("a", "b");
    const follower = use.follower("orders", { name: "worker" });
    await follower.received(2);
    const firstAt = use.clock.now;
    await follower.nack([1], { delayMs: 10_000, reason: "first" });
    await use.restart();
    // The other one had become the oldest that the follower held.
    assertEquals(await use.look("orders"), ["1×1 delayed a", "2×1 ready b"]);
    use.advance(10_000);
    const next = use.follower("orders", { name: "next" });
    await next.received(2);
    await next.nack([1], { reason: "second" });
    await waitForCount(use, "orders.dead", 1);
    await use.restart();
    const deadLetter = (await use.properties("orders.dead"))[0]!.deadLetter!;
    assertEquals(deadLetter, {
      stream: "orders",
      id: 1,
      attempts: 2,
      cause: "maxDeliveries",
      firstAt,
      lastAt: firstAt + 10_000,
      reasons: ["first", "second"],
      follower: "next",
    });
  },
);

restartTests.add("after a restart, all reasons of a message are known", async (use) => {
  await use.createWith("orders", { maxDeliveries: 4 });
  await use.publisher("orders").store("a");
  const follower = use.follower("orders", { name: "worker" });
  await follower.received(1);
  await follower.nack([1], { delayMs: 0, reason: "first" });
  await follower.received(2);
  await follower.nack([2], { delayMs: 5000, reason: "second" });
  await use.restart();
  use.advance(5000);
  const next = use.follower("orders", { name: "next" });
  await next.received(1);
  await next.nack([1], { delayMs: 0, reason: "third" });
  await next.received(2);
  await next.nack([2], { reason: "fourth" });
  await waitForCount(use, "orders.dead", 1);
  const { deadLetter } = (await use.properties("orders.dead"))[0]!;
  assertEquals(deadLetter?.reasons, ["first", "second", "third", "fourth"]);
});

restartTests.add(
  "a message that ends the broker as often as it may be delivered goes to the dead letters",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 2 });
    await use.publisher("orders").store("deadly", "harmless");
    for (let round = 1; round <= 2; round++) {
      await use.follower("orders", { name: `worker-${round}` }).received(2);
      await use.fence();
      await use.restart();
    }
    const next = use.follower("orders", { name: "next" });
    assertEquals(await next.received(1), ["orders:2×1 harmless"]);
    await waitForCount(use, "orders.dead", 1);
    assertEquals(await use.look("orders.dead"), ["1×0 ready deadly"]);
  },
);

restartTests.add(
  "after a restart, dead letters and redriven ones are where they were, once",
  async (use) => {
    await bury(use, "a", "b", "c");
    await use.engine.redrive("orders.dead", [2]);
    await use.restart();
    assertEquals(await use.look("orders.dead"), ["1×0 ready a", "3×0 ready c"]);
    assertEquals(await use.look("orders"), ["4×0 ready b"]);
  },
);

restartTests.add("after a restart, messages expire when they would have", async (use) => {
  await use.createWith("orders", { ttlMs: 10_000 });
  const publisher = use.publisher("orders");
  await publisher.store("stream's");
  await publisher.storeWished({ text: "own", ttlMs: 5000 });
  await use.restart();
  use.advance(4999);
  assertEquals((await use.look("orders")).length, 2);
  use.advance(1);
  assertEquals(await use.look("orders"), ["1×0 ready stream's"]);
  use.advance(5000);
  assertEquals(await use.look("orders"), []);
  await use.restart();
  assertEquals(await use.look("orders"), []);
});

restartTests.add(
  "after a restart, message ids are recognised until their window is over",
  async (use) => {
    await use.createWith("orders", { dedupWindowMs: 10_000 });
    await use.publisher("orders").storeWished({ text: "a", dedupId: "A" });
    const follower = use.follower("orders");
    await follower.received(1);
    await follower.ack(1);
    // Whatever has the message itself is long gone by then.
    for (let round = 0; round < 4; round++) await use.restart();
    const next = use.publisher("orders", "next");
    use.advance(9999);
    assertEquals(await next.storeWished({ text: "a", dedupId: "A" }), "orders:1 again");
    use.advance(1);
    assertEquals(await next.storeWished({ text: "a", dedupId: "A" }), "orders:2");
  },
);

restartTests.add("after a restart, what was purged or dropped is gone", async (use) => {
  await use.createWith("orders", { maxMessages: 2, overflow: "drop-oldest" });
  const publisher = use.publisher("orders");
  await publisher.store("a", "b", "c");
  await use.restart();
  assertEquals(await use.look("orders"), ["2×0 ready b", "3×0 ready c"]);
  await use.engine.purgeStream("orders");
  await use.restart();
  assertEquals(await use.look("orders"), []);
  assertEquals((await use.engine.getStream("orders")).nextId, 4);
});

restartTests.add(
  "after a restart, a stream that drops its oldest messages keeps its limit",
  async (use) => {
    await use.createWith("orders", { maxMessages: 2, overflow: "drop-oldest" });
    await use.createWith("kept", { maxMessages: 2 });
    const publisher = use.publisher(/orders|kept/);
    await publisher.store("a", "b");
    const follower = use.follower("orders");
    await follower.received(2);
    const other = use.publisher("orders", "other");
    await other.store("c");
    // Followers hold so many that there is no room, and after the start none does.
    assertEquals((await use.look("orders")).length, 3);
    await use.restart();
    assertEquals((await use.look("orders")).map((one) => one.slice(-1)), ["b", "c"]);
    assertEquals((await use.look("kept")).map((one) => one.slice(-1)), ["a", "b"]);
    await use.restart();
    assertEquals((await use.look("orders")).map((one) => one.slice(-1)), ["b", "c"]);
  },
);

restartTests.add(
  "what is told of messages moves with them when the journal is tidied up",
  async (use) => {
    await use.createWith("kept", { ttlMs: 1_000_000 });
    const kept = use.publisher("kept", "kept");
    await kept.store("expires", "fails");
    await kept.storeWished({ text: "later", delayMs: 500_000 });
    const worker = use.follower("kept", { name: "worker" });
    await worker.received(2);
    await worker.nack([2], { delayMs: 400_000, reason: "why" });
    worker.port.close();
    await makeBusy(use);
    await use.restart();
    const look = ["1×1 ready expires", "2×1 delayed fails", "3×0 delayed later"];
    assertEquals(await use.look("kept"), look);
    use.advance(500_000);
    const next = use.follower("kept", { name: "next" });
    await next.received(3);
    await next.reject([2]);
    await waitForCount(use, "kept.dead", 1);
    const deadLetter = (await use.properties("kept.dead"))[0]!.deadLetter!;
    assertEquals(deadLetter.reasons, ["why"]);
    await next.ack(3);
    next.port.close();
    use.advance(500_000);
    assertEquals(await use.look("kept"), []);
  },
);

restartTests.add(
  "thousands of delayed messages are as many after a restart, and come in order",
  async (use) => {
    await use.create("orders");
    const publisher = use.publisher("orders");
    const count = 2000;
    await publisher.storeWished(
      ...upTo(count).map((id) => ({ text: String(id), delayMs: 1000 + id % 7 })),
    );
    await use.restart();
    assertEquals((await use.engine.getStream("orders")).delayed, count);
    use.advance(1006);
    const follower = use.follower("orders");
    await follower.received(count);
    assertEquals(follower.sink.ids, upTo(count));
  },
);

/** Writes so much that what was written before is moved. */
export async function makeBusy(use: EngineUse): Promise<void> {
  await use.create("busy");
  const publisher = use.publisher("busy", "busy");
  const follower = use.follower("busy");
  for (let round = 1; round <= 60; round++) {
    await publisher.store(900, 900);
    await follower.received(round * 2);
    await follower.ack(round * 2 - 1, round * 2);
    use.engine.tick(use.clock.now);
    use.engine.tend(use.clock.now);
  }
}
