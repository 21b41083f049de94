/**
 * Schedules of a cluster: whenever a broker dies, the next one goes on with the date that has its turn, and
 * no date is stored twice. And what a broker of an earlier version says of a later log.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeBatch, encodeBatch } from "../../../../protocol.ts";
import { encodeBase64 } from "../../../../src/protocol/base64.ts";
import { RECORD_VERSION } from "../../../../src/engine/replicated/record.ts";
import { Neighbours } from "../../../../src/engine/replicated/neighbours.ts";
import { type TestBroker, TestCluster } from "../../../support/cluster/test_cluster.ts";
import { chooseLength } from "../../../support/length.ts";

/** At so many moments around a date a broker dies. */
const MOMENTS = chooseLength({ short: 8, long: 100 });

function entryOf(text: string): string {
  const body = new TextEncoder().encode(text);
  return encodeBase64(encodeBatch([{ kind: 1, body }]).buffer);
}

/** The dates that are in the stream, in seconds after the first one, by schedule. */
async function datesIn(
  cluster: TestCluster,
  broker: TestBroker,
): Promise<Record<string, number[]>> {
  const { infos, entries } = await cluster.until(broker.engine.peek("reports", 1, 1000));
  const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
  const dates: Record<string, number[]> = { span: [], cron: [], last: [] };
  for (const { headers, body } of decodeBatch(batch)) {
    // Two brokers tell the calendar from their time by whole milliseconds.
    const date = Math.round(Date.parse(headers.scheduledAt!) / 10) / 100;
    dates[new TextDecoder().decode(body)]!.push(date);
  }
  return dates;
}

Deno.test("schedules of a cluster: a takeover loses no date, and stores none twice", async () => {
  for (let moment = 0; moment < MOMENTS; moment++) {
    const cluster = new TestCluster(1 + moment);
    const first = await cluster.startActive("a");
    await cluster.until(first.use.create("reports"));
    const { schedules } = first.engine;
    const put = (name: string, given: object) =>
      cluster.until(schedules.put(name, { stream: "reports", entry: entryOf(name), ...given }));
    await put("span", { everyMs: 1000, missed: "all" });
    await put("cron", { cron: "* * * * * *", missed: "all" });
    await put("last", { everyMs: 2000, overlap: "replace" });
    const second = cluster.start("b");
    await cluster.pass(4000 + Math.floor(moment * 1000 / MOMENTS));
    first.kill();
    await cluster.until(second.cluster.opening);
    const third = cluster.start("c");
    await cluster.pass(3300);
    second.kill();
    await cluster.until(third.cluster.opening);
    await cluster.pass(4000);
    const dates = await datesIn(cluster, third);
    for (const name of ["span", "cron"]) {
      const found = dates[name]!;
      assert(found.length >= 14, `moment ${moment}: ${name} ${found}`);
      const expected = found.map((_, index) => found[0]! + index);
      assertEquals(found, expected, `moment ${moment}: ${name}`);
    }
    assertEquals(dates.last!.length, 1, `moment ${moment}: ${dates.last}`);
    assertEquals([first.failure, second.failure, third.failure], [undefined, undefined, undefined]);
    await cluster.until(third.engine.close());
  }
});

Deno.test("versions: a standby of an earlier version ends at the first record of a later one, and says so", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("reports"));
  const standby = cluster.start("b");
  await cluster.pass(1000);
  assertEquals([standby.failure, standby.seat.role], [undefined, "standby"]);
  const { last } = await cluster.until(first.log.bounds());
  first.kill();
  // What a broker of the next version would write.
  const later = new Uint8Array(100);
  later.set(new TextEncoder().encode("SMQR"));
  new DataView(later.buffer).setUint32(4, RECORD_VERSION + 1);
  await cluster.until(standby.log.append(last, later));
  await cluster.pass(5000);
  assertMatch(
    standby.failure!.message,
    new RegExp(
      `this broker knows record versions up to ${RECORD_VERSION}, and it is of a later one; ` +
        "use the broker that wrote it, or a later one",
    ),
  );
});

Deno.test("versions: the status names brokers of an earlier version, which have to be upgraded first", () => {
  const neighbours = new Neighbours("a", 1);
  const said = { address: "b:9090", role: "standby", version: "0.1.0", sequence: 0, turn: 2 };
  neighbours.hear(JSON.stringify({ ...said, id: "b", recordVersion: RECORD_VERSION - 1 }), 0, 0);
  neighbours.hear(
    JSON.stringify({ ...said, id: "c", recordVersion: RECORD_VERSION, turn: 3 }),
    0,
    0,
  );
  assertEquals(neighbours.findProblems(1000, 2000), [
    "broker b is of an earlier version, and ends when one of this version is active: upgrade it",
  ]);
});
