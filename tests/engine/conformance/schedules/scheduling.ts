/**
 * What every engine does with schedules, and what is there again after its end: one record has the
 * message and the step to the next date.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { decodeBatch, encodeBatch, type ScheduleInput } from "../../../../protocol.ts";
import { encodeBase64 } from "../../../../src/protocol/base64.ts";
import { EngineTests } from "../../engine_tests.ts";
import type { EngineUse } from "../../engine_use.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

function entryOf(text: string): string {
  const body = new TextEncoder().encode(text);
  return encodeBase64(encodeBatch([{ kind: 1, body }]).buffer);
}

async function put(
  use: EngineUse,
  name: string,
  given: Partial<ScheduleInput>,
  text: string = name,
): Promise<boolean> {
  const input = { stream: "reports", entry: entryOf(text), ...given };
  return await use.engine.schedules.put(name, input);
}

/** Lets time pass in steps: what is stored in one is durable in the next. */
async function pass(use: EngineUse, ms: number, stepMs: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    use.advance(stepMs);
    await use.fence();
  }
}

/** What is stored: how long after the beginning its date is, in minutes, and the text. */
async function stored(use: EngineUse, start: number): Promise<string[]> {
  const { infos, entries } = await use.engine.peek("reports", 1, 1000);
  const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
  return decodeBatch(batch).map(({ headers, body, properties }, index) => {
    const minutes = (Date.parse(headers.scheduledAt!) - start) / MINUTE;
    const text = new TextDecoder().decode(body);
    assertEquals(properties.dedupId, `schedule/${text}/${headers.scheduledAt}`);
    return `${infos[index]!.id}: ${minutes} ${text}`;
  });
}

/** What an engine does with schedules. */
export const scheduleTests: EngineTests = new EngineTests();

scheduleTests.add("a schedule stores messages, which followers get", async (use) => {
  const start = use.clock.now;
  await use.create("reports");
  const timing = { everyMs: HOUR, overlap: "allow" } as const;
  const changed = await Promise.all(
    Array.from({ length: 10 }, () => put(use, "hourly", timing)),
  );
  assertEquals(changed.filter((isChanged) => isChanged).length, 1);
  await pass(use, 2 * HOUR, 30 * MINUTE);
  assertEquals(await stored(use, start), ["1: 60 hourly", "2: 120 hourly"]);
  const follower = use.follower("reports");
  assertEquals(await follower.received(2), ["reports:1×1 hourly", "reports:2×1 hourly"]);
  await use.engine.schedules.delete("hourly");
  await pass(use, 2 * HOUR, HOUR);
  assertEquals((await use.engine.getStream("reports")).nextId, 3);
});

scheduleTests.add("an overlap is left out, or takes the place of the one before", async (use) => {
  const start = use.clock.now;
  await use.create("reports");
  await put(use, "skip", { everyMs: HOUR });
  await put(use, "replace", { everyMs: HOUR, overlap: "replace" });
  await pass(use, 3 * HOUR, HOUR);
  assertEquals(await stored(use, start), ["1: 60 skip", "4: 180 replace"]);
  const { items } = await use.engine.schedules.list(0);
  assertEquals(items.map(({ name, count, leftOut }) => [name, count, leftOut?.at]), [
    ["skip", 1, start + 3 * HOUR],
    ["replace", 3, undefined],
  ]);
  assert((await use.engine.explain("reports")).some((line) => line.startsWith('Schedule "skip"')));
  const { ready, pending, totals } = await use.engine.getStream("reports");
  assertEquals([ready, pending, totals.dropped, totals.published], [2, 0, 2, 4]);
});

scheduleTests.add("an expired message is not in the way of the next one", async (use) => {
  await use.createWith("reports", { ttlMs: MINUTE });
  await put(use, "a", { everyMs: HOUR });
  await pass(use, 2 * HOUR, 30 * MINUTE);
  assertEquals((await use.engine.getStream("reports")).nextId, 3);
});

/** What becomes of schedules over the end of an engine. */
export const scheduleRestartTests: EngineTests = new EngineTests();

scheduleRestartTests.add("schedules go on where they were, again and again", async (use) => {
  const start = use.clock.now;
  await use.create("reports");
  const cron = { cron: "0 * * * *", timeZone: "Asia/Kolkata" };
  await put(use, "cron", { ...cron, missed: "all" });
  await put(use, "span", { everyMs: 40 * MINUTE, overlap: "allow", limit: 4, jitterMs: MINUTE });
  await put(use, "paused", { everyMs: HOUR });
  await use.engine.schedules.pause("paused", true);
  await put(use, "gone", { everyMs: HOUR });
  await use.engine.schedules.delete("gone");
  for (let round = 0; round < 6; round++) {
    await pass(use, 20 * MINUTE, 5 * MINUTE);
    const before = (await use.engine.schedules.list(0)).items;
    await use.restart();
    assertEquals((await use.engine.schedules.list(0)).items, before);
    assertEquals(await put(use, "cron", { ...cron, missed: "all" }), false);
  }
  const lines = await stored(use, start);
  const spans = lines.filter((line) => line.endsWith("span"));
  assertEquals(spans.map((line) => line.split(" ")[1]), ["40", "80", "120"].slice(0, spans.length));
  assert(spans.length >= 2);
  // 22:13:20 UTC is 03:43:20 there: full hours are 16:40 minutes away.
  const crons = lines.filter((line) => line.endsWith("cron")).map((line) => line.split(" ")[1]!);
  assertEquals(crons.map((minutes) => Math.round(Number(minutes))), [17, 77]);
  assertEquals(new Set(lines).size, lines.length);
  assertEquals((await use.engine.schedules.list(0)).items.map(({ name }) => name), [
    "cron",
    "span",
    "paused",
  ]);
});

scheduleRestartTests.add("what was missed between two engines is decided once", async (use) => {
  const start = use.clock.now;
  await use.create("reports");
  await put(use, "one", { everyMs: HOUR, overlap: "allow" });
  await put(use, "skip", { everyMs: HOUR, overlap: "allow", missed: "skip" });
  await put(use, "all", { everyMs: HOUR, missed: "all" });
  await pass(use, HOUR, HOUR);
  await use.restartAt(use.clock.date + 3.5 * HOUR);
  await pass(use, 5 * SECOND, SECOND);
  await use.restart();
  await pass(use, 5 * SECOND, SECOND);
  assertEquals((await stored(use, start)).map((line) => line.replace(/^\d+: /, "")).sort(), [
    "120 all",
    "180 all",
    "240 all",
    "240 one",
    "60 all",
    "60 one",
    "60 skip",
  ]);
});

scheduleRestartTests.add(
  "a message that took the place of another stays the only one",
  async (use) => {
    const start = use.clock.now;
    await use.create("reports");
    await put(use, "a", { everyMs: HOUR, overlap: "replace" });
    for (let hour = 1; hour <= 4; hour++) {
      await pass(use, HOUR, 30 * MINUTE);
      assertEquals(await stored(use, start), [`${hour}: ${hour * 60} a`]);
      await use.restart();
    }
    const follower = use.follower("reports");
    assertEquals(await follower.received(1), ["reports:4×1 a"]);
    await follower.ack(1);
    await use.restart();
    assertEquals(await stored(use, start), []);
  },
);
