/**
 * What every engine does when somebody sets the machine's clock: what waits for a date follows it, and
 * spans are not disturbed.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EngineTests } from "../engine_tests.ts";
import type { EngineUse } from "../engine_use.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The texts of what is ready, or delayed, in a stream. */
async function textsIn(use: EngineUse, stream: string, state: string): Promise<string[]> {
  return (await use.look(stream)).filter((line) => line.includes(` ${state} `))
    .map((line) => line.split(" ").at(-1)!);
}

/** What an engine does when the machine's clock is set. */
export const dateTests: EngineTests = new EngineTests();

dateTests.add(
  "when the clock is set ahead, what waits for a date comes, and delays go on",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      { text: "date", deliverAt: use.clock.now + HOUR },
      { text: "later", deliverAt: use.clock.now + HOUR + MINUTE },
      { text: "delay", delayMs: HOUR },
    );
    const follower = use.follower("orders");
    use.setDate(use.clock.date + HOUR);
    await follower.received(1);
    use.advance(MINUTE);
    await follower.received(2);
    await follower.ack(1, 2);
    use.advance(HOUR - MINUTE - 1);
    await use.fence();
    assertEquals(follower.sink.texts, ["date", "later"]);
    use.advance(1);
    await follower.received(3);
  },
);

dateTests.add(
  "when the clock is set back, what waits for a date waits, and delays go on",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      { text: "date", deliverAt: use.clock.now + 5 * SECOND },
      { text: "delay", delayMs: 5 * SECOND },
    );
    const follower = use.follower("orders");
    use.setDate(use.clock.date - HOUR);
    use.advance(5 * SECOND);
    await follower.received(1);
    await follower.ack(1);
    use.advance(HOUR - 1);
    await use.fence();
    assertEquals(follower.sink.texts, ["delay"]);
    use.advance(1);
    await follower.received(2);
  },
);

dateTests.add("what comes after the clock was set goes by the date as it is then", async (use) => {
  await use.create("orders");
  use.setDate(use.clock.date - DAY);
  await use.publisher("orders").storeWished(
    { text: "past", deliverAt: use.clock.date },
    { text: "date", deliverAt: use.clock.date + MINUTE },
    { text: "delay", delayMs: 2 * MINUTE },
  );
  const follower = use.follower("orders");
  await follower.received(1);
  use.advance(MINUTE);
  await follower.received(2);
  use.advance(MINUTE);
  await follower.received(3);
  assertEquals(follower.sink.texts, ["past", "date", "delay"]);
});

dateTests.add("a time to live is not disturbed, and begins when a date has come", async (use) => {
  await use.createWith("orders", { ttlMs: 10 * MINUTE });
  await use.publisher("orders").storeWished(
    { text: "own", ttlMs: 5 * MINUTE },
    { text: "stream's" },
    { text: "dated", deliverAt: use.clock.now + HOUR, ttlMs: 5 * MINUTE },
    { text: "dated-stream's", deliverAt: use.clock.now + HOUR },
  );
  use.setDate(use.clock.date + HOUR);
  await use.fence();
  assertEquals((await textsIn(use, "orders", "ready")).length, 4);
  use.advance(5 * MINUTE);
  await use.fence();
  assertEquals(await textsIn(use, "orders", "ready"), ["stream's", "dated-stream's"]);
  use.advance(5 * MINUTE);
  await use.fence();
  assertEquals(await textsIn(use, "orders", "ready"), []);
});

dateTests.add(
  "backoffs and the time of an acknowledgement are not disturbed by the clock",
  async (use) => {
    await use.createWith("orders", { ackTimeoutMs: MINUTE, backoffMs: [MINUTE] });
    await use.publisher("orders").store("failing", "slow");
    const follower = use.follower("orders", { messages: 2 });
    await follower.received(2);
    await follower.nack([1]);
    use.setDate(use.clock.date + DAY);
    await use.fence();
    assertEquals(await use.look("orders"), ["1×1 delayed failing", "2×1 pending slow"]);
    use.setDate(use.clock.date - 2 * DAY);
    use.advance(MINUTE - 1);
    await use.fence();
    assertEquals(await use.look("orders"), ["1×1 delayed failing", "2×1 pending slow"]);
    use.advance(1);
    await use.fence();
    assertEquals((await use.look("orders"))[0]!.includes("delayed"), false);
  },
);

