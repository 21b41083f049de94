/**
 * Cron expressions and their dates: the grammar is that of croner, the time zones are ours.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { BrokerError } from "../../protocol.ts";
import { CronerReader } from "../../src/engine/cron.ts";
import { TimeZone } from "../../src/engine/time_zone.ts";

const reader = new CronerReader();
await reader.load();

/** The first dates of an expression after another one. */
function datesOf(expression: string, zone: string, after: string, count: number = 3): string[] {
  reader.check(expression, zone);
  const dates = reader.read(expression, zone);
  const found: string[] = [];
  for (let date = dates.next(Date.parse(after)); found.length < count; date = dates.next(date)) {
    if (date === undefined) break;
    found.push(new Date(date).toISOString().replace(":00.000Z", "Z"));
  }
  return found;
}

Deno.test("cron: five fields, or six with seconds in front", () => {
  assertEquals(datesOf("30 3 * * *", "UTC", "2027-01-01T03:29:59.999Z", 2), [
    "2027-01-01T03:30Z",
    "2027-01-02T03:30Z",
  ]);
  assertEquals(datesOf("30 3 * * *", "UTC", "2027-01-01T03:30Z", 1), ["2027-01-02T03:30Z"]);
  assertEquals(datesOf("*/20 * * * * *", "UTC", "2027-01-01T00:00:00.001Z", 2), [
    "2027-01-01T00:00:20.000Z",
    "2027-01-01T00:00:40.000Z",
  ]);
  assertEquals(datesOf("0 9 * JAN MON-TUE", "UTC", "2027-01-05T09:00Z", 2), [
    "2027-01-11T09:00Z",
    "2027-01-12T09:00Z",
  ]);
  assertEquals(datesOf("0 0 L * *", "UTC", "2027-02-01T00:00Z", 2), [
    "2027-02-28T00:00Z",
    "2027-03-31T00:00Z",
  ]);
});

Deno.test("cron: the 29th of February comes every four years", () => {
  assertEquals(datesOf("0 12 29 2 *", "UTC", "2026-11-30T00:00Z", 3), [
    "2028-02-29T12:00Z",
    "2032-02-29T12:00Z",
    "2036-02-29T12:00Z",
  ]);
  // 2100 has none.
  assertEquals(datesOf("0 12 29 2 *", "UTC", "2096-03-01T00:00Z", 1), ["2104-02-29T12:00Z"]);
});

/** Three zones: an hour in the north, an hour in the west, half an hour in the south. */
const GAPS = [
  // 02:00 to 03:00 is left out, at 01:00 UTC.
  ["Europe/Berlin", "30 2 * * *", "2027-03-27T12:00Z", "2027-03-28T01:00Z", "2027-03-29T00:30Z"],
  // 02:00 to 03:00 is left out, at 07:00 UTC.
  ["America/New_York", "30 2 * * *", "2027-03-13T12:00Z", "2027-03-14T07:00Z", "2027-03-15T06:30Z"],
  // 02:00 to 02:30 is left out, at 15:30 UTC.
  [
    "Australia/Lord_Howe",
    "15 2 * * *",
    "2027-10-02T00:00Z",
    "2027-10-02T15:30Z",
    "2027-10-03T15:15Z",
  ],
] as const;

for (const [zone, cron, after, ...dates] of GAPS) {
  Deno.test(`cron: a time that clocks leave out comes right after the gap (${zone})`, () => {
    assertEquals(datesOf(cron, zone, after, 2), [...dates]);
  });
}

Deno.test("cron: several times in a gap are one date, and one at its end is no second one", () => {
  const berlin = (cron: string) => datesOf(cron, "Europe/Berlin", "2027-03-28T00:40Z", 2);
  assertEquals(berlin("*/15 2,3 * * *"), ["2027-03-28T01:00Z", "2027-03-28T01:15Z"]);
  assertEquals(berlin("0,30 2 * * *"), ["2027-03-28T01:00Z", "2027-03-29T00:00Z"]);
  // Each hour is an hour after the one before: 01:00, then 03:00 on the clocks.
  assertEquals(berlin("0 * * * *"), ["2027-03-28T01:00Z", "2027-03-28T02:00Z"]);
});

const TWICE = [
  // 02:00 to 03:00 comes twice, from 00:00 UTC and from 01:00 UTC.
  ["Europe/Berlin", "30 2 * * *", "2027-10-30T12:00Z", "2027-10-31T00:30Z", "2027-11-01T01:30Z"],
  // 01:00 to 02:00 comes twice, from 05:00 UTC and from 06:00 UTC.
  ["America/New_York", "30 1 * * *", "2027-11-06T12:00Z", "2027-11-07T05:30Z", "2027-11-08T06:30Z"],
  // 01:30 to 02:00 comes twice, from 14:30 UTC and from 15:00 UTC.
  [
    "Australia/Lord_Howe",
    "45 1 * * *",
    "2027-04-03T00:00Z",
    "2027-04-03T14:45Z",
    "2027-04-04T15:15Z",
  ],
] as const;

