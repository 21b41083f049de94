/**
 * What every engine tells of what has happened: totals of streams and of the broker, ages, and when
 * messages were stored.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { StreamTotals } from "../../../../protocol.ts";
import { NO_TOTALS } from "../../../../src/protocol/answers/stream_info.ts";
import { EngineTests } from "../../engine_tests.ts";
import type { EngineUse } from "../../engine_use.ts";
import { waitForCount } from "./dead_letters.ts";

const SECOND = 1000;

/** The totals of a stream that are not 0, and those in `returned` and `dead` by their own names. */
async function totalsOf(use: EngineUse, stream: string): Promise<Record<string, number>> {
  const { totals } = await use.engine.getStream(stream);
  return flatten(totals);
}

function flatten({ returned, dead, ...rest }: StreamTotals): Record<string, number> {
  const named = Object.entries(dead).map(([cause, count]) => [`dead ${cause}`, count] as const);
  return Object.fromEntries(
    [...Object.entries(rest), ...Object.entries(returned), ...named].filter(([, count]) =>
      count > 0
    ),
  );
}

async function ageOf(use: EngineUse, stream: string): Promise<number | undefined> {
  return (await use.engine.getStream(stream)).oldestReadyMs;
}

/** When the messages of a stream were stored, as they are peeked at. */
async function timesOf(use: EngineUse, stream: string): Promise<(number | undefined)[]> {
  const { infos } = await use.engine.peek(stream, 1, 1000);
  return infos.map(({ storedAt }) => storedAt);
}

/** What an engine counts, and what it knows of times. */
export const figureTests: EngineTests = new EngineTests();

figureTests.add("an idle stream has totals of nothing", async (use) => {
  await use.create("orders");
  const { totals, parked, oldestReadyMs } = await use.engine.getStream("orders");
  assertEquals({ totals, parked, oldestReadyMs }, {
    totals: NO_TOTALS,
    parked: 0,
    oldestReadyMs: undefined,
  });
});

figureTests.add("totals count what is stored, delivered and acknowledged", async (use) => {
  await use.create("orders", "others");
  await use.publisher(/o/).store("a", "b", "c");
  const follower = use.follower("orders", { messages: 2 });
  await follower.received(2);
  await follower.ack(1, 2);
  await follower.received(3);
  assertEquals(await totalsOf(use, "orders"), { published: 3, delivered: 3, acknowledged: 2 });
  assertEquals(await totalsOf(use, "others"), { published: 3 });
});

figureTests.add("totals count what comes back, by reason, and what goes again", async (use) => {
  await use.createWith("orders", { ackTimeoutMs: SECOND, backoffMs: [0] });
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders", { messages: 2 });
  await follower.received(2);
  await follower.nack([1], { delayMs: 0 });
  await follower.received(3);
  assertEquals(await totalsOf(use, "orders"), {
    published: 2,
    delivered: 3,
    redelivered: 1,
    nack: 1,
  });
  use.advance(2 * SECOND);
  await waitForCount(use, "orders", 2);
  assertEquals((await totalsOf(use, "orders")).timeout, 2);
  follower.port.close();
  const other = use.follower("orders", { messages: 1 });
  await other.received(1);
  other.port.close();
  assertEquals((await totalsOf(use, "orders")).lost, 1);
});

figureTests.add(
  "totals count dead letters by cause, and the stream that gets them",
  async (use) => {
    await use.createWith("orders", {
      maxDeliveries: 1,
      ttlMs: 20 * SECOND,
      deadLetterExpired: true,
    });
    await use.publisher("orders").store("a", "b", "c");
    const follower = use.follower("orders", { messages: 2 });
    await follower.received(2);
    await follower.reject([1]);
    await follower.received(3);
    await follower.nack([2]);
    await waitForCount(use, "orders.dead", 2);
    follower.port.close(0);
    use.advance(21 * SECOND);
    await waitForCount(use, "orders.dead", 3);
    assertEquals(await totalsOf(use, "orders"), {
      published: 3,
      delivered: 3,
      nack: 1,
      expired: 1,
      "dead rejected": 1,
      "dead maxDeliveries": 1,
      "dead expired": 1,
    });
    assertEquals(await totalsOf(use, "orders.dead"), { published: 3 });
  },
);

