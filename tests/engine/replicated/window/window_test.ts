/**
 * The window of the active broker, with a log that answers as each test says.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FencedError, LogDamageError } from "../../../../src/engine/replicated/chain.ts";
import { LeaderlessError, RefusedError } from "../../../../src/engine/replicated/log.ts";
import { RECORD_TYPES } from "../../../../src/engine/replicated/record.ts";
import {
  activeBroker,
  Broker,
  bytesOf,
  LEASE_MS,
  readTexts,
  recordOf,
  settle,
  whenSent,
} from "./window_use.ts";

Deno.test("records are under way up to the pipeline, each behind the one before", async () => {
  const broker = await activeBroker();
  broker.append("1", "2", "3", "4", "5");
  assertEquals(broker.log.open.map(({ expected }) => expected), [1, 2, 3, 4]);
  assertEquals(broker.window.pendingCount, 5);
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1"]);
  assertEquals(broker.log.open.map(({ expected }) => expected), [2, 3, 4, 5]);
});

Deno.test("an answer counts when all before it have come", async () => {
  const broker = await activeBroker();
  broker.append("1", "2", "3");
  for (const attempt of broker.log.open) attempt.arrive();
  const [first, second, third] = broker.log.open;
  third!.answer();
  second!.answer();
  await settle();
  assertEquals(broker.outcomes, []);
  first!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1", "2", "3"]);
  assertEquals(broker.counted, ["epoch", "1", "2", "3"]);
  assertEquals(broker.window.doubtCount, 0);
});

Deno.test("a record behind a stranger's is stored and answered, and does not count there", async () => {
  const broker = await activeBroker();
  broker.append("1", "2", "3");
  const [first, second, third] = broker.log.open;
  broker.log.records.push(recordOf({ owner: 9, number: 3 }, "stranger"));
  second!.arrive();
  third!.arrive();
  third!.answer();
  second!.answer();
  await settle();
  assertEquals(broker.outcomes, []);
  first!.answer();
  await settle();
  // Three void records were passed over, then the first one goes alone.
  assertEquals(broker.counted.slice(1), ["void", "void", "void"]);
  assertEquals(broker.log.open.map(({ expected }) => expected), [4]);
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.log.open.map(({ expected }) => expected), [5, 6]);
  broker.log.open.forEach((attempt) => attempt.answer());
  await settle();
  assertEquals(broker.outcomes, ["1", "2", "3"]);
  assertEquals(readTexts(broker.log), ["1", "2", "3"]);
});

Deno.test("a record whose answer is lost is found, and not stored again", async () => {
  const broker = await activeBroker();
  broker.append("1", "2");
  const [first, second] = broker.log.open;
  first!.arrive().fail();
  await settle();
  assertEquals(broker.outcomes, ["1"]);
  second!.answer();
  await settle();
  // The answer came too late, and the second attempt is refused.
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1", "2"]);
  assertEquals(broker.log.last, 3);
});

Deno.test("an old answer that nothing is there costs a round, and no more", async () => {
  const broker = await activeBroker();
  broker.append("1");
  broker.log.readings.push("none");
  broker.log.open[0]!.arrive().fail();
  await settle();
  await settle();
  assertEquals(broker.outcomes, []);
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1"]);
  assertEquals(broker.counted, ["epoch", "1"]);
  assertEquals(broker.pauses, [5]);
});

Deno.test("a log that does not answer is asked again, with longer pauses", async () => {
  const broker = await activeBroker();
  broker.append("1");
  const silence = Array.from({ length: 9 }, () => new Error("no answer"));
  broker.log.readings.push(...silence);
  broker.log.open[0]!.fail();
  await whenSent(broker.log);
  assertEquals(broker.pauses, [5, 10, 20, 40, 80, 160, 250, 250, 250, 250]);
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1"]);
});

Deno.test("with nothing in doubt any more the log is not asked", async () => {
  const broker = await activeBroker();
  broker.append("1");
  const { read } = broker.log;
  let readCount = 0;
  broker.log.read = function (sequence) {
    if (readCount++ === 0) return read.call(this, sequence);
    return Promise.reject(new Error("no answer"));
  };
  broker.log.open[0]!.arrive().fail();
  await settle();
  assertEquals([broker.outcomes, readCount], [["1"], 2]);
  broker.append("2");
  broker.log.open[0]!.answer();
  await settle();
  assertEquals([broker.outcomes, broker.pauses], [["1", "2"], []]);
});

Deno.test("an answer with another sequence than expected is a doubt", async () => {
  const broker = await activeBroker();
  broker.append("1");
  broker.log.open[0]!.answerWith(7);
  await settle();
  await settle();
  assertEquals(broker.outcomes, []);
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1"]);
});

Deno.test("a record that is stored twice counts once", async () => {
  const broker = await activeBroker();
  broker.append("1");
  const [first] = broker.log.open;
  first!.fail();
  await settle();
  await settle();
  const [again] = broker.log.open;
  first!.arrive();
  // The log has it twice, as after a repair that did not know.
  broker.log.records.push(again!.record);
  again!.fail();
  await settle();
  assertEquals(broker.outcomes, ["1"]);
  assertEquals(broker.counted.slice(1), ["1", "void"]);
  broker.append("2");
  broker.log.open.at(-1)!.answer();
  await settle();
  assertEquals(readTexts(broker.log), ["1", "2"]);
});

Deno.test("a higher epoch ends it; what was stored before it counts", async () => {
  const broker = await activeBroker();
  broker.append("1", "2");
  const [first, second] = broker.log.open;
  first!.arrive().fail();
  const other = new Broker(broker.log, 2);
  other.catchUp();
  broker.log.isPrompt = true;
  await other.takeOver();
  // The second one fits by its number, behind the epoch record.
  broker.log.records.push(second!.record);
  second!.answerWith(3);
  await settle();
  assertEquals(broker.outcomes, ["1", "2: FencedError"]);
  const error = await assertRejects(
    () => broker.window.append(RECORD_TYPES.heartbeat, 0, bytesOf("{}")),
    FencedError,
  );
  assertEquals(error.fields?.id, "b");
  assertEquals(
    error.message,
    "Cannot go on as the active broker: broker b has taken over; " +
      "only the last one that took over appends",
  );
  assertEquals(broker.counted, ["epoch", "1"]);
  assertEquals(readTexts(broker.log), ["1"]);
});

Deno.test("a broker whose next records were trimmed by another one is fenced", async () => {
  const broker = await activeBroker();
  broker.append("1");
  broker.log.records.push(...Array.from({ length: 5 }, () => recordOf({ owner: 9 })));
  await broker.log.trim(5);
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1: FencedError"]);
});

Deno.test("a shorter log is repaired, then it goes on", async () => {
  const repaired: number[] = [];
  const copies: Uint8Array[] = [];
  const broker: Broker = await activeBroker({
    repair: (last) => {
      repaired.push(last);
      if (repaired.length === 1) return Promise.reject(new Error("no answer"));
      broker.log.records.push(...copies.slice(last));
      return Promise.resolve();
    },
  });
  broker.append("1", "2");
  broker.log.open.forEach((attempt) => attempt.answer());
  await settle();
  copies.push(...broker.log.records);
  broker.log.records.length = 1;
  broker.append("3");
  broker.log.open[0]!.answer();
  await whenSent(broker.log);
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(repaired, [1, 1]);
  assertEquals(broker.outcomes, ["1", "2", "3"]);
  assertEquals(readTexts(broker.log), ["1", "2", "3"]);
});

Deno.test("a refusal of a node that lags behind is no shorter log", async () => {
  const broker = await activeBroker({ repair: () => Promise.reject(new LogDamageError(1, "no")) });
  broker.append("1");
  broker.log.open[0]!.answer();
  await settle();
  broker.append("2");
  broker.log.open[0]!.fail(new RefusedError("Cannot append", "sequence", 1));
  await settle();
  await settle();
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1", "2"]);
});

Deno.test("a shorter log that cannot be repaired is damage", async () => {
  const unrepaired = await activeBroker();
  const other = await activeBroker({ repair: () => Promise.reject(new LogDamageError(1, "no")) });
  for (const broker of [unrepaired, other]) {
    broker.append("1");
    broker.log.records.length = 0;
    broker.log.open[0]!.answer();
    await settle();
    assertEquals(broker.outcomes, ["1: LogDamageError"]);
  }
});

Deno.test("an answer of before a doubt says nothing of the attempt after it", async () => {
  const broker = await activeBroker();
  broker.append("1", "2");
  const [first, second] = broker.log.open;
  second!.fail();
  await settle();
  await settle();
  // The first one is under way again; the old answer is for another attempt, which a stranger has outrun.
  broker.log.records.push(recordOf({ owner: 9 }, "stranger"));
  first!.answerWith(2);
  await settle();
  assertEquals(broker.outcomes, []);
});

Deno.test("the lease runs from when the record was sent that counts", async () => {
  const broker = await activeBroker();
  broker.now = 1000;
  broker.append("1");
  broker.now = 9000;
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.lease.endsAt, 1000 + LEASE_MS * 3 / 4);
  assert(!broker.lease.isHeld(broker.now));
  broker.append("2");
  const [lost] = broker.log.open;
  lost!.fail();
  await settle();
  broker.now = 20_000;
  await settle();
  // Which of the attempts is there is not known: the others may have seen the first one.
  broker.log.open[0]!.arrive().fail();
  await settle();
  assertEquals(broker.outcomes, ["1", "2"]);
  assertEquals(broker.lease.endsAt, 9000 + LEASE_MS * 3 / 4);
});

Deno.test("the lease hears that nobody leads the log", async () => {
  const broker = await activeBroker();
  broker.append("1");
  broker.now = 10_000;
  assert(broker.lease.sendsAway(10_000));
  broker.log.open[0]!.fail(new LeaderlessError("nobody"));
  await settle();
  assert(!broker.lease.sendsAway(10_000 + LEASE_MS - 1));
  assert(broker.lease.sendsAway(10_000 + LEASE_MS));
  broker.window.close();
});
