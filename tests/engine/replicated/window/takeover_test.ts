/**
 * How a window takes over, with a log that answers as each test says.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { LogDamageError } from "../../../../src/engine/replicated/chain.ts";
import { RefusedError } from "../../../../src/engine/replicated/log.ts";
import { readRecordHead } from "../../../../src/engine/replicated/record.ts";
import { ScriptedLog } from "./scripted_log.ts";
import {
  Broker,
  epochFields,
  JOURNAL_ID,
  LEASE_MS,
  recordOf,
  settle,
  whenSent,
} from "./window_use.ts";

/** A broker that has asked to take over, and what comes of it. */
function asking(log = new ScriptedLog(), owner = 1) {
  log.isPrompt = false;
  const broker = new Broker(log, owner);
  broker.catchUp();
  const outcome = broker.takeOver().then(() => "active", (error: Error) => error.name);
  return { log, broker, outcome };
}

Deno.test("an epoch record that is answered makes a broker active", async () => {
  const { log, broker, outcome } = asking();
  broker.now = 9000;
  assertEquals(log.open.map(({ expected }) => expected), [0]);
  log.open[0]!.answer();
  assertEquals(await outcome, "active");
  const { epoch, number, position, log: identity } = broker.chain.point;
  assertEquals([epoch, number, position, identity], [1, 0, 0, "L"]);
  assertEquals(broker.counted, ["epoch"]);
  // It was sent at 0.
  assertEquals(broker.lease.endsAt, LEASE_MS * 3 / 4);
  await assertRejects(() => broker.takeOver(), Error, "this broker has");
});

Deno.test("of two brokers that take over at a time one does; the other reads on, and can later", async () => {
  const one = asking();
  const other = asking(one.log, 2);
  one.log.open[1]!.answer();
  one.log.open[0]!.answer();
  assertEquals([await one.outcome, await other.outcome], ["RefusedError", "active"]);
  assertEquals(one.broker.chain.point.epoch, 0);
  assertEquals(one.broker.catchUp(), ["epoch"]);
  one.log.isPrompt = true;
  await one.broker.takeOver();
  assertEquals(one.broker.chain.point.epoch, 2);
  other.broker.append("1");
  await settle();
  assertEquals(other.broker.outcomes, ["1: FencedError"]);
});

Deno.test("an epoch record whose answer is lost is found", async () => {
  const { log, broker, outcome } = asking();
  log.readings.push(new Error("no answer"), "none");
  log.open[0]!.arrive().fail();
  for (let times = 0; times < 2; times++) {
    await whenSent(log);
    log.open[0]!.answer();
  }
  assertEquals(await outcome, "active");
  assertEquals(log.last, 1);
  assertEquals(broker.pauses, [5, 10]);
});

Deno.test("an epoch record that came to nothing is sent again", async () => {
  const { log, outcome } = asking();
  log.open[0]!.fail();
  await whenSent(log);
  log.open[0]!.answer();
  assertEquals(await outcome, "active");
  log.attempts[0]!.arrive();
  assertEquals(log.last, 1);
});

Deno.test("after a doubt another broker's record refuses it, void or not", async () => {
  const { log, outcome } = asking();
  log.records.push(recordOf({ owner: 9 }));
  log.open[0]!.fail();
  assertEquals(await outcome, "RefusedError");
});

Deno.test("after a doubt records that were trimmed meanwhile refuse it", async () => {
  const { log, outcome } = asking();
  log.records.push(...Array.from({ length: 4 }, () => recordOf({ owner: 9 })));
  await log.trim(4);
  log.open[0]!.fail();
  await whenSent(log);
  log.open[0]!.answer();
  assertEquals(await outcome, "RefusedError");
});

Deno.test("without room it is refused, unless an attempt is in doubt", async () => {
  const { log, outcome } = asking();
  log.isFull = true;
  log.open[0]!.answer();
  assertEquals(await outcome, "RefusedError");
  const doubtful = asking();
  doubtful.log.open[0]!.fail();
  doubtful.log.isFull = true;
  for (let times = 0; times < 3; times++) {
    await whenSent(doubtful.log);
    doubtful.log.open[0]!.answer();
  }
  doubtful.log.attempts[0]!.arrive();
  doubtful.log.isFull = false;
  await whenSent(doubtful.log);
  doubtful.log.attempts[0]!.arrive();
  doubtful.log.open[0]!.answer();
  assertEquals(await doubtful.outcome, "active");
});

Deno.test("a shorter log is repaired first", async () => {
  const log = new ScriptedLog();
  const records = [recordOf({}), recordOf({}), recordOf({})];
  log.records.push(...records);
  const broker = new Broker(log, 1, {
    repair: (last) => {
      log.records.push(...records.slice(last));
      return Promise.resolve();
    },
  });
  broker.catchUp();
  log.records.length = 1;
  await broker.takeOver();
  assertEquals(log.last, 4);
});

Deno.test("a shorter log that nobody can repair is damage", async () => {
  const log = new ScriptedLog();
  log.records.push(recordOf({}));
  const broker = new Broker(log);
  broker.catchUp();
  log.records.length = 0;
  await assertRejects(() => broker.takeOver(), LogDamageError, "the log ends before it");
});

Deno.test("an epoch record that would be damage is not sent", async () => {
  const log = new ScriptedLog();
  const broker = new Broker(log);
  await broker.takeOver();
  const next = new Broker(log, 2);
  next.catchUp();
  const takeOver = (journalId: number, fields = {}) =>
    next.window.takeOver(2, journalId, { ...epochFields(0), ...fields });
  await assertRejects(() => takeOver(JOURNAL_ID + 1), LogDamageError, "its journal is 78");
  await assertRejects(() => takeOver(JOURNAL_ID, { position: 5 }), LogDamageError, "position 5");
  await assertRejects(() => takeOver(JOURNAL_ID, { log: "M" }), LogDamageError, "of the log M");
  assertEquals(log.attempts.length, 1);
  await takeOver(JOURNAL_ID);
  const head = readRecordHead(log.at(2)!);
  assertEquals(typeof head === "string" ? head : [head.epoch, head.owner], [2, 2]);
});

Deno.test("a window that is closed gives up", async () => {
  const { log, broker, outcome } = asking();
  broker.window.close();
  log.open[0]!.fail(new RefusedError("Cannot append", "sequence", 5));
  assertEquals(await outcome, "WindowClosedError");
});
