/**
 * A cursor's schedules: what is refused before anything is sent, and what comes back as it was put.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BrokerError, type MessageBody, type ScheduleOptions } from "../../../client.ts";
import { startBroker } from "../../support/broker/broker.ts";

Deno.test("schedules: bad arguments are errors before anything is sent", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  const good = { stream: "work", body: 1, everyMs: 1000 };
  // deno-lint-ignore no-explicit-any
  const cases: readonly [any, string, string?][] = [
    [{ ...good, everyMs: undefined }, "either cron or everyMs must be given, and not both"],
    [{ ...good, everyMs: 1 }, "everyMs must be a whole number from 1000"],
    [{ ...good, everyMs: "1s" }, "everyMs must be a whole number from 1000"],
    [{ ...good, overlap: "both" }, "overlap must be one of skip, allow, replace"],
    [{ ...good, jitterMs: -1 }, "jitterMs must be a whole number from 0"],
    [{ ...good, limit: 0 }, "limit must be a whole number from 1"],
    [{ ...good, until: new Date(NaN) }, "until must be a whole number"],
    [{ ...good, priority: 10 }, "priority must be a whole number from 0 to 9"],
    [{ ...good, key: "" }, "key must have 1 to 128 bytes"],
    [{ ...good, stream: "no/stream" }, "a stream name must have"],
    [{ ...good, body: "x".repeat(16 * 1024 + 1) }, "body is 16385 bytes, limit is 16384"],
    [{ ...good, now: "yes" }, "now must be true or false"],
    [good, "the name of a schedule must have 1 to 94", "no/name"],
  ];
  for (const [options, text, name = "a"] of cases) {
    const error = await assertRejects(() => cursor.putSchedule(name, options), RangeError);
    assertStringIncludes(error.message, text);
  }
  await assertRejects(
    () => cursor.putSchedule("a", { ...good, body: () => 1 } as never),
    TypeError,
  );
  await assertRejects(() => cursor.putSchedule("a", { ...good, dedupId: "x" } as never), TypeError);
  const bad = { stream: "work", body: 1, cron: "0 0 30 2 *" };
  const error = await assertRejects(() => cursor.putSchedule("a", bad), BrokerError);
  assertEquals(error.code, "BAD_REQUEST");
  assertEquals(await cursor.getSchedules(), []);
});

Deno.test("schedules: what was put comes back, in messages and in lists, whatever its kind", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  const bodies: MessageBody[] = [
    new Uint8Array([0, 255, 7]),
    "\u{1f355} text",
    { a: [1, null] },
    null,
  ];
  for (const [index, body] of bodies.entries()) {
    const options: ScheduleOptions = {
      stream: "work",
      body,
      headers: { kind: `${index}` },
      everyMs: 1e9,
      until: new Date("2099-01-01"),
      now: true,
    };
    assertEquals(await cursor.putSchedule(`s${index}`, options), { changed: true });
  }
  const listed = await cursor.getSchedules();
  assertEquals(listed.map(({ body }) => body), bodies);
  assertEquals(listed.map(({ until }) => until), bodies.map(() => Date.parse("2099-01-01")));
  const found: unknown[] = [];
  for await (const { body, headers, ack } of take(connection.follower("work").getMessages())) {
    found.push(body);
    assertEquals(headers.kind, `${bodies.findIndex((one) => same(one, body))}`);
    await ack();
    if (found.length === bodies.length) break;
  }
  assertEquals(found.length, bodies.length);
});

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function* take(
  messages: AsyncIterable<
    { body: unknown; headers: Readonly<Record<string, string>>; ack(): unknown }
  >,
) {
  for await (const message of messages) {
    yield { body: message.body, headers: message.headers, ack: () => message.ack() };
  }
}
