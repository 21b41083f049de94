/**
 * Schedules whose messages have no room, and many that were missed.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
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
