/**
 * Dates that pass while nobody is there, clocks that are set, and brokers that are made again of what
 * another one has written.
 *
 * @module
 */

import { assert, assertEquals, assertLess } from "@std/assert";
import { Random } from "../../support/random.ts";
import { DAY, HOUR, ScheduledBroker, SECOND } from "./scheduled_broker.ts";

const allow = { overlap: "allow" } as const;
const MINUTE = 60 * SECOND;

/** The dates of what is stored. */
async function datesOf(use: ScheduledBroker): Promise<string[]> {
  return (await use.stored()).map((line) => line.split(" ")[1]!);
}

Deno.test("of missed dates the last one gets a message, and it goes on with the next", async () => {
  for (const timing of [{ everyMs: HOUR }, { cron: "0 * * * *" }]) {
    const use = new ScheduledBroker();
    await use.put("a", { ...timing, ...allow });
    await use.advance(HOUR);
    use.sleep(5.5 * HOUR);
    await use.advance(0);
    assertEquals(await datesOf(use), ["01-01T01:00:00", "01-01T06:00:00"]);
    assertEquals((await use.next("a"))[0], "01-01T07:00:00");
  }
});

Deno.test("missed dates are left out if that is asked for, also the only one", async () => {
  for (const timing of [{ everyMs: HOUR }, { cron: "0 * * * *" }]) {
    const use = new ScheduledBroker();
    await use.put("a", { ...timing, ...allow, missed: "skip" });
    use.sleep(HOUR + 10 * SECOND);
    await use.advance(0);
    assertEquals(await datesOf(use), []);
    assertEquals(await use.explain(), [
      'Schedule "a" has left out 2027-01-01T01:00:00.000Z: the broker came too late.',
    ]);
    use.sleep(5 * HOUR);
    await use.advance(0);
    assertEquals(await datesOf(use), []);
    // Late by less than five seconds is in time.
    use.sleep(HOUR - 10 * SECOND + 3 * SECOND);
    await use.advance(0);
    assertEquals(await datesOf(use), ["01-01T07:00:00"]);
    assertEquals(await use.explain(), []);
  }
});

Deno.test("all missed dates get a message, 1,000 at most", async () => {
  for (const timing of [{ everyMs: MINUTE }, { cron: "* * * * *" }]) {
    const use = new ScheduledBroker();
    await use.put("a", { ...timing, missed: "all" });
    await use.advance(2 * MINUTE);
    use.sleep(3.5 * MINUTE);
    await use.advance(0);
    assertEquals((await datesOf(use)).map((date) => date.slice(9, 11)), [
      "01",
      "02",
      "03",
      "04",
      "05",
    ]);
    use.test.broker.purgeStream("reports");
    use.sleep(DAY);
    await use.advance(SECOND, 1);
    assertEquals((await use.ids()).length, 1000);
    assertEquals((await use.get("a")).count, 1005);
    const sentence = 'Schedule "a" has left out 2027-01-02T00:05:00.000Z: ' +
      "more than 1000 dates were missed, and the others got a message.";
    assertEquals(await use.explain(), [sentence]);
    assertEquals((await use.next("a"))[0], "01-02T00:06:00");
    await use.advance(2 * MINUTE);
    assertEquals((await use.get("a")).count, 1007);
  }
});

Deno.test("what was missed while a broker was down is decided by the next one", async () => {
  const outcomes = {
    one: ["01", "09"],
    skip: ["01"],
    all: ["01", "02", "03", "04", "05", "06", "07", "08", "09"],
  };
  for (const [missed, hours] of Object.entries(outcomes)) {
    for (const timing of [{ everyMs: HOUR }, { cron: "0 * * * *", timeZone: "Asia/Kolkata" }]) {
      const use = new ScheduledBroker("2027-01-01T00:30:00Z");
      // Full hours of the zone are half hours.
      await use.put("a", { ...timing, ...allow, missed: missed as "one" });
      await use.advance(HOUR);
      const next = await use.restart(8.5 * HOUR);
      await next.advance(0);
      assertEquals((await datesOf(next)).map((date) => date.slice(6, 8)), hours, missed);
      assertEquals((await next.next("a"))[0], "01-01T10:30:00");
    }
  }
});

