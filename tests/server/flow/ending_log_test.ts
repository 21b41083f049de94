/**
 * The log cannot be flooded by who may connect and nothing else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EndingLog } from "../../../src/server/flow/ending_log.ts";
import { Log } from "../../../src/server/log.ts";
import { until } from "../../support/broker/broker.ts";
import { Sessions } from "../../support/wire/sessions.ts";

Deno.test("EndingLog writes twenty lines a second, and counts all others", () => {
  let now = 0;
  const lines: string[] = [];
  const log = new Log({ level: "debug", write: (line) => lines.push(line), now: () => 0 });
  const endings = new EndingLog(log, () => now);
  for (let index = 0; index < 1000; index++) endings.note({ session: index });
  assertEquals(lines.length, 20);
  endings.sweep(now += 999);
  assertEquals(lines.length, 20);
  endings.sweep(now += 1);
  assertEquals(lines.slice(20).map((line) => line.slice(25).trim()), [
    "warning more sessions ended with errors count=980",
  ]);
  now += 5000;
  endings.note({ session: 1000 });
  endings.sweep(now + 5000);
  assertEquals(lines.length, 22);
});

Deno.test("a thousand strangers get an answer each, and a few lines in the log together", async () => {
  await using sessions = new Sessions();
  for (let index = 0; index < 1000; index++) {
    const stranger = sessions.connect();
    await stranger.send(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
    await stranger.expectFatalError("BAD_MAGIC");
    stranger.close();
  }
  await until("they are gone", () => sessions.table.count === 0);
  sessions.passTime(1000);
  assertEquals(sessions.lines.length, 21);
  assertEquals(sessions.lines.at(-1)?.includes("count=980"), true);
});
