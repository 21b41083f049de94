/**
 * What every engine does with messages that their handler puts off.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { EngineTests } from "../../engine_tests.ts";
import { makeBusy } from "../restarting.ts";

/** What an engine does with messages that are put off. */
export const postponeTests: EngineTests = new EngineTests();

/** What an engine remembers of them. */
export const postponeRestartTests: EngineTests = new EngineTests();

postponeTests.add("a postponed message comes back after its time, at no cost", async (use) => {
  await use.createWith("orders", { maxDeliveries: 1, backoffMs: [0] });
  await use.publisher("orders").store("a");
  const follower = use.follower("orders");
  for (const tag of [1, 2, 3]) {
    assertEquals((await follower.received(tag)).at(-1), "orders:1×1 a");
    await follower.postpone([tag], 5000, "429");
    assertEquals(await use.look("orders"), ["1×0 delayed a"]);
    use.advance(4999);
    await use.fence();
    assertEquals(follower.sink.messages.length, tag);
    use.advance(1);
  }
  await follower.received(4);
  // The only attempt is still there, and now it is used up.
  await follower.nack([4], { reason: "no" });
  assertEquals(await use.look("orders"), []);
  const { totals } = await use.engine.getStream("orders");
  assertEquals(totals.returned, { nack: 1, timeout: 0, lost: 0, postponed: 3 });
  assertEquals((await use.properties("orders.dead"))[0]?.deadLetter?.reasons, [
    "429",
    "429",
    "429",
    "no",
  ]);
});

postponeTests.add("postponed messages keep their place, priority and key", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished(
    { text: "k1", key: "k", priority: 6 },
    { text: "k2", key: "k", priority: 9 },
    { text: "a" },
    { text: "b" },
  );
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  assertEquals(follower.sink.texts, ["k2"]);
  await follower.postpone([1], 1000);
  await follower.received(2);
  use.advance(1000);
  await use.fence();
  // The key is still that of the message that was put off; "a" has the only place meanwhile.
  assertEquals(follower.sink.texts, ["k2", "a"]);
  await follower.ack(2);
  for (const tag of [3, 4]) {
    await follower.received(tag);
    await follower.ack(tag);
  }
  await follower.received(5);
  assertEquals(follower.sink.texts, ["k2", "a", "k2", "k1", "b"]);
});

postponeTests.add(
  "several messages are postponed at once, each with its own story",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b", "c");
    const follower = use.follower("orders", { name: "worker" });
    await follower.received(3);
    await follower.nack([2], { delayMs: 0, reason: "broken" });
    await follower.received(4);
    await follower.postpone([1, 3, 4], 0, "busy");
    await follower.received(7);
    assertEquals(
      (await use.engine.getPel("worker")).map(({ id, attempts, postponed }) =>
        `${id}×${attempts} ${postponed}`
      ).sort(),
      ["1×1 1", "2×2 1", "3×1 1"],
    );
    const { infos } = await use.engine.peek("orders", 1, 10);
    assertEquals(infos.map(({ id, attempts, postponed }) => [id, attempts, postponed]), [
      [1, 1, 1],
      [2, 2, 1],
      [3, 1, 1],
    ]);
    const told = (await use.engine.explain("orders")).join(" ");
    assertStringIncludes(told, "3 messages have failed or were postponed before");
    assertStringIncludes(told, 'because of "busy"; it was postponed 1 time.');
  },
);

postponeTests.add("what was taken back, or ended, cannot be postponed", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a");
  const follower = use.follower("orders");
  await follower.received(1);
  await follower.postpone([1], 60_000);
  const late = follower.postpone([1], 60_000);
  assertEquals(await late.catch(({ code }) => code), "STALE_DELIVERY");
});

postponeTests.add(
  "a message that is over while it is postponed does not come back",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished({ text: "a", ttlMs: 1000 }, { text: "b" });
    const follower = use.follower("orders");
    await follower.received(2);
    await follower.postpone([1, 2], 5000);
    use.advance(5000);
    assertEquals((await follower.received(3)).at(-1), "orders:2×1 b");
    assertEquals((await use.engine.getStream("orders")).totals.expired, 1);
  },
);