dateTests.add("what is told of times is told as dates", async (use) => {
  await use.create("orders");
  use.setDate(use.clock.date + DAY);
  await use.publisher("orders").storeWished(
    { text: "date", deliverAt: use.clock.date + HOUR },
    { text: "delay", delayMs: MINUTE },
    { text: "now" },
  );
  const follower = use.follower("orders", { name: "worker" });
  await follower.received(1);
  const { infos } = await use.engine.peek("orders", 1, 3);
  const { date } = use.clock;
  assertEquals(infos.map(({ dueAt }) => dueAt), [date + HOUR, date + MINUTE, undefined]);
  assertEquals((await use.engine.getPel("worker"))[0]!.deliveredAt, date);
  await follower.reject([1]);
  await use.fence();
  const { deadLetter } = (await use.properties("orders.dead"))[0]!;
  assertEquals([deadLetter?.firstAt, deadLetter?.lastAt], [date, date]);
});

/** What becomes of times over a restart, however the clock was set. */
export const dateRestartTests: EngineTests = new EngineTests();

dateRestartTests.add(
  "after a life with a clock that was a day ahead, spans do not wait a day",
  async (use) => {
    const { now } = use.clock;
    await use.restartAt(now + DAY);
    await use.createWith("orders", { backoffMs: [10 * SECOND], ttlMs: HOUR });
    await use.publisher("orders").storeWished(
      { text: "failing" },
      { text: "delay", delayMs: 5 * SECOND },
      { text: "date", deliverAt: now + DAY + MINUTE, ttlMs: MINUTE },
    );
    const failing = use.follower("orders", { messages: 1 });
    await failing.received(1);
    await failing.nack([1]);
    await use.restartAt(now + SECOND);
    const follower = use.follower("orders");
    await use.fence();
    assertEquals(follower.sink.texts, []);
    use.advance(5 * SECOND);
    await follower.received(1);
    use.advance(5 * SECOND);
    await follower.received(2);
    assertEquals(follower.sink.texts, ["delay", "failing"]);
    const { items: [pel] } = await use.engine.listPels(0);
    assertEquals(pel!.entries.map(({ ageMs }) => ageMs), [5 * SECOND, 0]);
    use.setDate(now + DAY + MINUTE - 1);
    await use.fence();
    assertEquals(follower.sink.texts.length, 2);
    use.advance(1);
    await follower.received(3);
  },
);

dateRestartTests.add(
  "a clock that is set while the broker runs makes nothing early after a restart",
  async (use) => {
    await use.create("orders");
    use.setDate(use.clock.date + DAY);
    await use.publisher("orders").storeWished(
      { text: "delay", delayMs: MINUTE },
      { text: "date", deliverAt: use.clock.date + 2 * MINUTE },
    );
    use.advance(10 * SECOND);
    await use.restartAt(use.clock.date + 5 * SECOND);
    await use.restartAt(use.clock.date + 5 * SECOND);
    const follower = use.follower("orders");
    use.advance(40 * SECOND - 1);
    await use.fence();
    assertEquals(follower.sink.texts, []);
    use.advance(1);
    await follower.received(1);
    use.advance(MINUTE);
    await follower.received(2);
    assertEquals(follower.sink.texts, ["delay", "date"]);
  },
);

dateRestartTests.add("the time that passes while no broker runs counts", async (use) => {
  await use.createWith("orders", { dedupWindowMs: HOUR });
  await use.publisher("orders").storeWished({ text: "delay", delayMs: MINUTE });
  await use.publisher("orders", "other").storeWished({ text: "first", dedupId: "id" });
  await use.restartAt(use.clock.date + MINUTE);
  await use.follower("orders").received(2);
  const again = use.publisher("orders", "third");
  assertEquals(await again.storeWished({ text: "again", dedupId: "id" }), "orders:2 again");
  await use.restartAt(use.clock.date + HOUR);
  const late = use.publisher("orders", "fourth");
  assertEquals(await late.storeWished({ text: "late", dedupId: "id" }), "orders:3");
});

dateRestartTests.add(
  "a machine that slept has its dates, and spans of the time that it was awake",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").storeWished(
      { text: "date", deliverAt: use.clock.date + HOUR },
      { text: "delay", delayMs: 2 * MINUTE },
    );
    use.advance(MINUTE);
    // The time that never jumps stood still meanwhile.
    use.setDate(use.clock.date + HOUR);
    const follower = use.follower("orders");
    await follower.received(1);
    use.advance(MINUTE);
    await follower.received(2);
    assertEquals(follower.sink.texts, ["date", "delay"]);
  },
);
