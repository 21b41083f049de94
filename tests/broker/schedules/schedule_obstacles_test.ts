/**
 * Schedules: what keeps a message from being stored, and what becomes of the one before.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { DAY, HOUR, ScheduledBroker, SECOND } from "./scheduled_broker.ts";

Deno.test("nothing is stored while the last message waits, is delayed, or is at a follower", async () => {
  const use = new ScheduledBroker();
  const { test } = use;
  test.broker.updateStream("reports", { ackTimeoutMs: DAY });
  await use.put("a", { everyMs: HOUR });
  await use.advance(2 * HOUR);
  assertEquals(await use.ids(), [1]);
  assertEquals((await use.get("a")).leftOut?.why, "message 1 of it was still in the stream");
  assertEquals(await use.explain(), [
    'Schedule "a" has left out 2027-01-01T02:00:00.000Z: message 1 of it was still in the stream.',
  ]);
  const follower = test.follower("reports", { name: "f" });
  test.dispatch();
  await use.advance(HOUR);
  assertEquals(await use.ids(), [1]);
  follower.open.nack(
    [{ firstTag: 1, count: 1 }],
    { delayMs: 90 * 60 * SECOND, reason: "later" },
    false,
  );
  await use.advance(HOUR);
  assertEquals(await use.ids(), [1]);
  await use.advance(HOUR);
  test.dispatch();
  follower.open.ack([{ firstTag: 2, count: 1 }], false);
  await use.advance(HOUR);
  assertEquals(await use.ids(), [2]);
  assertEquals(await use.explain(), []);
});

Deno.test("a message that became a dead letter is not in the way", async () => {
  const use = new ScheduledBroker();
  const { test } = use;
  await use.put("a", { everyMs: HOUR });
  const follower = test.follower("reports");
  await use.advance(HOUR);
  test.dispatch();
  follower.open.reject([{ firstTag: 1, count: 1 }], "no", false);
  await use.advance(HOUR);
  assertEquals([await use.ids(), await use.ids("reports.dead")], [[2], [1]]);
  // Sent back, it is a message like any other.
  await test.broker.redrive("reports.dead", [1]);
  test.dispatch();
  follower.open.ack([{ firstTag: 2, count: 1 }], false);
  await use.advance(HOUR);
  assertEquals(await use.ids(), [3, 4]);
});

Deno.test("a new message takes the place of one that nobody has, in one event", async () => {
  const use = new ScheduledBroker();
  const { test } = use;
  test.broker.updateStream("reports", { ackTimeoutMs: DAY });
  await use.put("a", { everyMs: HOUR, overlap: "replace" });
  await use.advance(3 * HOUR);
  assertEquals(await use.stored(), ["3 01-01T03:00:00 a"]);
  const stored = test.events.flatMap((event) => event.type === "published" ? [event.notes] : []);
  assertEquals(stored.map((notes) => notes?.replaces), [
    undefined,
    [{ number: 1, id: 1 }],
    [{ number: 1, id: 2 }],
  ]);
  assertEquals(test.getStream("reports").totals.dropped, 2);
  // One that a follower has stays.
  test.follower("reports");
  test.dispatch();
  await use.advance(2 * HOUR);
  assertEquals(await use.ids(), [3, 5]);
});

Deno.test("what cannot be stored leaves the one before it where it was", async () => {
  const use = new ScheduledBroker();
  const { test } = use;
  await use.put("a", { everyMs: HOUR, overlap: "replace" });
  await use.advance(HOUR);
  test.isSlow = true;
  await use.advance(HOUR);
  test.fail(new BrokerError("DISK_FULL", "no room"));
  test.isSlow = false;
  assertEquals(await use.ids(), [1]);
  assertEquals(test.getStream("reports").ready, 1);
  assertEquals((await use.get("a")).problem, "no room (DISK_FULL)");
  assertEquals(await use.explain(), [
    'Schedule "a" cannot store a message, and tries again: no room (DISK_FULL).',
  ]);
  await use.advance(2 * SECOND);
  assertEquals(await use.stored(), ["2 01-01T02:00:00 a"]);
  assertEquals((await use.get("a")).problem, undefined);
});

Deno.test("a full stream, and one that is gone, are told and tried again each second", async () => {
  const use = new ScheduledBroker();
  const { test } = use;
  test.broker.updateStream("reports", { maxMessages: 1 });
  await use.put("a", { everyMs: HOUR, overlap: "allow" });
  await use.advance(2 * HOUR);
  assertEquals(await use.ids(), [1]);
  const full = 'Cannot publish to "reports": it has 1 message, 1 more was sent, limit is 1';
  assertEquals((await use.get("a")).problem, `${full} (STREAM_FULL)`);
  test.broker.purgeStream("reports");
  await use.advance(SECOND);
  assertEquals(await use.stored(), ["2 01-01T02:00:00 a"]);
  test.broker.deleteStream("reports");
  assertEquals((await use.get("a")).problem, 'there is no stream "reports"');
  await use.advance(HOUR);
  assertEquals((await use.get("a")).problem, 'there is no stream "reports"');
  test.create("reports");
  await use.advance(SECOND);
  assertEquals(await use.stored(), ["1 01-01T03:00:00 a"]);
  // Room is kept as for others: the oldest goes.
  test.broker.updateStream("reports", { maxMessages: 1, overflow: "drop-oldest" });
  await use.advance(2 * HOUR);
  assertEquals(await use.ids(), [3]);
});

Deno.test("a paused stream goes on filling, and a paused schedule leaves its dates out", async () => {
  const use = new ScheduledBroker();
  const { schedules } = use.test.broker;
  use.test.broker.pauseStream("reports", true);
  await use.put("a", { everyMs: HOUR, overlap: "allow" });
  await use.put("b", { cron: "0 * * * *", overlap: "allow" });
  await use.advance(HOUR);
  assertEquals(await use.ids(), [1, 2]);
  await schedules.pause("a", true);
  await schedules.pause("b", true);
  await schedules.pause("b", true);
  assertEquals([await use.next("a"), await use.next("b")], [[], []]);
  assertEquals(await use.explain(), ['Schedule "a" is paused.', 'Schedule "b" is paused.']);
  await use.advance(3.5 * HOUR);
  assertEquals(await use.ids(), [1, 2]);
  assertEquals(await use.put("a", { everyMs: HOUR, overlap: "allow", text: "new" }), true);
  assertEquals((await use.get("a")).isPaused, true);
  await schedules.pause("a", false);
  await schedules.pause("b", false);
  assertEquals([(await use.next("a"))[0], (await use.next("b"))[0]], [
    "01-01T05:00:00",
    "01-01T05:00:00",
  ]);
  await use.advance(HOUR);
  assertEquals((await use.ids()).length, 4);
  assertEquals(await use.explain(), []);
});

Deno.test("a deleted schedule stores nothing more, and its messages stay", async () => {
  const use = new ScheduledBroker();
  const { schedules } = use.test.broker;
  await use.put("a", { everyMs: HOUR, overlap: "allow" });
  await use.advance(HOUR);
  await schedules.delete("a");
  await use.advance(5 * HOUR);
  assertEquals(await use.ids(), [1]);
  assertEquals((await schedules.list(0)).items, []);
  for (const call of [() => schedules.delete("a"), () => schedules.pause("a", true)]) {
    const error = await assertRejects(call, BrokerError);
    assertEquals([error.code, error.message], [
      "SCHEDULE_NOT_FOUND",
      'Cannot find schedule "a": there is none',
    ]);
  }
});

Deno.test("a message that is on its way when its schedule changes is counted before", async () => {
  for (const change of ["put", "delete", "pause"] as const) {
    const use = new ScheduledBroker();
    const { test } = use;
    await use.put("a", { everyMs: HOUR, overlap: "allow" });
    test.isSlow = true;
    await use.advance(HOUR);
    const changing = {
      put: () => use.put("a", { everyMs: HOUR, overlap: "allow", text: "new" }),
      delete: () => test.broker.schedules.delete("a"),
      pause: () => test.broker.schedules.pause("a", true),
    }[change]();
    await use.advance(3 * HOUR);
    test.isSlow = false;
    test.sync();
    await changing;
    await use.advance(1);
    const types = test.events.map(({ type }) => type).filter((type) => type !== "streamCreated");
    const last = change === "delete" ? "scheduleDeleted" : "scheduleSet";
    const then = change === "put" ? ["published"] : [];
    assertEquals(types, ["scheduleSet", "published", last, ...then], change);
    // The next broker knows the same: no date of before has its turn again.
    const again = await use.restart(0);
    const { items } = await again.test.broker.schedules.list(0);
    const known = (await test.broker.schedules.list(0)).items;
    assertEquals(items, known, change);
    // What was missed meanwhile is one message.
    if (change === "put") {
      assertEquals(await use.stored(), ["1 01-01T01:00:00 a", "2 01-01T04:00:00 new"]);
    }
  }
});
