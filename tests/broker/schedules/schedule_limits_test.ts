/**
 * What schedules may not be, and how many there may be.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { BrokerError, type ScheduleInput } from "../../../protocol.ts";
import { SCHEDULES_MAX } from "../../../src/protocol/messages/schedule_settings.ts";
import { DAY, entryOf, HOUR, ScheduledBroker } from "./scheduled_broker.ts";

Deno.test("what is not allowed is refused, and says what is", async () => {
  const use = new ScheduledBroker();
  const { schedules } = use.test.broker;
  const good: ScheduleInput = { stream: "reports", entry: entryOf("x"), everyMs: HOUR };
  const refused = async (input: object, name: string = "a") => {
    const call = () => schedules.put(name, { ...good, ...input } as ScheduleInput);
    const { code, message } = await assertRejects(call, BrokerError);
    return `${code} ${message.replace('Cannot put schedule "a": ', "")}`;
  };
  assertEquals(
    await refused({ everyMs: 999 }),
    "BAD_REQUEST everyMs must be a whole number from 1000 to 3153600000000, found 999",
  );
  const both = "BAD_REQUEST either cron or everyMs must be given, and not both";
  assertEquals(await refused({ cron: "0 0 * * *" }), both);
  assertEquals(await refused({ everyMs: undefined }), both);
  assertEquals(
    await refused({ timeZone: "UTC" }),
    "BAD_REQUEST timeZone is for cron: an interval is the same everywhere",
  );
  assertEquals(
    await refused({ missed: "some" }),
    'BAD_REQUEST missed must be one of one, skip, all, found "some"',
  );
  assertEquals(
    await refused({ missed: "all", overlap: "skip" }),
    'BAD_REQUEST missed "all" stores several messages at once: it needs overlap "allow"',
  );
  assertEquals(
    await refused({ jitterMs: 2 * HOUR }),
    "BAD_REQUEST jitterMs is 7200000, and its next two dates are 3600000 ms apart; at most that is allowed",
  );
  assertEquals(
    await refused({ everyMs: undefined, cron: "0 0 30 2 *" }),
    'BAD_REQUEST Cannot use cron expression "0 0 30 2 *": no date ever comes',
  );
  assertEquals(
    await refused({ stream: "nowhere" }),
    'STREAM_NOT_FOUND Cannot find stream "nowhere": it does not exist',
  );
  assertEquals(
    (await refused({}, "a/b")).slice(0, 64),
    'BAD_REQUEST Cannot put schedule "a/b": the name of a schedule mu',
  );
  assertEquals((await refused({}, "a".repeat(95))).startsWith("BAD_REQUEST"), true);
  assertEquals(await refused({ entry: "%" }), "BAD_REQUEST Cannot read an entry: no base64");
  assertEquals(
    (await refused({ entry: "AAAA" })).startsWith("BAD_REQUEST Cannot read a batch"),
    true,
  );
  assertEquals(
    (await refused({ entry: entryOf("x".repeat(16 * 1024 + 1)) })).slice(0, 17),
    "MESSAGE_TOO_LARGE",
  );
  const withId = entryOf("x", { dedupId: "mine" });
  assertEquals(
    await refused({ entry: withId }),
    "BAD_REQUEST its message has a dedup id: each message of a schedule gets one",
  );
  assertEquals(
    await refused({ entry: entryOf("x", { deliverAt: 1 }) }),
    "BAD_REQUEST its message has deliverAt, which is the same for all dates",
  );
  const headers = { much: "x".repeat(4080) };
  assertEquals((await refused({ entry: entryOf("x", {}, headers) })).includes("headers are"), true);
  assertEquals((await schedules.list(0)).items, []);
});

Deno.test("there are 10,000 schedules at most, and they are listed in pages", async () => {
  const use = new ScheduledBroker();
  for (let count = 0; count < SCHEDULES_MAX; count++) await use.put(`s${count}`, { everyMs: DAY });
  const error = await assertRejects(() => use.put("more", { everyMs: DAY }), BrokerError);
  assertEquals([error.code, error.message], [
    "TOO_MANY_SCHEDULES",
    'Cannot put schedule "more": the limit of 10000 schedules is reached',
  ]);
  assertEquals(await use.put("s5", { everyMs: 2 * DAY }), true);
  const names = new Set<string>();
  let [pages, after] = [0, 0 as number | undefined];
  for (; after !== undefined; pages++) {
    const page: Awaited<ReturnType<typeof use.test.broker.schedules.list>> = await use.test.broker
      .schedules.list(after);
    for (const { name } of page.items) names.add(name);
    after = page.next;
  }
  assertEquals([names.size, pages], [SCHEDULES_MAX, 100]);
});

Deno.test("all schedules together have 16 MiB", async () => {
  const use = new ScheduledBroker();
  const large = entryOf("x".repeat(16_000));
  const error = await assertRejects(async () => {
    for (let count = 0; count < 2000; count++) {
      await use.put(`s${count}`, { everyMs: DAY, entry: large });
    }
  }, BrokerError);
  assertEquals(error.code, "TOO_MANY_SCHEDULES");
  assertEquals(
    error.message.endsWith("all schedules together would have more than 16777216 bytes"),
    true,
  );
});