figureTests.add("totals count what is dropped, and what expires without a trace", async (use) => {
  await use.createWith("orders", { maxMessages: 2, overflow: "drop-oldest", deadLetter: false });
  await use.publisher("orders").store("a");
  await use.publisher("orders", "other").store("b", "c");
  assertEquals(await totalsOf(use, "orders"), { published: 3, dropped: 1 });
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  await follower.reject([1]);
  await follower.received(2);
  follower.port.close(0);
  assertEquals((await totalsOf(use, "orders")).dropped, 2);
  await use.engine.purgeStream("orders");
  assertEquals((await totalsOf(use, "orders")).dropped, 3);
  await use.engine.updateStream("orders", { ttlMs: SECOND });
  await use.publisher("orders", "third").store("d");
  use.advance(2 * SECOND);
  await waitForCount(use, "orders", 0);
  const { expired, dropped } = await totalsOf(use, "orders");
  assertEquals([expired, dropped], [1, 3]);
});

figureTests.add("the engine's totals never fall: a deleted stream stays in them", async (use) => {
  await use.create("orders", "others");
  await use.publisher(/o/).store("a", "b");
  const follower = use.follower("orders");
  await follower.received(2);
  await follower.ack(1);
  const before = flatten(use.engine.counters.totals);
  assertEquals(before, { published: 4, delivered: 2, acknowledged: 1 });
  await use.engine.deleteStream("orders");
  assertEquals(flatten(use.engine.counters.totals), { ...before, dropped: 1 });
  await use.create("orders");
  assertEquals(await totalsOf(use, "orders"), {});
});

figureTests.add("the engine counts refused batches by code, and repeated messages", async (use) => {
  await use.createWith("orders", { maxMessages: 1 });
  const publisher = use.publisher("orders");
  await publisher.storeWished({ text: "a", dedupId: "one" });
  await publisher.storeWished({ text: "a", dedupId: "one" });
  publisher.sendAs(1, "a");
  publisher.send("b", "c");
  publisher.settled = publisher.nextSequence;
  publisher.send("d");
  await publisher.outcomes();
  const nowhere = use.publisher("nowhere", "nobody");
  nowhere.send("a");
  await nowhere.outcomes();
  const { duplicates, refused } = use.engine.counters;
  assertEquals([duplicates, refused], [2, { STREAM_FULL: 2, STREAM_NOT_FOUND: 1 }]);
});

figureTests.add("the engine tells how long first deliveries have waited", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a", "b");
  use.advance(300);
  const { deliveryWait } = use.engine.counters;
  const follower = use.follower("orders");
  await follower.received(2);
  assertEquals([deliveryWait.count, deliveryWait.sum], [1, 0.3]);
  assertEquals(deliveryWait.counts[deliveryWait.bounds.indexOf(0.5)], 1);
  await follower.nack([1], { delayMs: 0 });
  await follower.received(3);
  assertEquals(deliveryWait.count, 1);
});

figureTests.add("the engine tells how much memory messages take up", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store(1000, 1000);
  const { memoryBytes, memoryLimit } = use.engine.counters;
  assert(memoryBytes >= 0 && memoryLimit > 0, `${memoryBytes} of ${memoryLimit}`);
});

figureTests.add("messages know when they were stored, to followers and to cursors", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  const { now } = use.clock;
  await publisher.store("a", "b");
  use.advance(5);
  await publisher.store("c");
  use.advance(200_000);
  await publisher.store("d");
  await publisher.store("e");
  const times = [now, now, now + 5, now + 200_005, now + 200_005];
  assertEquals(await timesOf(use, "orders"), times);
  const follower = use.follower("orders");
  await follower.received(5);
  assertEquals(follower.sink.times, times);
  await follower.nack([3], { delayMs: 0 });
  await follower.received(6);
  assertEquals(follower.sink.times.at(-1), now + 5);
});

