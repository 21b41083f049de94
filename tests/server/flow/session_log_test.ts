/**
 * The log cannot be flooded, neither by users nor by clients that only can connect.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { SessionLog } from "../../../src/server/flow/session_log.ts";
import { Log } from "../../../src/server/log.ts";
import { passTurns, until } from "../../support/broker/broker.ts";
import { Sessions } from "../../support/wire/sessions.ts";

Deno.test("SessionLog writes fifty lines a second of each user, and counts all others", () => {
  let now = 0;
  const lines: string[] = [];
  const log = new Log({ level: "info", write: (line) => lines.push(line), now: () => 0 });
  const sessions = new SessionLog(log, () => now);
  for (let index = 0; index < 1000; index++) sessions.note("app", "session opened", { index });
  sessions.note("other", "session opened", { index: 1 });
  assertEquals(lines.length, 51);
  assert(lines.at(-1)!.includes("index=1"), "what one user does hides no line of another");
  sessions.sweep(now += 999);
  assertEquals(lines.length, 51);
  sessions.sweep(now += 1);
  assertEquals(lines.slice(51).map((line) => line.slice(25).trim()), [
    "info more sessions of a user opened or closed user=app count=950",
  ]);
  sessions.note("app", "session opened", { index: 2 });
  assertEquals(lines.length, 53);
});

Deno.test("SessionLog writes twenty lines a second of errors, and counts all others", () => {
  let now = 0;
  const lines: string[] = [];
  const log = new Log({ level: "debug", write: (line) => lines.push(line), now: () => 0 });
  const sessions = new SessionLog(log, () => now);
  for (let index = 0; index < 1000; index++) sessions.noteFailure({ session: index });
  assertEquals(lines.length, 20);
  sessions.sweep(now += 999);
  assertEquals(lines.length, 20);
  sessions.sweep(now += 1);
  assertEquals(lines.slice(20).map((line) => line.slice(25).trim()), [
    "warning more sessions ended with errors count=980",
  ]);
  now += 5000;
  sessions.noteFailure({ session: 1000 });
  sessions.sweep(now + 5000);
  assertEquals(lines.length, 22);
});

Deno.test("SessionLog writes twenty changes a second of each kind and user, and sums up all others", () => {
  let now = 0;
  const lines: string[] = [];
  const log = new Log({ level: "info", write: (line) => lines.push(line), now: () => 0 });
  const sessions = new SessionLog(log, () => now);
  const subject = { stream: "orders" };
  for (let count = 1; count <= 100; count++) {
    sessions.noteChange("stream purged", { subject, count, user: "app", session: 1 });
    sessions.noteChange("stream paused", { subject, user: "app", session: 1 });
  }
  sessions.noteChange("stream purged", { subject, count: 7, user: "other", session: 2 });
  assertEquals(lines.length, 41);
  assert(lines.at(-1)!.includes("stream purged stream=orders count=7 user=other session=2"));
  sessions.sweep(now += 1000);
  const told = lines.slice(41).map((line) => line.slice(25).trim());
  assertEquals(told, [
    `info more changes by a user change="stream purged" user=app changes=80 messages=4840`,
    `info more changes by a user change="stream paused" user=app changes=80`,
  ]);
  sessions.sweep(now += 5000);
  assertEquals(lines.length, 43);
});

Deno.test("a thousand changes of a user give a few lines, and none is uncounted when the broker ends", async () => {
  await using sessions = new Sessions({ logLevel: "info" });
  const client = await sessions.open("busy");
  await client.ask("createStream", "orders");
  for (let index = 0; index < 500; index++) {
    await client.ask("pauseStream", "orders");
    await client.ask("resumeStream", "orders");
  }
  const about = (text: string) => sessions.lines.filter((line) => line.includes(text)).length;
  assertEquals([about("stream paused"), about("stream resumed")], [20, 20]);
  await sessions.table.close(0);
  assertEquals(about('change="stream paused" user=local changes=480'), 1);
  assertEquals(about('change="stream resumed" user=local changes=480'), 1);
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

Deno.test("a thousand sessions of a user within a second give a few lines in the log", async () => {
  await using sessions = new Sessions({ logLevel: "info" });
  for (let index = 0; index < 1000; index++) (await sessions.open("again")).close();
  await passTurns();
  sessions.passTime(1000);
  assert(sessions.lines.length <= 51, `${sessions.lines.length} lines`);
  assert(sessions.lines.at(-1)!.includes(" count=1950"), sessions.lines.at(-1));
});
