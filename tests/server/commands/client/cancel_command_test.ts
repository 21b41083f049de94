/**
 * The command that cancels messages: what it refuses, counts and does.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { BrokerUse } from "../../../support/commands/broker_use.ts";

Deno.test("cancel: what selects is checked, and a dry run counts", async () => {
  await using use = await BrokerUse.start();
  await use.fill("films", "one", "two");
  for (
    const [line, rule] of [
      ["cancel films", /found nothing that selects, allowed ids, or one of --lane, --key/],
      ["cancel films 1 --key a", /found ids and flags that select/],
      ["cancel films --lane b --key a", /found several things that select/],
      ["cancel films 1 --limit 2", /--limit: allowed only without ids/],
      ["cancel films x", /allowed the id of a message/],
      ["cancel films 1 2", /would cancel 2 messages of "films", and there is nobody to ask/],
    ] as [string, RegExp][]
  ) {
    assertMatch(await use.fail(2, line), rule, line);
  }
  assertMatch(await use.fail(7, "cancel nothing 1 --yes"), /STREAM_NOT_FOUND/);
  const publisher = use.connection.publisher("films");
  await publisher.sendMessages(["a", "b", "c"], { key: "film-7", lane: "acme" });
  await publisher.sendMessage("d", { key: "film-7", delayMs: 60_000 });
  const count = async (line: string) =>
    JSON.parse(await use.print(`cancel films ${line} --dry-run --json`)).count;
  assertEquals(await count("--key film-7"), 4);
  assertEquals(await count("--lane acme --limit 2"), 2);
  assertEquals(await count("--lane none"), 0);
  assertEquals((await use.cursor.getStream("films")).ready, 5);
});

Deno.test("cancel: messages by id, by lane and by key", async () => {
  await using use = await BrokerUse.start();
  await use.fill("films", "one", "two", "three");
  assertEquals(await use.tell("cancel films 1 9 --yes"), [
    "Cancelled 1 message: 1 ready. 1 was gone before.",
  ]);
  const publisher = use.connection.publisher("films");
  await publisher.sendMessages(["a", "b", "c"], { lane: "acme" });
  await publisher.sendMessage("d", { key: "film-7", delayMs: 60_000 });
  assertEquals(await use.tell("cancel films --lane acme --limit 2 --yes --dead-letter"), [
    "Cancelled 2 messages: 2 ready.",
  ]);
  assertEquals((await use.cursor.peek("films.dead")).map(({ deadLetter }) => deadLetter?.cause), [
    "cancelled",
    "cancelled",
  ]);
  assertMatch(await use.print("dead ls films --cause cancelled"), /cancelled/);
  assertEquals(
    JSON.parse(await use.print("cancel films --key film-7 --yes --json")),
    { count: 1, ready: 0, delayed: 1, pending: 0, gone: 0 },
  );
  assertEquals((await use.cursor.getStream("films")).totals.cancelled, 2);
});
