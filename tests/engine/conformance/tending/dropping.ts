/**
 * What becomes of messages that are removed by their ids.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { assertCodeLater } from "../../../support/wire/frames.ts";
import { EngineTests } from "../../engine_tests.ts";
import { bury } from "../deliveries/dead_letters.ts";

/** How messages are removed by their ids. */
export const dropTests: EngineTests = new EngineTests();

dropTests.add("dropping removes ready and delayed messages, and no others", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.store("a", "b", "c", "d");
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  await publisher.storeWished({ text: "e", delayMs: 1000 });
  assertEquals(await use.engine.dropMessages("orders", [1, 3, 5]), { count: 2, skipped: 1 });
  assertEquals(await use.look("orders"), ["1×1 pending a", "2×0 ready b", "4×0 ready d"]);
  use.advance(1000);
  follower.port.setCredit(10, 1e6);
  await follower.received(3);
  await use.fence();
  assertEquals(follower.sink.texts, ["a", "b", "d"]);
});

dropTests.add(
  "dropping counts each id once, in any order, and those that are gone",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a", "b", "c");
    assertEquals(await use.engine.dropMessages("orders", []), { count: 0, skipped: 0 });
    assertEquals(await use.engine.dropMessages("orders", [3, 1, 3, 9, 1]), {
      count: 2,
      skipped: 1,
    });
    assertEquals(await use.engine.dropMessages("orders", [3, 1, 4]), { count: 0, skipped: 3 });
    assertEquals(await use.look("orders"), ["2×0 ready b"]);
    const { ready, bytes, nextId } = await use.engine.getStream("orders");
    assertEquals([ready, bytes > 0, nextId], [1, true, 4]);
    await assertCodeLater("STREAM_NOT_FOUND", () => use.engine.dropMessages("nowhere", [1]));
  },
);

dropTests.add("dropping takes dead letters, and leaves their stream alone", async (use) => {
  await bury(use, "a", "b");
  assertEquals(await use.engine.dropMessages("orders.dead", [1]), { count: 1, skipped: 0 });
  assertEquals((await use.engine.getStream("orders.dead")).ready, 1);
  assertEquals(await use.engine.redrive("orders.dead", [1, 2]), { count: 1, skipped: 1 });
  assertEquals((await use.engine.getStream("orders")).ready, 1);
});

dropTests.add("dropping a message that has failed frees its key", async (use) => {
  await use.create("orders");
  await use.publisher("orders").storeWished({ text: "a", key: "k" }, { text: "b", key: "k" });
  const follower = use.follower("orders");
  await follower.received(1);
  await follower.nack([1], { delayMs: 60_000 });
  await use.fence();
  assertEquals(follower.sink.texts, ["a"]);
  assertEquals(await use.engine.dropMessages("orders", [1]), { count: 1, skipped: 0 });
  await follower.received(2);
  assertEquals(follower.sink.texts, ["a", "b"]);
});

dropTests.add(
  "dropping a message that waits for its key keeps the others in order",
  async (use) => {
    await use.create("orders");
    const keyed = ["a", "b", "c"].map((text) => ({ text, key: "k" }));
    await use.publisher("orders").storeWished(...keyed);
    const follower = use.follower("orders");
    await follower.received(1);
    assertEquals(await use.engine.dropMessages("orders", [2]), { count: 1, skipped: 0 });
    await follower.ack(1);
    await follower.received(2);
    assertEquals(follower.sink.texts, ["a", "c"]);
  },
);

dropTests.add("dropping makes room in a full stream", async (use) => {
  await use.createWith("orders", { maxMessages: 2 });
  const publisher = use.publisher("orders");
  await publisher.store("a", "b");
  publisher.send("c");
  assertEquals((await publisher.outcomes()).at(-1), "STREAM_FULL");
  await use.engine.dropMessages("orders", [1]);
  await use.publisher("orders", "other").store("d");
  assertEquals(await use.look("orders"), ["2×0 ready b", "3×0 ready d"]);
});

/** What is still removed after the engine's end. */
export const dropRestartTests: EngineTests = new EngineTests();

dropRestartTests.add("after a restart, what was removed by its id is gone", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a", "b", "c", "d");
  await use.publisher("orders", "later").storeWished({ text: "e", delayMs: 60_000 });
  await use.engine.dropMessages("orders", [2, 4, 5]);
  for (let round = 0; round < 2; round++) {
    await use.restart();
    assertEquals(await use.look("orders"), ["1×0 ready a", "3×0 ready c"]);
    assertEquals((await use.engine.getStream("orders")).nextId, 6);
  }
});
