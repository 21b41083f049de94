/**
 * Metrics of what a stream has only if it is asked for: breakers, schedules, cancelled messages.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type BrokerServer, serve } from "../../../server.ts";
import type { Connection } from "../../../client.ts";
import { createMemoryEngine } from "../../../src/engine/memory.ts";
import { encodeBatch } from "../../../protocol.ts";
import { encodeBase64 } from "../../../src/protocol/base64.ts";

const MEMORY = {
  port: 0,
  storage: { engine: "memory" },
  http: { port: 0 },
  logLevel: "error",
} as const;

/** The message of a schedule, as a client sends it. */
const REPORT = encodeBase64(
  encodeBatch([{ kind: 1, body: new TextEncoder().encode("report") }]).buffer,
);

/** The samples of a page, by name and labels. */
async function scrape(broker: BrokerServer, path = "/metrics"): Promise<Map<string, number>> {
  const text = await (await fetch(`http://localhost:${broker.http!.port}${path}`)).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }));
}

/** Fails two messages of a stream at the fault of its service. */
async function failTwice(connection: Connection, stream: string): Promise<void> {
  await connection.publisher(stream).sendMessages(["1", "2", "3"]);
  let count = 0;
  for await (const message of connection.follower(stream).getMessages()) {
    await message.nack({ reason: "503", fault: "downstream" });
    if (++count === 2) break;
  }
}

Deno.test("metrics tell of breakers, of streams that have one and in all", async () => {
  await using broker = await serve(MEMORY);
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("mails", { breaker: { failures: 2, openMs: 3_600_000 } });
  await cursor.createStream("well", { breaker: { failures: 2 } });
  await cursor.createStream("plain");
  await failTwice(connection, "mails");
  const streams = await scrape(broker, "/metrics/streams");
  const read = (name: string) =>
    ["mails", "well", "plain"].map((stream) => streams.get(`${name}{stream="${stream}"}`));
  assertEquals(read("simplemq_open_breakers"), [1, 0, undefined]);
  assertEquals(read("simplemq_breaker_openings_total"), [1, 0, undefined]);
  const whole = await scrape(broker);
  assertEquals(whole.get("simplemq_open_breakers"), 1);
  await cursor.resumeStream("mails");
  await cursor.deleteStream("mails");
  const later = await scrape(broker);
  assertEquals(later.get("simplemq_open_breakers"), 0);
  assertEquals(later.get("simplemq_breaker_openings_total"), 1);
});

Deno.test("metrics count the lanes that wait, and the limits that are closed", async () => {
  await using broker = await serve(MEMORY);
  await using connection = await broker.connect({ drainMs: 0 });
  const cursor = connection.cursor();
  await cursor.putLimit("calls", { maxPending: 1 });
  await cursor.createStream("films", { laneLimits: { maxPending: 1 } });
  await cursor.createStream("mails", { sharedLimit: "calls" });
  await cursor.createStream("plain");
  for (const lane of ["a", "b", "c"]) {
    await connection.publisher("films").sendMessages(["1", "2"], { lane });
  }
  await cursor.setLane("films", "c", { isPaused: true });
  await connection.publisher("mails").sendMessages(["1", "2"]);
  const [films, mails] = ["films", "mails"].map((stream) =>
    connection.follower(stream, { prefetch: 10 }).getMessages()
  );
  const held = await films!.next();
  await mails!.next();
  const streams = await scrape(broker, "/metrics/streams");
  const read = (name: string) =>
    ["films", "mails", "plain"].map((stream) => streams.get(`${name}{stream="${stream}"}`));
  assertEquals(read("simplemq_waiting_lanes"), [3, undefined, undefined]);
  assertEquals(read("simplemq_limited_lanes")[0]! >= 2, true);
  assertEquals(read("simplemq_limited_streams"), [undefined, 1, undefined]);
  assert(![...streams.keys()].some((key) => key.includes("lane=")));
  const whole = await scrape(broker);
  assertEquals(whole.get("simplemq_waiting_lanes"), 3);
  assertEquals(whole.get("simplemq_shared_limits"), 1);
  assertEquals(whole.get("simplemq_closed_shared_limits"), 1);
  assertEquals(whole.get("simplemq_shared_limit_pending_messages"), 1);
  const found = await cursor.getStream("mails");
  assertEquals(found.limitedBy, 'limit "calls": 1 of 1 pending');
  await held.value!.ack({ confirm: true });
});

Deno.test("metrics count cancelled messages", async () => {
  await using broker = await serve(MEMORY);
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("films");
  await connection.publisher("films").sendMessages(["1", "2", "3"], { key: "acme" });
  await cursor.cancel("films", 1, { deadLetter: true });
  await cursor.cancelAll("films", { key: "acme" });
  const whole = await scrape(broker);
  assertEquals(whole.get("simplemq_cancelled_messages_total"), 2);
  assertEquals(whole.get('simplemq_dead_messages_total{cause="cancelled"}'), 1);
  assertEquals(whole.get("simplemq_replaced_messages_total"), 0);
});

Deno.test("metrics count schedules, their messages and the dates that got none", async () => {
  let now = 1_000_000;
  const engine = createMemoryEngine({ memoryLimit: 1024 * 1024, now: () => now });
  await engine.createStream("reports", { maxMessages: 2 });
  const { schedules } = engine.counters;
  assertEquals([schedules.count, schedules.lateMs], [0, 0]);
  const entry = REPORT;
  await engine.schedules.put("hourly", { stream: "reports", entry, everyMs: 3_600_000 });
  await engine.schedules.put("often", {
    stream: "reports",
    entry,
    everyMs: 1000,
    overlap: "allow",
  });
  await engine.schedules.put("once", { stream: "reports", entry, everyMs: 5000 });
  await engine.schedules.pause("hourly", true);
  const pass = async (ms: number) => {
    now += ms;
    engine.tick(now);
    await engine.whenDurable();
    engine.tick(now);
  };
  await pass(1000);
  await pass(1000);
  assertEquals([schedules.count, schedules.paused, schedules.stored], [3, 1, 2]);
  assertEquals([schedules.failing, schedules.lateMs], [0, 0]);
  await pass(1000);
  assertEquals([schedules.failing, schedules.lateMs], [1, 0]);
  now += 400;
  assertEquals([schedules.failing, schedules.lateMs], [1, 400]);
  await engine.schedules.delete("often");
  await engine.purgeStream("reports");
  await pass(1600);
  await pass(5000);
  assertEquals([schedules.stored, schedules.leftOut.overlap], [3, 1]);
  await pass(12_000);
  assertEquals([schedules.stored, schedules.leftOut.overlap], [3, 2]);
  await engine.close();
});

Deno.test("the series of the broker as a whole are the same whatever there is", async () => {
  await using broker = await serve(MEMORY);
  await using connection = await broker.connect();
  const before = await scrape(broker);
  const cursor = connection.cursor();
  await cursor.createStream("mails", { breaker: { failures: 2 } });
  for (let number = 0; number < 20; number++) {
    const options = { stream: "mails", body: "x", everyMs: 3_600_000 } as const;
    await cursor.putSchedule(`schedule-${number}`, options);
  }
  const after = await scrape(broker);
  assertEquals([...after.keys()], [...before.keys()]);
  assertEquals(after.get("simplemq_schedules"), 20);
});
