/**
 * A cursor that cancels messages: what it refuses before it asks, and what followers notice.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokerError, type CancelAllOptions, type Message } from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";

Deno.test("a cursor refuses wrong arguments of cancelling before it asks", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  for (const id of [0, -1, 1.5, NaN, "1", null, 2 ** 53]) {
    await assertRejects(() => cursor.cancel("orders", id as number), Error, "id");
  }
  const cancel = (options: object) => cursor.cancel("orders", 1, options);
  await assertRejects(() => cancel({ reason: "ä".repeat(129) }), RangeError, "256 bytes");
  await assertRejects(() => cancel({ reason: 7 }), Error, "reason");
  await assertRejects(() => cancel({ deadLetter: "yes" }), TypeError, "deadLetter");
  await assertRejects(() => cancel({ deadletter: true }), TypeError, "deadLetter");
  await assertRejects(() => cursor.cancel("a b", 1), RangeError, "stream name");
  const cancelAll = (options: object) => cursor.cancelAll("orders", options as CancelAllOptions);
  await assertRejects(() => cancelAll({}), TypeError, "exactly one of lane, key, dedupId");
  await assertRejects(() => cancelAll({ key: "k", lane: "acme" }), TypeError, "exactly one");
  await assertRejects(() => cancelAll({ key: "" }), RangeError, "1 to 128 bytes");
  await assertRejects(() => cancelAll({ lane: "x".repeat(129) }), RangeError, "1 to 128 bytes");
  await assertRejects(() => cancelAll({ dedupId: 7 }), RangeError, "dedupId");
  await assertRejects(() => cancelAll({ key: "k", limit: 0 }), RangeError, "limit");
  await assertRejects(() => cancelAll({ key: "k", reason: "ä".repeat(129) }), RangeError, "256");
  // All of that was right, but for the stream.
  await assertRejects(() => cancelAll({ key: "k", limit: 1 }), BrokerError, "orders");
});

Deno.test("the signal of a cancelled message aborts with the reason, and others go on", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await using other = await broker.connect();
  const cursor = other.cursor();
  await cursor.createStream("films");
  await connection.publisher("films").sendMessages(["one", "two", "three"]);
  const follower = connection.follower("films", { prefetch: 3 });
  const held: Message[] = [];
  for await (const message of follower.getMessages()) {
    if (held.push(message) < 2) continue;
    const [one, two] = held as [Message, Message];
    const aborted = new Promise((resolve) => one.signal.onabort = resolve);
    assertEquals(await cursor.cancel("films", 1, { reason: "the tab was closed" }), {
      was: "pending",
    });
    await aborted;
    const { reason } = one.signal;
    assert(reason instanceof BrokerError);
    assertEquals([reason.code, reason.fatal], ["CANCELLED", false]);
    assert(reason.message.endsWith(`message 1 of "films": the tab was closed`), reason.message);
    await assertRejects(() => one.ack({ confirm: true }), BrokerError, "the tab was closed");
    // What was fetched and not handed out yet is taken out without a word.
    assertEquals(await cursor.cancel("films", 3), { was: "pending" });
    assertEquals(two.signal.aborted, false);
    await two.ack({ confirm: true });
    break;
  }
  await connection.publisher("films").sendMessage("four");
  for await (const message of connection.follower("films").getMessages()) {
    assertEquals([message.id, message.attempts], [4, 1]);
    await message.ack({ confirm: true });
    break;
  }
  assertEquals(await cursor.cancel("films", 4), { was: "gone" });
});

Deno.test("cancelling a key takes as many steps as it needs", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("films");
  const publisher = connection.publisher<number>("films");
  const numbers = Array.from({ length: 5000 }, (_, index) => index);
  await publisher.sendMessages(numbers, { key: (number) => number % 5 === 0 ? "rare" : "often" });
  assertEquals(await cursor.cancelAll("films", { key: "often", limit: 1500 }), {
    count: 1500,
    ready: 1500,
    delayed: 0,
    pending: 0,
  });
  assertEquals((await cursor.cancelAll("films", { key: "often" })).count, 2500);
  assertEquals((await cursor.cancelAll("films", { key: "often" })).count, 0);
  assertEquals((await cursor.getStream("films")).ready, 1000);
});
