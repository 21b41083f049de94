/**
 * What every engine does with messages that nobody can work on.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { assertCodeLater } from "../../../support/wire/frames.ts";
import { EngineTests } from "../../engine_tests.ts";
import type { EngineUse } from "../../engine_use.ts";

/** What an engine does with dead letters. */
export const deadLetterTests: EngineTests = new EngineTests();

deadLetterTests.add("a rejected message goes to the dead letters, with its story", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a");
  const follower = use.follower("orders", { name: "worker" });
  await follower.received(1);
  const firstAt = use.clock.now;
  await follower.nack([1], { delayMs: 5000, reason: "not yet" });
  use.advance(5000);
  await follower.received(2);
  await follower.reject([2], "never");
  await waitForCount(use, "orders.dead", 1);
  assertEquals(await use.look("orders"), []);
  assertEquals(await use.look("orders.dead"), ["1×0 ready a"]);
  const deadLetter = (await use.properties("orders.dead"))[0]!.deadLetter!;
  assertEquals(deadLetter, {
    stream: "orders",
    id: 1,
    attempts: 2,
    cause: "rejected",
    firstAt,
    lastAt: firstAt + 5000,
    reasons: ["not yet", "never"],
    follower: "worker",
  });
});

deadLetterTests.add(
  "a message goes there that was delivered as often as it may be",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 3 });
    await use.publisher("orders").store("a");
    const follower = use.follower("orders");
    for (let tag = 1; tag <= 3; tag++) {
      await follower.received(tag);
      await follower.nack([tag], { delayMs: 0, reason: `failure ${tag}` });
    }
    await waitForCount(use, "orders.dead", 1);
    const deadLetter = (await use.properties("orders.dead"))[0]!.deadLetter!;
    assertEquals([deadLetter.cause, deadLetter.attempts], ["maxDeliveries", 3]);
    assertEquals(deadLetter.reasons, ["failure 1", "failure 2", "failure 3"]);
  },
);

deadLetterTests.add(
  "a message goes there that ends each follower that works on it",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 2 });
    await use.publisher("orders").store("deadly", "harmless");
    for (let round = 1; round <= 2; round++) {
      const follower = use.follower("orders");
      await follower.received(2);
      follower.port.close();
    }
    const next = use.follower("orders");
    assertEquals(await next.received(1), ["orders:2×1 harmless"]);
    await waitForCount(use, "orders.dead", 1);
    assertEquals(await use.look("orders.dead"), ["1×0 ready deadly"]);
  },
);

deadLetterTests.add("without dead letters, such messages are gone", async (use) => {
  await use.createWith("orders", { deadLetter: false, maxDeliveries: 1 });
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders");
  await follower.received(2);
  await follower.reject([1]);
  await follower.nack([2]);
  assertEquals(await use.counts("orders"), [0, 0, 1]);
  await assertCodeLater("STREAM_NOT_FOUND", () => use.engine.getStream("orders.dead"));
});

deadLetterTests.add(
  "dead letters are never given up: rejected or failed, they come back",
  async (use) => {
    await bury(use, "a", "b");
    await use.engine.updateStream("orders.dead", { maxDeliveries: 1, backoffMs: [1000] });
    const follower = use.follower("orders.dead");
    await follower.received(2);
    await follower.reject([1]);
    await follower.nack([2]);
    use.advance(1000);
    assertEquals((await follower.received(4)).slice(2), ["orders.dead:1×2 a", "orders.dead:2×2 b"]);
  },
);

deadLetterTests.add("patterns match dead letters only if they say so", async (use) => {
  await use.create("orders", "orders.dead");
  const all = use.follower(/orders/, { name: "all" });
  const dead = use.follower(/\.dead$/, { name: "dead" });
  await use.publisher(/orders/, "one").store("alive");
  await use.publisher("orders.dead", "two").store("dead");
  await all.received(1);
  await dead.received(1);
  await use.fence();
  assertEquals([all.sink.texts, dead.sink.texts], [["alive"], ["dead"]]);
});

deadLetterTests.add(
  "redriven dead letters are in their stream again, as if they were new",
  async (use) => {
    await bury(use, "a", "b", "c");
    assertEquals(await use.engine.redrive("orders.dead", [1, 3, 7]), { count: 2, skipped: 1 });
    assertEquals(await use.look("orders.dead"), ["2×0 ready b"]);
    const follower = use.follower("orders", { name: "next" });
    const received = await follower.received(2);
    assertEquals(received, ["orders:4×1 a", "orders:5×1 c"]);
    const found = await use.properties("orders");
    assertEquals(found.map(({ deadLetter }) => deadLetter), [undefined, undefined]);
    assertEquals(found.map(({ redrives }) => [redrives?.count, redrives?.firstId]), [[1, 1], [
      1,
      3,
    ]]);
  },
);

