/**
 * What becomes of messages that are cancelled.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { assertCodeLater } from "../../../support/wire/frames.ts";
import { EngineTests } from "../../engine_tests.ts";
import { type EngineUse, single } from "../../engine_use.ts";

/** How messages are cancelled. */
export const cancelTests: EngineTests = new EngineTests();

/** Cancels messages one after the other; tells what they were. */
async function cancel(use: EngineUse, ...ids: readonly number[]): Promise<string> {
  const found: string[] = [];
  for (const id of ids) found.push((await use.engine.cancelMessage("orders", id)).was);
  return found.join();
}

cancelTests.add(
  "cancelling tells what a message was: ready, delayed, pending, gone",
  async (use) => {
    await use.create("orders");
    const publisher = use.publisher("orders");
    await publisher.store("a", "b", "c");
    await publisher.storeWished({ text: "d", delayMs: 1000 });
    const follower = use.follower("orders", { messages: 1 });
    await follower.received(1);
    assertEquals(
      await cancel(use, 1, 3, 4, 1, 3, 4, 99),
      "pending,ready,delayed,gone,gone,gone,gone",
    );
    assertEquals(follower.sink.revoked, ["1+1 it was cancelled"]);
    assertEquals(follower.sink.cancelled, [1]);
    // There is room for the next one, and no delay brings the others back.
    await follower.received(2);
    use.advance(1000);
    await use.fence();
    assertEquals(follower.sink.texts, ["a", "b"]);
    assertEquals(await use.look("orders"), ["2×1 pending b"]);
    const { totals } = await use.engine.getStream("orders");
    assertEquals([totals.cancelled, totals.dropped, totals.acknowledged], [3, 0, 0]);
    await assertCodeLater("STREAM_NOT_FOUND", () => use.engine.cancelMessage("nowhere", 1));
  },
);

cancelTests.add(
  "a late acknowledgement of a cancelled message is stale, and so is all else",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b");
    const follower = use.follower("orders");
    await follower.received(2);
    const details = { reason: "nobody waits for it" };
    assertEquals(await use.engine.cancelMessage("orders", 2, details), { was: "pending" });
    assertEquals(follower.sink.revoked, ["2+1 nobody waits for it"]);
    await assertCodeLater("STALE_DELIVERY", () => follower.ack(2));
    await assertCodeLater("STALE_DELIVERY", () => follower.nack([2]));
    await assertCodeLater("STALE_DELIVERY", () => follower.reject([2]));
    // deno-lint-ignore require-await -- it throws at once
    await assertCodeLater("STALE_DELIVERY", async () => follower.port.extend([single(2)], 1000));
    // A range with others ends those.
    await assertCodeLater(
      "STALE_DELIVERY",
      async () => await follower.port.ack([{ firstTag: 1, count: 2 }], true),
    );
    assertEquals(await use.look("orders"), []);
  },
);

cancelTests.add("an acknowledgement before it wins, and the answer says so", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a");
  const follower = use.follower("orders");
  await follower.received(1);
  const ack = follower.port.ack([single(1)], true);
  const { was } = await use.engine.cancelMessage("orders", 1);
  await ack;
  assertEquals([was, follower.sink.revoked], ["gone", []]);
  const { totals } = await use.engine.getStream("orders");
  assertEquals([totals.cancelled, totals.acknowledged], [0, 1]);
});

cancelTests.add("a cancelled message frees its key at once, wherever it was", async (use) => {
  await use.create("orders");
  const keyed = ["a", "b", "c", "d"].map((text) => ({ text, key: "k" }));
  await use.publisher("orders").storeWished(...keyed);
  const follower = use.follower("orders");
  await follower.received(1);
  assertEquals(await cancel(use, 2), "ready");
  assertEquals(await cancel(use, 1), "pending");
  await follower.received(2);
  await follower.nack([2], { delayMs: 60_000 });
  assertEquals(await cancel(use, 3), "delayed");
  await follower.received(3);
  assertEquals(follower.sink.texts, ["a", "c", "d"]);
});