figureTests.add("when the clock is set, messages were stored at other dates", async (use) => {
  await use.create("orders");
  const { now } = use.clock;
  await use.publisher("orders").store("a");
  use.setDate(now + 3600 * SECOND);
  assertEquals(await timesOf(use, "orders"), [now + 3600 * SECOND]);
  assertEquals(await ageOf(use, "orders"), 0);
});

figureTests.add("the age is that of the oldest ready message", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.storeWished({ text: "a", delayMs: 50 * SECOND });
  assertEquals(await ageOf(use, "orders"), undefined);
  await publisher.storeWished({ text: "b", priority: 1 });
  use.advance(10 * SECOND);
  await publisher.storeWished({ text: "c", priority: 8 });
  assertEquals(await ageOf(use, "orders"), 10 * SECOND);
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  assertEquals(await ageOf(use, "orders"), 10 * SECOND);
  await follower.ack(1);
  await follower.received(2);
  assertEquals(await ageOf(use, "orders"), undefined);
  use.advance(45 * SECOND);
  // Since it was stored, its delay included.
  assertEquals(await ageOf(use, "orders"), 55 * SECOND);
});

figureTests.add("the age counts messages that wait for their keys", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.storeWished({ text: "a", key: "k" }, { text: "b", key: "k" });
  use.advance(3 * SECOND);
  await publisher.storeWished({ text: "c", key: "k" }, { text: "d", key: "l" });
  const follower = use.follower("orders");
  await follower.received(2);
  const { parked, ready, oldestReadyMs } = await use.engine.getStream("orders");
  assertEquals({ parked, ready, oldestReadyMs }, { parked: 2, ready: 2, oldestReadyMs: 3000 });
  await follower.ack(1);
  await follower.received(3);
  assertEquals(await ageOf(use, "orders"), 0);
  await follower.ack(3);
  await follower.received(4);
  assertEquals(await ageOf(use, "orders"), undefined);
});

figureTests.add("a dead letter was stored when it came to the dead letters", async (use) => {
  await use.create("orders");
  await use.publisher("orders").store("a");
  const follower = use.follower("orders");
  await follower.received(1);
  use.advance(7 * SECOND);
  await follower.reject([1]);
  await waitForCount(use, "orders.dead", 1);
  assertEquals(await timesOf(use, "orders.dead"), [use.clock.now]);
});

/** What an engine knows of times after its end. */
export const figureRestartTests: EngineTests = new EngineTests();

figureRestartTests.add("after a restart, messages were stored when they were", async (use) => {
  await use.create("orders");
  const publisher = use.publisher("orders");
  const { now } = use.clock;
  for (const text of ["a", "b", "c"]) {
    await publisher.store(text, text);
    use.advance(10);
  }
  const times = [0, 0, 10, 10, 20, 20].map((ms) => now + ms);
  for (let round = 1; round <= 3; round++) {
    await use.restart();
    assertEquals(await timesOf(use, "orders"), times);
    use.advance(SECOND);
    assertEquals(await ageOf(use, "orders"), 30 + round * SECOND);
    assertEquals(await totalsOf(use, "orders"), {});
  }
  const follower = use.follower("orders");
  await follower.received(6);
  assertEquals(follower.sink.times, times);
});

figureRestartTests.add(
  "a message that is moved to the end of the log keeps its time",
  async (use) => {
    await use.create("orders", "others");
    const { now } = use.clock;
    await use.publisher("orders").store("old");
    use.advance(5);
    await use.publisher("orders", "second").store("old, too");
    const publisher = use.publisher("others", "third");
    const follower = use.follower("others");
    // Enough for a log of small segments to move what has stayed.
    for (let round = 1; round <= 60; round++) {
      use.advance(SECOND);
      await publisher.store(400);
      await follower.received(round);
      await follower.ack(round);
    }
    const times = [now, now + 5];
    assertEquals(await timesOf(use, "orders"), times);
    await use.restart();
    assertEquals(await timesOf(use, "orders"), times);
  },
);
