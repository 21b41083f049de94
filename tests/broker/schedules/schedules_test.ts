/**
 * Schedules: when they store which messages.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { decodeBatch } from "../../../protocol.ts";
import { DAY, entryOf, HOUR, ScheduledBroker, SECOND } from "./scheduled_broker.ts";

Deno.test("a schedule stores a message at each of its dates", async () => {
  const use = new ScheduledBroker();
  assertEquals(await use.put("night", { cron: "30 3 * * *", overlap: "allow" }), true);
  assertEquals(await use.put("hour", { everyMs: HOUR, overlap: "allow" }), true);
  assertEquals(await use.next("night"), ["01-01T03:30:00", "01-02T03:30:00", "01-03T03:30:00"]);
  assertEquals(await use.next("hour"), ["01-01T01:00:00", "01-01T02:00:00", "01-01T03:00:00"]);
  await use.advance(4 * HOUR);
  assertEquals(await use.stored(), [
    "1 01-01T01:00:00 hour",
    "2 01-01T02:00:00 hour",
    "3 01-01T03:00:00 hour",
    "4 01-01T03:30:00 night",
    "5 01-01T04:00:00 hour",
  ]);
  const { last, count, next } = await use.get("night");
  const at = Date.parse("2027-01-01T03:30Z");
  assertEquals([last, count, next[0]], [{ at, id: 4 }, 1, at + DAY]);
});

Deno.test("the message has what was put, the date, and a dedup id", async () => {
  const use = new ScheduledBroker();
  const wishes = { key: "k", priority: 7, lane: "acme", ttlMs: HOUR };
  const entry = entryOf("report", wishes, { kind: "daily" });
  await use.put("night", { entry, everyMs: 90 * SECOND });
  await use.advance(90 * SECOND);
  const { infos, entries } = await use.test.broker.peek("reports", 1, 10);
  const [message] = decodeBatch({ count: 1, buffer: entries, start: 0, end: entries.length });
  assertEquals(infos[0]?.state, "ready");
  assertEquals(message?.headers, { kind: "daily", scheduledAt: "2027-01-01T00:01:30.000Z" });
  assertEquals(message?.priority, 7);
  assertEquals(message?.properties, {
    key: "k",
    lane: "acme",
    dedupId: "schedule/night/2027-01-01T00:01:30.000Z",
    expiresAt: use.now + HOUR,
  });
});

Deno.test("the same value again changes nothing, the next date included", async () => {
  const use = new ScheduledBroker();
  const hourly = { everyMs: HOUR, overlap: "allow" } as const;
  await use.put("a", hourly);
  for (let count = 0; count < 5; count++) {
    await use.advance(50 * 60 * SECOND);
    assertEquals(await use.put("a", { ...hourly, now: true }), false);
  }
  assertEquals((await use.ids()).length, 4);
  const events = use.test.events.filter(({ type }) => type === "scheduleSet");
  assertEquals(events.length, 1);
});

Deno.test("ten clients that put the same at once make one schedule, and one message at once", async () => {
  const use = new ScheduledBroker();
  const put = () => use.put("a", { cron: "0 0 * * *", now: true });
  const changed = await Promise.all(Array.from({ length: 10 }, put));
  assertEquals(changed.filter((isChanged) => isChanged).length, 1);
  await use.advance(HOUR);
  assertEquals(await use.stored(), ["1 01-01T00:00:00 a"]);
});

Deno.test("with another body or limit the dates stay; with another interval they begin anew", async () => {
  const use = new ScheduledBroker();
  await use.put("a", { everyMs: HOUR, overlap: "allow" });
  await use.advance(1.5 * HOUR);
  assertEquals(await use.put("a", { everyMs: HOUR, overlap: "allow", text: "new" }), true);
  assertEquals((await use.next("a"))[0], "01-01T02:00:00");
  await use.advance(HOUR);
  assertEquals(await use.stored(), ["1 01-01T01:00:00 a", "2 01-01T02:00:00 new"]);
  assertEquals((await use.get("a")).count, 2);
  await use.put("a", { everyMs: 2 * HOUR, overlap: "allow" });
  assertEquals((await use.next("a"))[0], "01-01T04:30:00");
  assertEquals((await use.get("a")).count, 0);
});

Deno.test("it begins at once if that is asked for, and only if it is new", async () => {
  const use = new ScheduledBroker();
  await use.put("a", { cron: "0 12 * * *", overlap: "allow", now: true, jitterMs: HOUR });
  await use.put("b", { everyMs: HOUR, overlap: "allow", now: true });
  await use.advance(1);
  assertEquals(await use.stored(), ["1 01-01T00:00:00 a", "2 01-01T00:00:00 b"]);
  assertEquals((await use.next("b"))[0], "01-01T01:00:00");
  assertEquals((await use.next("a"))[0], "01-01T12:00:00");
  await use.put("a", { cron: "0 12 * * *", overlap: "allow", now: true, text: "other" });
  await use.advance(1);
  assertEquals((await use.ids()).length, 2);
});

Deno.test("a schedule ends at its limit or its last date, and stays to be seen", async () => {
  const use = new ScheduledBroker();
  await use.put("three", { everyMs: HOUR, overlap: "allow", limit: 3 });
  const until = Date.parse("2027-01-01T02:00:00Z");
  await use.put("until", { cron: "0 * * * *", overlap: "allow", until });
  assertEquals((await use.next("until")).length, 2);
  await use.advance(10 * HOUR);
  assertEquals((await use.stored()).map((line) => line.slice(-5)), [
    "three",
    "until",
    "three",
    "until",
    "three",
  ]);
  assertEquals([await use.next("three"), await use.next("until")], [[], []]);
  // With a higher limit it goes on.
  await use.put("three", { everyMs: HOUR, overlap: "allow", limit: 4 });
  assertEquals(await use.next("three"), ["01-01T11:00:00"]);
});

Deno.test("jitter is between nothing and its most, differs, and is the same again", async () => {
  const delays = async () => {
    const use = new ScheduledBroker();
    for (let count = 0; count < 50; count++) {
      await use.put(`s${count}`, { everyMs: HOUR, overlap: "allow", jitterMs: 60 * SECOND });
    }
    await use.advance(2.5 * HOUR);
    const { infos, entries } = await use.test.broker.peek("reports", 1, 1000);
    const all = decodeBatch({
      count: infos.length,
      buffer: entries,
      start: 0,
      end: entries.length,
    });
    return all.map(({ headers, body }, index) => {
      const delay = infos[index]!.storedAt! - Date.parse(headers.scheduledAt!);
      return `${new TextDecoder().decode(body)}@${headers.scheduledAt} ${delay}`;
    });
  };
  const found = await delays();
  assertEquals(found.length, 100);
  const values = found.map((line) => Number(line.split(" ")[1]));
  assert(values.every((value) => value >= 0 && value <= 60_000));
  assert(new Set(values).size > 90);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  assert(mean > 20_000 && mean < 40_000, `${mean}`);
  assertEquals(await delays(), found);
});

Deno.test("the time to live begins when a message is due", async () => {
  const use = new ScheduledBroker();
  const { test } = use;
  const entry = entryOf("a", { ttlMs: 10 * SECOND });
  test.broker.updateStream("reports", { maxMessages: 1 });
  test.publisher("reports").publish("in the way");
  await use.put("a", { entry, everyMs: HOUR, overlap: "allow" });
  await use.advance(HOUR + 4 * SECOND);
  test.broker.purgeStream("reports");
  await use.advance(SECOND);
  const { infos, entries } = await test.broker.peek("reports", 1, 1);
  const [message] = decodeBatch({ count: 1, buffer: entries, start: 0, end: entries.length });
  assertEquals(infos.length, 1);
  assertEquals(message?.properties.expiresAt, Date.parse("2027-01-01T01:00:10Z"));
  // Later it is not stored any more.
  test.broker.purgeStream("reports");
  test.publisher("reports", "other").publish("in the way");
  await use.advance(HOUR + 20 * SECOND);
  assertEquals((await use.get("a")).leftOut, {
    at: Date.parse("2027-01-01T02:00:00Z"),
    why: "its time to live was over",
  });
});