cancelTests.add(
  "a cancelled message that becomes a dead letter frees its key, too",
  async (use) => {
    await use.create("orders");
    const keyed = ["a", "b", "c", "d"].map((text) => ({ text, key: "k" }));
    await use.publisher("orders").storeWished(...keyed);
    const follower = use.follower("orders", { ordersKeys: true });
    await follower.received(4);
    await use.engine.cancelMessage("orders", 1, { isDeadLetter: true });
    await use.engine.cancelMessage("orders", 3, { isDeadLetter: true });
    await follower.ack(2);
    await follower.nack([4], { delayMs: 0 });
    await follower.received(5);
    await follower.ack(5);
    await use.publisher("orders", "later").storeWished({ text: "e", key: "k" });
    await follower.received(6);
    assertEquals(follower.sink.texts, ["a", "b", "c", "d", "d", "e"]);
  },
);

cancelTests.add("a message that a nack holds back is cancelled for good", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a");
  const follower = use.follower("orders");
  await follower.received(1);
  await follower.nack([1], { delayMs: 5000, reason: "not yet" });
  assertEquals(await cancel(use, 1), "delayed");
  use.advance(5000);
  await use.fence();
  assertEquals([follower.sink.texts, await use.look("orders")], [["a"], []]);
});

cancelTests.add(
  "a message in the middle of what a follower has fetched is taken out, and no other",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b", "c", "d", "e");
    const follower = use.follower("orders", { reportsBegin: true });
    await follower.received(5);
    follower.port.begin([{ firstTag: 1, count: 3 }]);
    assertEquals(await cancel(use, 2, 4), "pending,pending");
    assertEquals(await use.pel("follower"), ["orders:1", "orders:3", "orders:5"]);
    await follower.ack(1, 3, 5);
    assertEquals(await use.look("orders"), []);
  },
);

cancelTests.add("a follower that ignores it and is lost does not bring it back", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders");
  await follower.received(2);
  await cancel(use, 1);
  follower.port.close();
  const next = use.follower("orders");
  await next.received(1);
  await use.fence();
  assertEquals(next.sink.texts, ["b"]);
});

cancelTests.add(
  "a delivery that ran out and was cancelled can not be acknowledged late",
  async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 1000, backoffMs: [60_000] });
    await use.publisher("orders").store("a");
    const follower = use.follower("orders");
    await follower.received(1);
    use.advance(1000);
    assertEquals(await cancel(use, 1), "delayed");
    await assertCodeLater("STALE_DELIVERY", () => follower.ack(1));
  },
);

cancelTests.add("cancelled messages become dead letters if that is asked for", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.store("ready", "seen", "fetched");
  await publisher.storeWished({ text: "delayed", delayMs: 1000 });
  const follower = use.follower("orders", { messages: 3, name: "worker" });
  await follower.received(3);
  await follower.nack([1], { delayMs: 500, reason: "not yet" });
  const details = { reason: "no use", isDeadLetter: true };
  const dead: unknown[] = [];
  for (const id of [1, 3, 2, 4]) {
    const { was } = await use.engine.cancelMessage("orders", id, details);
    const story = (await use.properties("orders.dead")).at(-1)!.deadLetter!;
    dead.push([was, story.id, story.attempts, story.cause, story.reasons, story.follower]);
  }
  assertEquals(dead, [
    ["delayed", 1, 1, "cancelled", ["not yet", "no use"], "worker"],
    ["pending", 3, 0, "cancelled", ["no use"], "worker"],
    ["pending", 2, 1, "cancelled", ["no use"], "worker"],
    ["delayed", 4, 0, "cancelled", ["no use"], undefined],
  ]);
  assertEquals(await use.look("orders"), []);
  const { totals } = await use.engine.getStream("orders");
  assertEquals([totals.dead.cancelled, totals.cancelled, totals.dropped], [4, 0, 0]);
  // An operator knows what he has cancelled.
  assertEquals(use.reports, []);
  // A dead letter is only removed.
  assertEquals(await use.engine.cancelMessage("orders.dead", 1, details), { was: "ready" });
  assertEquals((await use.engine.getStream("orders.dead")).ready, 3);
});