postponeRestartTests.add(
  "after a restart, postponed messages wait as long as before, and keep key, priority and count",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 2 });
    await use.publisher("orders").storeWished(
      { text: "k1", key: "k", priority: 6 },
      { text: "k2", key: "k" },
      { text: "free" },
    );
    const worker = use.follower("orders", { name: "worker", reportsBegin: true });
    await worker.received(2);
    // Its beginning is written, and taken back by what follows, also if both are written at once.
    worker.port.begin([{ firstTag: 1, count: 2 }]);
    await worker.postpone([1], 60_000, "429");
    await worker.nack([2], { delayMs: 60_000, reason: "no" });
    for (let round = 0; round < 3; round++) {
      await use.restart();
      assertEquals(await use.look("orders"), [
        "1×0 delayed k1",
        "2×0 ready k2",
        "3×1 delayed free",
      ]);
      const { infos } = await use.engine.peek("orders", 1, 10);
      assertEquals(infos.map(({ postponed }) => postponed), [1, undefined, undefined]);
    }
    const follower = use.follower("orders", { name: "next" });
    await use.fence();
    assertEquals(follower.sink.texts, []);
    use.advance(60_000);
    assertEquals(await follower.received(2), ["orders:1×1 k1", "orders:3×2 free"]);
    // From now on an attempt counts again.
    follower.port.begin([{ firstTag: 1, count: 1 }]);
    await use.restart();
    assertEquals((await use.look("orders"))[0], "1×1 ready k1");
  },
);

postponeRestartTests.add(
  "postponements move with their messages when the journal is tidied up",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b");
    const worker = use.follower("orders", { name: "worker" });
    await worker.received(2);
    await worker.postpone([1], 1_000_000);
    await worker.postpone([2], 0);
    await worker.received(3);
    await worker.postpone([3], 0);
    await worker.received(4);
    worker.port.release([{ firstTag: 4, count: 1 }]);
    worker.port.close();
    await makeBusy(use);
    await use.restart();
    const { infos } = await use.engine.peek("orders", 1, 10);
    assertEquals(infos.map(({ attempts, postponed }) => [attempts, postponed]), [[0, 1], [0, 2]]);
    assertEquals((await use.look("orders"))[0], "1×0 delayed a");
  },
);

postponeTests.add("a follower can hold a whole lane, which stops no other", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished(
    { text: "a1", lane: "a" },
    { text: "b1", lane: "b" },
    { text: "a2", lane: "a" },
    { text: "b2", lane: "b" },
  );
  const follower = use.follower("orders", { messages: 2 });
  await follower.received(2);
  await follower.nack([1], { delayMs: 5000, reason: "429", isPostponed: true, holdsLane: true });
  await use.publisher("orders", "later").storeWished({ text: "a3", lane: "a" });
  await follower.received(3);
  await follower.ack(2, 3);
  await use.fence();
  assertEquals(follower.sink.texts, ["a1", "b1", "b2"]);
  const at = new Date(use.clock.now + 5000).toISOString();
  const sentences = (await use.engine.explain("orders")).join("\n");
  assertStringIncludes(sentences, `Lane "a" is postponed until ${at}: 2 messages wait.`);
  const { items: [lane] } = await use.engine.lanes.list("orders", { by: "name" });
  assertEquals([lane!.name, lane!.limitedBy], ["a", "postponed"]);
  use.advance(4999);
  await use.fence();
  assertEquals(follower.sink.messages.length, 3);
  use.advance(1);
  await follower.received(5);
  await follower.ack(4, 5);
  await follower.received(6);
  assertEquals(follower.sink.texts.slice(3).sort(), ["a1", "a2", "a3"]);
});

postponeTests.add("a message without a lane holds only itself", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished({ text: "x" }, { text: "y" }, { text: "a", lane: "a" });
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  await follower.nack([1], { delayMs: 5000, reason: "", isPostponed: true, holdsLane: true });
  await follower.received(2);
  await follower.ack(2);
  await follower.received(3);
});

postponeRestartTests.add("after a restart a lane is held as long as before", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished({ text: "a1", lane: "a" }, { text: "a2", lane: "a" });
  const worker = use.follower("orders", { name: "worker", messages: 1 });
  await worker.received(1);
  await worker.nack([1], { delayMs: 5000, reason: "", isPostponed: true, holdsLane: true });
  await makeBusy(use);
  for (let round = 0; round < 2; round++) {
    use.advance(1000);
    await use.restart();
  }
  const follower = use.follower("orders");
  await use.publisher("orders", "later").storeWished({ text: "b1", lane: "b" });
  await follower.received(1);
  use.advance(2999);
  await use.fence();
  assertEquals(follower.sink.texts, ["b1"]);
  use.advance(1);
  await follower.received(3);
});