Deno.test("a clock that is set back repeats no date, and one that is set forward leaves none out", async () => {
  const use = new ScheduledBroker();
  await use.put("cron", { cron: "0 * * * *", ...allow, missed: "all" });
  await use.put("span", { everyMs: HOUR, ...allow });
  await use.advance(HOUR + MINUTE);
  use.setClock(-30 * MINUTE);
  await use.advance(MINUTE);
  assertEquals((await use.ids()).length, 2);
  // An interval is a span, and goes on; cron waits for the clock.
  await use.advance(HOUR);
  assertEquals(await use.stored(), [
    "1 01-01T01:00:00 cron",
    "2 01-01T01:00:00 span",
    "3 01-01T01:30:00 span",
  ]);
  await use.advance(30 * MINUTE);
  assertEquals((await use.stored()).at(-1), "4 01-01T02:00:00 cron");
  use.setClock(3 * HOUR);
  await use.advance(SECOND);
  assertEquals((await use.stored()).slice(4).filter((line) => line.endsWith("cron")), [
    "5 01-01T03:00:00 cron",
    "6 01-01T04:00:00 cron",
    "7 01-01T05:00:00 cron",
  ]);
});

Deno.test("over both changes of the clocks in a year, a day has one report", async () => {
  for (const timeZone of ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]) {
    const use = new ScheduledBroker("2027-01-01T12:00:00Z");
    await use.put("a", { cron: "30 2 * * *", timeZone, ...allow });
    await use.put("b", { cron: "45 1 * * *", timeZone, ...allow });
    await use.advance(365 * DAY);
    const { infos } = await use.test.broker.peek("reports", 1, 1000);
    assertEquals(infos.length, 730, timeZone);
  }
});

Deno.test("a virtual year of hours passes quickly, and no hour is missing", async () => {
  const use = new ScheduledBroker();
  await use.put("a", { cron: "0 * * * *", timeZone: "America/New_York", overlap: "replace" });
  const begun = performance.now();
  await use.advance(365 * DAY);
  const ms = performance.now() - begun;
  // Of the hour that comes twice, one.
  assertEquals((await use.get("a")).count, 365 * 24 - 1);
  assertEquals(await use.ids(), [365 * 24 - 1]);
  assertLess(ms, 20_000);
});

Deno.test("a snapshot has all of a schedule, in pieces, and may be followed by what is in it", async () => {
  const use = new ScheduledBroker();
  const { schedules } = use.test.broker;
  for (let count = 0; count < 511; count++) {
    await use.put(`s${count}`, { everyMs: HOUR, jitterMs: MINUTE, limit: 5, until: use.now + DAY });
  }
  await use.put("now", { everyMs: HOUR, now: true, jitterMs: MINUTE });
  await schedules.pause("s1", true);
  await schedules.delete("s2");
  await use.advance(1);
  await use.advance(2.5 * HOUR);
  const { state } = use.test.broker;
  const pieces = [...state.takeSnapshot(use.now, 10_000)];
  assert(pieces.filter(({ piece }) => piece === "schedules").length > 10);
  const copy = JSON.parse(JSON.stringify(pieces));
  const next = await use.restart(0, copy);
  assertEquals(
    [...next.test.broker.state.schedules.all].map((one) => one.describe()),
    [
      ...state.schedules.all,
    ].map((one) => one.describe()),
  );
  for (const event of use.test.events) {
    if (event.type !== "published") next.test.broker.state.apply(event);
  }
  assertEquals((await next.get("s1")).isPaused, true);
});

