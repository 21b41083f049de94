/**
 * The commands about lanes and limits: what they refuse, what they do, and what programs get from them.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { BrokerUse } from "../../../support/commands/broker_use.ts";

Deno.test("lane and limit: mistakes are told, and nothing is set", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders");
  for (
    const [line, ...says] of [
      ["lane set orders acme", /allowed --reset alone, or some of/],
      ["lane set orders acme --reset --weight 2", /allowed --reset alone/],
      [
        "lane set orders acme --max-pending 0 --rate fast --weight 2000 --paused maybe",
        /--max-pending: found "0"/,
        /--rate: found "fast"/,
        /--weight: found "2000"/,
        /--paused: found "maybe", allowed true, false/,
      ],
      ["lane ls orders --by size", /--by: found "size", allowed waiting, pending, name/],
      ["limit put api", /allowed some of --max-pending, --rate/],
      ["limit put a/b --max-pending 1", /the name of a limit must be one as of a stream/],
    ] as [string, ...RegExp[]][]
  ) {
    const said = await use.fail(2, line);
    for (const rule of says) assertMatch(said, rule, line);
  }
  assertMatch(await use.fail(7, "lane set nowhere acme --weight 2"), /STREAM_NOT_FOUND/);
  assertMatch(
    await use.fail(7, "limit rm api --yes"),
    /LIMIT_NOT_FOUND\)\n"simplemq limit ls" lists/,
  );
  assertEquals([await use.cursor.getLanes("orders"), await use.cursor.getLimits()], [[], []]);
});

Deno.test("lane: set, listed and reset", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders");
  await use.tell("lane set orders acme --max-pending 2 --rate 10/1s --weight 3 --paused true");
  await use.tell("lane set orders acme --rate none");
  const settings = { maxPending: 2, rate: null, weight: 3, isPaused: true };
  const [lane] = await use.cursor.getLanes("orders", { by: "name" });
  assertEquals(lane?.settings, settings);
  const rows = JSON.parse(await use.print("lane ls orders --by name --json"));
  assertEquals(rows[0].settings, settings);
  assertMatch(await use.print("lane ls orders"), /max-pending 2, rate none, weight 3, paused/);
  await use.tell("lane set orders acme --reset");
  assertEquals(await use.cursor.getLanes("orders", { by: "name" }), []);
});

Deno.test("limit: put, listed and removed", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders");
  assertEquals(await use.tell("limit put api --max-pending 2 --rate 10/1s"), [
    'Limit "api" is put.',
  ]);
  assertEquals(await use.tell("limit put api --max-pending 2 --rate 10/1s"), [
    'Limit "api" is so already.',
  ]);
  await use.cursor.updateStream("orders", { sharedLimit: "api" });
  assertMatch(await use.print("limit ls"), /api\s+2\s+10\/1s\s+0\s+orders/);
  assertMatch(
    await use.print("limit rm api --dry-run"),
    /remove limit "api", which 1 stream goes by/,
  );
  await use.tell("limit rm api --yes");
  assertEquals(await use.cursor.getLimits(), []);
});
