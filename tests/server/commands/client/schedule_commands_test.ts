/**
 * The commands about schedules: what they refuse, what they do, and what programs get from them.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BrokerUse } from "../../../support/commands/broker_use.ts";

Deno.test("schedule: mistakes are told, and nothing is put", async () => {
  await using use = await BrokerUse.start();
  await use.fill("reports");
  for (
    const [line, ...says] of [
      ["schedule put a reports", /found 2 words, allowed at least 3/],
      ["schedule put a reports x", /allowed one of --cron and --every/],
      ["schedule put a reports x --every 1h --cron x", /allowed one of --cron and --every/],
      [
        "schedule put a reports x --every soon --missed some --overlap burst --until never --limit 0",
        /--every: found "soon"/,
        /--missed: found "some", allowed one, skip, all/,
        /--overlap: found "burst", allowed skip, allow, replace/,
        /--until: found "never", allowed a date/,
        /--limit: found "0"/,
      ],
      ["schedule put a reports { --every 1h --as json", /the body: found no JSON/],
      ["schedule put a reports x --every 1h --header x", /--header: found "x", allowed name=value/],
      ["schedule put a reports x --every 1ms", /everyMs must be a whole number from 1000/],
      ["schedule put a/b reports x --every 1h", /the name of a schedule must have/],
    ] as [string, ...RegExp[]][]
  ) {
    const said = await use.fail(2, line);
    for (const rule of says) assertMatch(said, rule, line);
  }
  assertMatch(
    await use.fail(1, "schedule put a reports x --cron bad"),
    /Cannot use cron expression "bad": it has 1 field;/,
  );
  assertMatch(await use.fail(7, "schedule put a nowhere x --every 1h"), /STREAM_NOT_FOUND/);
  for (const line of ["schedule rm a --yes", "schedule pause a", "schedule resume a"]) {
    assertMatch(
      await use.fail(7, line),
      /SCHEDULE_NOT_FOUND\)\n"simplemq schedule ls" lists/,
      line,
    );
  }
  assertEquals(await use.cursor.getSchedules(), []);
});

Deno.test("schedule: put, listed, paused, resumed and deleted", async () => {
  await using use = await BrokerUse.start();
  await use.fill("reports");
  const line = "schedule put poll reports {} --as json --every 1h --jitter 1m --limit 5 " +
    "--until 2099-12-31 --key k --priority 7 --lane acme --ttl 10m --header kind=daily " +
    "--missed skip --overlap replace";
  assertEquals(await use.tell(line), [
    'Schedule "poll" is put; "simplemq schedule ls" tells more.',
  ]);
  assertEquals(await use.tell(line), ['Schedule "poll" is so already.']);
  const [schedule] = await use.cursor.getSchedules();
  const { next: _, ...told } = schedule!;
  assertEquals(told, {
    name: "poll",
    stream: "reports",
    body: {},
    headers: { kind: "daily" },
    key: "k",
    priority: 7,
    lane: "acme",
    ttlMs: 600_000,
    everyMs: 3_600_000,
    missed: "skip",
    overlap: "replace",
    jitterMs: 60_000,
    until: Date.parse("2099-12-31"),
    limit: 5,
    isPaused: false,
    count: 0,
  });
  const night = ["schedule", "put", "night", "reports", "daily", "--cron", "30 3 * * *"];
  assertEquals((await use.run([...night, "--time-zone", "Europe/Berlin"])).code, 0);
  await use.tell("schedule pause poll");
  const [head, cron, row] = (await use.print("schedule ls reports")).split("\n");
  assertMatch(head!, /^SCHEDULE +STREAM +WHEN +NEXT +STORED +LAST +STATE$/);
  assertMatch(
    cron!,
    /^night +reports +30 3 \* \* \* Europe\/Berlin +\d{4}-\d\d-\d\dT0[12]:30:00Z +0$/,
  );
  assertMatch(row!, /^poll +reports +every 1h +0 +paused$/);
  assertMatch(await use.fail(2, "schedule rm poll"), /this would delete schedule "poll"/);
  assertEquals(await use.tell("schedule resume poll"), [
    'Schedule "poll" goes on with its next date.',
  ]);
  const json = await use.print("schedule ls --jsonl");
  assertStringIncludes(json, '"name":"poll"');
  assertEquals(await use.tell("schedule rm night --yes"), ['Deleted schedule "night".']);
  assertEquals(await use.tell("schedule rm poll --yes"), ['Deleted schedule "poll".']);
  assertMatch((await use.tell("schedule ls"))[0]!, /There are no schedules/);
});