/** Kills a broker at each of its events, and looks what the next one makes of the rest. */
Deno.test("wherever a broker ends, the next one stores each date once", async () => {
  const use = new ScheduledBroker();
  await use.put("cron", { cron: "*/10 * * * *", missed: "all" });
  await use.put("span", { everyMs: 7 * MINUTE, missed: "all", jitterMs: MINUTE });
  await use.advance(30 * MINUTE);
  await use.put("span", { everyMs: 7 * MINUTE, missed: "all", jitterMs: MINUTE, text: "new" });
  await use.advance(30 * MINUTE);
  const { events } = use.test;
  assert(events.length > 15);
  const end = Date.parse("2027-01-01T02:00:00Z");
  for (let cut = 3; cut <= events.length; cut++) {
    const before = new ScheduledBroker();
    for (const event of events.slice(0, cut)) before.test.events.push(event);
    before.test.now = use.now;
    const next = await before.restart(HOUR / 2);
    await next.advance(end - next.now + 2 * MINUTE);
    const dates = (await next.stored()).map((line) => line.replace(/^\d+ /, "")).sort();
    const cron = dates.filter((line) => line.endsWith("cron"));
    assertEquals(cron.length, 12, `cut at ${cut}: ${cron}`);
    assertEquals(new Set(cron).size, 12);
    const span = dates.filter((line) => !line.endsWith("cron")).map((line) => line.split(" ")[0]);
    assertEquals([span.length, new Set(span).size], [17, 17], `cut at ${cut}: ${span}`);
  }
});

/** Schedules of all kinds in random order with restarts; a date is never stored twice. */
Deno.test("whatever happens, no date is stored twice, and none is stored early (random)", async () => {
  const seed = Number(Deno.env.get("SCHEDULES_SEED") ?? 1 + Math.floor(Math.random() * 1e9));
  const rounds = Number(Deno.env.get("SCHEDULES_ROUNDS") ?? 15);
  for (let round = 0; round < rounds; round++) {
    const random = new Random(seed + round);
    let use = new ScheduledBroker();
    let aheadMs = 0;
    const seen = new Set<string>();
    const says = () => `seed ${seed}, round ${round}`;
    const pick = <Value>(...values: readonly Value[]) => values[random.below(values.length)]!;
    const look = async () => {
      const { infos } = await use.test.broker.peek("reports", 1, 1000);
      const lines = await use.stored();
      lines.forEach((line, index) => {
        const [, date, text] = line.split(" ");
        assert(!seen.has(`${text} ${date}`), `${says()}: twice ${line}`);
        seen.add(`${text} ${date}`);
        const at = infos[index]!.storedAt!;
        assertLess(Date.parse(`2027-${date}Z`) - 1, at + Math.max(0, aheadMs) + 1, says());
      });
      await use.test.broker.purgeStream("reports");
    };
    for (let step = 0; step < 40; step++) {
      const name = pick("a", "b", "c");
      const { schedules } = use.test.broker;
      switch (random.below(9)) {
        case 0:
        case 1: {
          // A name that comes again has other dates: they tell it apart.
          const text = `${name}${step}`;
          const timing = pick({ everyMs: pick(SECOND, MINUTE, HOUR) }, {
            cron: pick("* * * * *", "*/5 * * * *", "0 3 * * *", "15 30 * * * *"),
            timeZone: pick("UTC", "Europe/Berlin", "Australia/Lord_Howe"),
          });
          const missed = pick("one", "skip", "all");
          const overlap = missed === "all" ? "allow" : pick("skip", "allow", "replace");
          const limit = pick(null, 3, 100);
          await use.put(name, { ...timing, missed, overlap, limit, text, now: pick(true, false) });
          break;
        }
        case 2:
          await schedules.pause(name, pick(true, false)).catch(() => {});
          break;
        case 3:
          await schedules.delete(name).catch(() => {});
          break;
        case 4:
          await look();
          use = await use.restart(pick(0, SECOND, HOUR));
          break;
        case 5:
          use.sleep(pick(SECOND, MINUTE, HOUR));
          break;
        case 6:
          await look();
          break;
        default:
          await use.advance(pick(SECOND, 30 * SECOND, 10 * MINUTE), pick(0, SECOND));
      }
    }
    await look();
    aheadMs = 0;
  }
});
