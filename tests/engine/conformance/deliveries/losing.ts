/**
 * What every engine does with messages of followers that are lost.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { assertCodeLater } from "../../../support/wire/frames.ts";
import { waitForCount } from "./dead_letters.ts";
import { begin, start } from "./lapsing.ts";
import { EngineTests } from "../../engine_tests.ts";
import { BYTES } from "../../engine_use.ts";

/** What an engine does with followers of which nothing is heard, and with what comes late. */
export const lossTests: EngineTests = new EngineTests();

lossTests.add("a late acknowledgement counts if nobody else has the message", async (use) => {
  await use.createWith("orders", { ackTimeoutMs: 1000 });
  await use.publisher("orders").store("a", "b", "c");
  const slow = use.follower("orders", { name: "slow", messages: 3 });
  await slow.received(3);
  use.advance(1000);
  const other = use.follower("orders", { name: "other", messages: 1 });
  assertEquals(await other.received(1), ["orders:2×1 b"]);
  // Also behind something that cannot be acknowledged.
  await assertCodeLater("UNKNOWN_DELIVERY", () => slow.ack(9, 1, 3));
  assertEquals(await use.look("orders"), ["2×1 pending b"]);
  await assertCodeLater("STALE_DELIVERY", () => slow.ack(2));
  await assertCodeLater("STALE_DELIVERY", () => slow.ack(1));
  await other.ack(1);
  assertEquals(await use.counts("orders"), [0, 0, 2]);
});

lossTests.add(
  "what ran out before a follower went on is no reason to wait when it is silent",
  async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 1000 });
    await use.publisher("orders").store("a", "b");
    const follower = use.follower("orders", { messages: 1 });
    await follower.received(1);
    use.advance(1000);
    assertEquals(follower.port.silence(), 1, "it may say yet that it is done");
    follower.port.setCredit(1, BYTES);
    await follower.received(2);
    await follower.ack(2);
    assertEquals(follower.port.silence(), 0);
    // Late it is all the same.
    await follower.ack(1);
    assertEquals(await use.look("orders"), []);
  },
);

lossTests.add(
  "a late acknowledgement counts if the same follower has the message again",
  async (use) => {
    await start(use, "a", "b");
    const slow = use.follower("orders", { messages: 2 });
    await slow.received(2);
    slow.port.silence();
    slow.port.setCredit(2, BYTES);
    await slow.received(4);
    slow.sink.revoked.length = 0;
    await slow.ack(1);
    assertEquals(slow.sink.revoked, ["3+1 an earlier delivery was acknowledged"]);
    assertEquals(await use.look("orders"), ["2×1 pending b"]);
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(3));
    await slow.ack(4);
    assertEquals(await use.counts("orders"), [0, 0, 1]);
  },
);

lossTests.add(
  "a late acknowledgement of what is gone, or in another stream by now, is STALE_DELIVERY",
  async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 1000, maxDeliveries: 1 });
    await use.publisher("orders").store("a", "b");
    const slow = use.follower("orders");
    await slow.received(2);
    use.advance(1000);
    slow.port.setCredit(0, 0);
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(1));
    await use.engine.deleteStream("orders");
    await use.create("orders");
    await use.publisher("orders", "again").store("c", "d");
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(2));
    assertEquals(await use.look("orders"), ["1×0 ready c", "2×0 ready d"]);
    await waitForCount(use, "orders.dead", 1);
  },
);

lossTests.add(
  "a silent follower loses what it holds, and keeps what it acknowledges in time for nobody else",
  async (use) => {
    await start(use, "a", "b");
    const silent = use.follower("orders", { name: "silent" });
    await silent.received(2);
    assertEquals(silent.port.silence(), 2);
    assertEquals(await use.look("orders"), ["1×1 ready a", "2×0 ready b"]);
    assertEquals(silent.sink.revoked, ["1+2 nothing was heard from its client for too long"]);
    await use.fence();
    assertEquals(silent.sink.ids, [1, 2]);
    await silent.ack(1);
    // It is alive.
    assertEquals((await silent.received(3)).at(-1), "orders:2×1 b");
    assertEquals(await use.look("orders"), ["2×1 pending b"]);
  },
);

lossTests.add(
  "a silent follower may come back as long as it may acknowledge something",
  async (use) => {
    await start(use, "a");
    const silent = use.follower("orders");
    assertEquals(silent.port.silence(), 0);
    await silent.received(1);
    use.advance(1000);
    assertEquals(silent.port.silence(), 1);
    await silent.ack(1);
    assertEquals(silent.port.silence(), 0);
  },
);

lossTests.add("losses do not count whose work was acknowledged late", async (use) => {
  await use.createWith("orders", { maxDeliveries: 3 });
  await use.publisher("orders").store("long");
  const workers = ["one", "other"].map((name) => use.follower("orders", { name, messages: 1 }));
  for (let round = 0; round < 10; round++) {
    const worker = workers[round % 2]!;
    const [before, tag] = [workers[1 - round % 2]!, Math.floor(round / 2) + 1];
    assertEquals((await worker.received(tag)).at(-1), `orders:1×${Math.min(2, round + 1)} long`);
    if (round > 0) {
      const lastTag = Math.floor((round - 1) / 2) + 1;
      await assertCodeLater("STALE_DELIVERY", () => before.ack(lastTag));
    }
    worker.port.silence();
    use.advance(30_000);
  }
  assertEquals(await use.look("orders"), ["1×1 ready long"]);
});

lossTests.add(
  "a message that nobody has seen is not given up, however often its follower is lost",
  async (use) => {
    for (const maxDeliveries of [1, 2, 5]) {
      const stream = `orders-${maxDeliveries}`;
      await use.createWith(stream, { maxDeliveries });
      await use.publisher(stream, stream).store("unseen");
      for (let round = 0; round < 12; round++) {
        const follower = use.follower(stream, { name: stream, reportsBegin: true });
        await follower.received(1);
        follower.port.close();
        use.advance(30_000);
      }
      const attempts = maxDeliveries === 1 ? 0 : 1;
      assertEquals(await use.look(stream), [`1×${attempts} ready unseen`]);
    }
  },
);

lossTests.add(
  "a message that ends each follower as soon as its handler has it is given up",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 5 });
    await use.publisher("orders").store("deadly");
    for (let round = 1; round <= 5; round++) {
      const follower = use.follower("orders", { reportsBegin: true });
      await follower.received(1);
      // The first time it is too fast for a word.
      assertEquals(follower.sink.doubtfulTags, round === 1 ? [] : [1]);
      if (round > 1) begin(follower, 1);
      follower.port.close();
      use.advance(30_000);
    }
    await waitForCount(use, "orders.dead", 1);
  },
);
