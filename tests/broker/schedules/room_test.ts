/**
 * Schedules whose messages have no room, and many that were missed.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import { LocalEngine } from "../../../src/engine/local_engine.ts";
import { EngineUse, TestClock } from "../../engine/engine_use.ts";
import { HesitantLog } from "../../support/broker/hesitant_log.ts";
import { DAY, entryOf, HOUR, ScheduledBroker, SECOND } from "./scheduled_broker.ts";

Deno.test("messages of schedules count for the limits of their lanes", async () => {
  const use = new ScheduledBroker();
  await use.test.broker.updateStream("reports", { laneLimits: { maxMessages: 2 } });
  for (const name of ["a", "b", "c"]) {
    const entry = entryOf(name, { lane: "acme" });
    await use.put(name, { entry, everyMs: HOUR, overlap: "allow" });
  }
  await use.advance(5 * HOUR);
  assertEquals(await use.ids(), [1, 2]);
  const follower = use.test.follower("reports", { messages: 1 });
  use.test.dispatch();
  follower.ack(1);
  await use.advance(2 * SECOND);
  assertEquals(await use.ids(), [2, 3]);
});

Deno.test("many schedules that were missed for a year are looked at in many turns", async () => {
  const use = new ScheduledBroker();
  const { test: { broker, events } } = use;
  const count = 100;
  for (let minute = 0; minute < count; minute++) {
    await use.put(`minute-${minute}`, { cron: `${minute % 60} * * * *` });
  }
  use.sleep(365 * DAY);
  const countStored = () => events.filter(({ type }) => type === "published").length;
  let before = 0;
  for (let turn = 0; turn < count && before < count; turn++) {
    broker.tick(use.test.now++);
    assertLess(countStored() - before, 40);
    before = countStored();
  }
  assertEquals(before, count);
});

Deno.test("a message that was to be replaced is in its own lane when there is no room for the next one", async () => {
  const clock = new TestClock();
  const log = new HesitantLog(1e9);
  const use = new EngineUse(await LocalEngine.open({ log, now: () => clock.now }), { clock });
  await use.create("reports");
  const entry = entryOf("a", { lane: "l" });
  const given = { stream: "reports", entry, everyMs: HOUR, overlap: "replace" } as const;
  await use.engine.schedules.put("a", given);
  use.advance(HOUR);
  await use.fence();
  assertEquals(await use.look("reports"), ["1×0 ready a"]);
  log.isHeld = true;
  use.advance(HOUR);
  [log.isHeld, log.isPrompt] = [false, true];
  // The lane has no messages for so long that it is forgotten.
  use.advance(3 * SECOND);
  const other = use.publisher("reports");
  other.sendWished({ text: "x", lane: "m" });
  log.decide(0);
  await other.outcomes();
  const { items } = await use.engine.lanes.list("reports", {});
  assertEquals(items.map(({ name, ready }) => `${name} ${ready}`).sort(), ["l 1", "m 1"]);
  assertEquals(await use.engine.cancelMessage("reports", 1), { was: "ready" });
});