deadLetterTests.add(
  "a dead letter says how often it was sent back, and what it was at first",
  async (use) => {
    const firstAt = use.clock.now;
    await bury(use, "a", "b");
    for (const [round, id] of [[1, 1], [2, 3]] as const) {
      use.advance(1000);
      await use.engine.redrive("orders.dead", [id]);
      const follower = use.follower("orders");
      await follower.received(1);
      await follower.reject([1]);
      follower.port.close();
      await waitUntilEmpty(use, "orders");
      const [, { deadLetter } = {}] = await use.properties("orders.dead");
      assertEquals(deadLetter?.id, round + 2);
      assertEquals(deadLetter?.redrives, { count: round, firstId: 1, firstAt });
      assertEquals(deadLetter?.firstAt, firstAt + 1000 * round);
    }
    assertEquals((await use.properties("orders.dead"))[0]?.deadLetter?.redrives, undefined);
  },
);

deadLetterTests.add(
  "what a follower holds, or what is no dead letter, is not redriven",
  async (use) => {
    await bury(use, "a");
    await use.publisher("orders.dead", "someone").store("no dead letter");
    const follower = use.follower("orders.dead", { messages: 1 });
    await follower.received(1);
    assertEquals(await use.engine.redrive("orders.dead", [1, 2]), { count: 0, skipped: 2 });
    assertEquals(await use.look("orders.dead"), ["1×1 pending a", "2×0 ready no dead letter"]);
  },
);

deadLetterTests.add("dead letters stay where they are if their stream is gone", async (use) => {
  await bury(use, "a");
  await use.engine.deleteStream("orders");
  assertEquals(await use.engine.redrive("orders.dead", [1]), { count: 0, skipped: 1 });
  assertEquals(await use.look("orders.dead"), ["1×0 ready a"]);
});

deadLetterTests.add("a stream takes as many dead letters back as it has room for", async (use) => {
  await bury(use, "a", "b", "c");
  await use.engine.updateStream("orders", { maxMessages: 1 });
  assertEquals(await use.engine.redrive("orders.dead", [1, 2]), { count: 1, skipped: 1 });
  assertEquals(await use.look("orders"), ["4×0 ready a"]);
  assertEquals(await use.look("orders.dead"), ["2×0 ready b", "3×0 ready c"]);
  await assertCodeLater("STREAM_FULL", () => use.engine.redrive("orders.dead", [2, 3]));
  assertEquals((await use.engine.getStream("orders.dead")).ready, 2);
  await use.engine.updateStream("orders", { overflow: "drop-oldest" });
  assertEquals(await use.engine.redrive("orders.dead", [2, 3]), { count: 2, skipped: 0 });
  assertEquals((await use.look("orders")).at(-1), "6×0 ready c");
  assertEquals((await use.engine.getStream("orders")).ready, 1);
});

deadLetterTests.add("a name as long as may be has dead letters as well", async (use) => {
  const name = "x".repeat(128);
  await use.create(name);
  await use.publisher(name).store("a");
  const follower = use.follower(name);
  await follower.received(1);
  await follower.reject([1]);
  await waitForCount(use, `${name}.dead`, 1);
});

/** Publishes texts to "orders", and has them rejected. */
export async function bury(use: EngineUse, ...texts: readonly string[]): Promise<void> {
  await use.create("orders");
  await use.publisher("orders").store(...texts);
  const follower = use.follower("orders");
  await follower.received(texts.length);
  await follower.reject(texts.map((_, index) => index + 1));
  follower.port.close();
  await waitUntilEmpty(use, "orders");
}

/** Waits until all messages of a stream are gone from there. */
async function waitUntilEmpty(use: EngineUse, stream: string): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    if ((await use.look(stream)).length === 0) return;
    await use.fence();
  }
  throw new Error(`Waited for "${stream}" to be empty`);
}

/** So many times it is looked whether something has happened: an engine may do it later. */
const LOOKS_MAX = 50;

/** Waits until a stream has so many ready messages. */
export async function waitForCount(use: EngineUse, stream: string, count: number): Promise<void> {
  let found: number | undefined;
  for (let look = 0; look < LOOKS_MAX; look++) {
    const streams = await use.engine.getStreams();
    found = streams.find(({ name }) => name === stream)?.ready;
    if (found === count) return;
    await use.fence();
  }
  throw new Error(`Waited for ${count} messages in "${stream}", there are ${found ?? "none"}`);
}