cancelTests.add("where no dead letters are kept, cancelled messages are removed", async (use) => {
  await use.createWith("orders", { deadLetter: false });
  await use.publisher("orders").store("a");
  await use.engine.cancelMessage("orders", 1, { isDeadLetter: true });
  assertEquals([use.engine.hasStream("orders.dead"), use.reports], [false, []]);
});

cancelTests.add("what has expired is not cancelled", async (use) => {
  await use.createWith("orders", { deadLetterExpired: true });
  await use.publisher("orders").storeWished({ text: "a", ttlMs: 1000 });
  use.clock.now += 1000;
  assertEquals(await cancel(use, 1), "gone");
  await use.fence();
  const { totals } = await use.engine.getStream("orders");
  assertEquals([totals.expired, totals.cancelled], [1, 0]);
});

cancelTests.add("messages of a key, a dedup id or a lane are cancelled together", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.storeWished(
    ...["a", "b", "c"].map((text) => ({ text, key: "k" })),
    { text: "d", key: "other" },
    { text: "e", key: "k", delayMs: 1000 },
    { text: "f", lane: "acme" },
    { text: "g", lane: "other" },
  );
  await publisher.storeWished({ text: "h", dedupId: "x" });
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  const select = (selection: object) => use.engine.cancelMessages("orders", selection);
  assertEquals(await select({ lane: "acme" }), { ready: 1, delayed: 0, pending: 0 });
  assertEquals(await select({ dedupId: "x" }), { ready: 1, delayed: 0, pending: 0 });
  assertEquals(await select({ key: "k" }), { ready: 2, delayed: 1, pending: 1 });
  assertEquals(await select({ key: "nobody's" }), { ready: 0, delayed: 0, pending: 0 });
  await follower.received(2);
  assertEquals((await use.look("orders")).map((line) => line.at(-1)), ["d", "g"]);
  // The id stays remembered.
  assertEquals(await publisher.storeWished({ text: "h", dedupId: "x" }), "orders:8 again");
  await assertCodeLater("BAD_REQUEST", () => select({}));
  await assertCodeLater("BAD_REQUEST", () => select({ key: "k", lane: "acme" }));
});

cancelTests.add("many messages are cancelled in steps, the oldest first", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  const batch = Array.from({ length: 500 }, (_, at) => ({ text: `${at}`, key: `k${at % 2}` }));
  for (let round = 0; round < 3; round++) await publisher.storeWished(...batch);
  const step = (after: number, limit: number) =>
    use.engine.cancelMessages("orders", { key: "k1", after, limit });
  assertEquals(await step(0, 2), { ready: 2, delayed: 0, pending: 0, next: 4 });
  assertEquals(await step(4, 100_000), { ready: 748, delayed: 0, pending: 0 });
  const left = await use.look("orders");
  assertEquals([left.length, left[0], left.at(-1)], [750, "1×0 ready 0", "1499×0 ready 498"]);
});

cancelTests.add("cancelling makes room in a full stream", async (use) => {
  await use.createWith("orders", { maxMessages: 1 });
  await use.publisher("orders").store("a");
  const follower = use.follower("orders");
  await follower.received(1);
  await cancel(use, 1);
  await use.publisher("orders", "other").store("b");
});

/** What is still cancelled after the engine's end. */
export const cancelRestartTests: EngineTests = new EngineTests();

cancelRestartTests.add("after a restart, what was cancelled is gone", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.storeWished(...["a", "b", "c"].map((text) => ({ text, key: "k" })));
  await publisher.storeWished({ text: "d", delayMs: 60_000 });
  const follower = use.follower("orders");
  await follower.received(1);
  assertEquals(await cancel(use, 1, 4), "pending,delayed");
  await follower.received(2);
  await use.engine.cancelMessage("orders", 3, { isDeadLetter: true, reason: "why not" });
  for (let round = 0; round < 2; round++) {
    await use.restart();
    const [line, ...others] = await use.look("orders");
    assertEquals([line?.endsWith("ready b"), others], [true, []]);
    assertEquals((await use.properties("orders.dead"))[0]!.deadLetter!.reasons, ["why not"]);
  }
});