for (const [zone, cron, after, ...dates] of TWICE) {
  Deno.test(`cron: of a time that comes twice the first one counts (${zone})`, () => {
    assertEquals(datesOf(cron, zone, after, 2), [...dates]);
  });
}

Deno.test("cron: from within the second of two equal hours, it goes on behind them", () => {
  const berlin = (cron: string, after: string) => datesOf(cron, "Europe/Berlin", after, 2);
  for (const after of ["2027-10-31T01:00Z", "2027-10-31T01:20Z", "2027-10-31T01:59:59.999Z"]) {
    assertEquals(berlin("*/30 * * * *", after), ["2027-10-31T02:00Z", "2027-10-31T02:30Z"]);
    assertEquals(berlin("* * * * * *", after)[0], "2027-10-31T02:00Z");
  }
  assertEquals(berlin("*/30 * * * *", "2027-10-31T00:30Z")[0], "2027-10-31T02:00Z");
});

Deno.test("cron: over two years of hours, dates are where the clocks of a zone show them", () => {
  for (const zone of ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"]) {
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hour: "numeric",
      minute: "numeric",
      hourCycle: "h23",
    });
    const dates = datesOf("30 3,14 * * *", zone, "2026-12-31T23:00Z", 1460);
    assertEquals(dates.length, 1460);
    for (let index = 1; index < dates.length; index++) {
      assertLess(dates[index - 1]!, dates[index]!);
    }
    // Where 03:30 was in a gap, it is 04:00 or the like.
    const shown = dates.map((date) => format.format(new Date(date)));
    const others = shown.filter((text) => text !== "03:30" && text !== "14:30");
    assert(others.length <= 2, `${zone}: ${others}`);
  }
});

Deno.test("cron: what is no expression is refused, and says why", () => {
  const refused = (expression: string, zone: string = "UTC") => {
    const error = assertThrows(() => reader.check(expression, zone), BrokerError);
    assertEquals(error.code, "BAD_REQUEST");
    return error.message.replace(/^Cannot use /, "");
  };
  assertEquals(
    refused("* * * *"),
    'cron expression "* * * *": it has 4 fields; five are allowed, or six with seconds first',
  );
  assertEquals(refused("@daily").includes("it has 1 field;"), true);
  assertEquals(refused("* * * * * * 2027").includes("it has 7 fields"), true);
  assertEquals(refused("0 0 30 2 *"), 'cron expression "0 0 30 2 *": no date ever comes');
  assertEquals(refused("0 0 31 4,6 *"), 'cron expression "0 0 31 4,6 *": no date ever comes');
  assertEquals(refused("60 * * * *"), 'cron expression "60 * * * *": Invalid value for minute: 60');
  assertEquals(refused("a * * * *").includes("illegal characters"), true);
  assertEquals(refused("5-1 * * * *").includes("larger"), true);
  assertEquals(
    refused("* * * * *", "Mars/Phobos"),
    'time zone "Mars/Phobos": this system does not know it; a name such as "Europe/Berlin" is expected',
  );
});

Deno.test("cron: many expressions are read again when they have been put away", () => {
  const all = Array.from({ length: 200 }, (_, minute) => {
    return reader.read(`${minute % 60} ${minute % 24} * * *`, "Europe/Berlin");
  });
  for (let round = 0; round < 2; round++) {
    all.forEach((dates, minute) => {
      const date = new Date(dates.next(Date.parse("2027-01-01T00:00Z"))!);
      assertEquals([date.getUTCMinutes(), (date.getUTCHours() + 1) % 24], [
        minute % 60,
        minute % 24,
      ]);
    });
  }
});

Deno.test("time zones: offsets are those of the system, wherever they are asked for", () => {
  for (
    const name of ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"]
  ) {
    const zone = new TimeZone(name);
    const format = new Intl.DateTimeFormat("sv-SE", {
      timeZone: name,
      dateStyle: "short",
      timeStyle: "medium",
    });
    let date = Date.parse("2026-01-01T00:00:00Z");
    for (let count = 0; count < 4000; count++) {
      // Back and forth, by hours and by months.
      date += ((count * 7919) % 1000 - 480) * 3_600_000 / 4;
      const wall = new Date(zone.wallOf(date)).toISOString().slice(0, 19).replace("T", " ");
      assertEquals(wall, format.format(new Date(date)), `${name} ${date}`);
      const first = zone.dateOf(zone.wallOf(date));
      assert(first === date || first < date && zone.wallOf(first) === zone.wallOf(date));
    }
  }
});
