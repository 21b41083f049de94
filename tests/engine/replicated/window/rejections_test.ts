/**
 * What a window rejects, and what ends it.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { LogDamageError } from "../../../../src/engine/replicated/chain.ts";
import { RECORD_BODY_BYTES_MAX } from "../../../../src/engine/replicated/record.ts";
import { WindowClosedError } from "../../../../src/engine/replicated/window.ts";
import { ScriptedLog } from "./scripted_log.ts";
import { activeBroker, Broker, bytesOf, readTexts, settle } from "./window_use.ts";

Deno.test("without room all that is pending is rejected, and the numbers are used again", async () => {
  const broker = await activeBroker();
  broker.append("1", "2", "3", "4", "5");
  const [first, ...others] = broker.log.open;
  first!.arrive();
  broker.log.isFull = true;
  others[1]!.answer();
  first!.answer();
  await settle();
  // Attempts are open whose answers have not come: they could still be stored.
  assertEquals(broker.outcomes, ["1"]);
  others.forEach((attempt) => attempt.answer());
  await settle();
  broker.log.open.forEach((attempt) => attempt.answer());
  await settle();
  assertEquals(broker.outcomes, ["1", "2: full", "3: full", "4: full", "5: full"]);
  broker.log.isFull = false;
  broker.append("6");
  broker.log.open[0]!.answer();
  await settle();
  broker.append("7", "8");
  broker.log.open.forEach((attempt) => attempt.answer());
  await settle();
  assertEquals(broker.outcomes.slice(5), ["6", "7", "8"]);
  assertEquals(readTexts(broker.log), ["1", "6", "7", "8"]);
});

Deno.test("what found no room, and may still be stored, is sent on", async () => {
  const broker = await activeBroker();
  broker.append("1");
  const [lost] = broker.log.open;
  lost!.fail();
  await settle();
  await settle();
  broker.log.isFull = true;
  for (let times = 0; times < 5; times++) {
    broker.log.open[0]!.answer();
    await settle();
    await settle();
    assertEquals(broker.outcomes, []);
  }
  broker.log.isFull = false;
  lost!.arrive();
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1"]);
});

Deno.test("a refused record that is there all the same ends the process, and is no damage", async () => {
  const broker = await activeBroker();
  broker.append("1");
  broker.log.isFull = true;
  const [refused] = broker.log.open;
  refused!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1: full"]);
  broker.log.isFull = false;
  broker.log.records.push(refused!.record);
  broker.append("2");
  broker.log.open[0]!.answer();
  await settle();
  assertEquals(broker.outcomes, ["1: full", "2: Error"]);
  assertEquals(broker.window.failure?.message, "Cannot go on: record 2 had been refused");
});

Deno.test("a closed window rejects what waits, and all after it", async () => {
  const broker = await activeBroker();
  broker.append("1", "2", "3", "4", "5");
  broker.window.close();
  await settle();
  const closed = ["1", "2", "3", "4", "5"].map((text) => `${text}: WindowClosedError`);
  assertEquals(broker.outcomes, closed);
  broker.log.open.forEach((attempt) => attempt.answer());
  await settle();
  assertEquals(broker.counted, ["epoch"]);
  await assertRejects(() => broker.window.append(2, 0, bytesOf("6")), WindowClosedError);
  await assertRejects(() => broker.takeOver(), WindowClosedError);
});

Deno.test("what cannot count is not sent", async () => {
  const { log, window } = await activeBroker();
  const bytes = bytesOf("1");
  await assertRejects(() => window.append(2, 5, bytes), RangeError, "the next ones are for 0");
  await assertRejects(() => window.append(8, 0, bytes), RangeError, "never counts");
  await assertRejects(() => window.append(6, 0, bytes), LogDamageError, "type is 6");
  await assertRejects(() => window.append(4, 0, bytes), LogDamageError, "do not name the log");
  const tooLarge = new Uint8Array(RECORD_BODY_BYTES_MAX + 1);
  await assertRejects(() => window.append(2, 0, tooLarge), RangeError, "Cannot write a record of");
  const early = new Broker(new ScriptedLog());
  await assertRejects(() => early.window.append(2, 0, bytes), Error, "has not taken over");
  assertEquals(log.attempts.length, 1);
  const largest = window.append(2, 0, tooLarge.subarray(1));
  log.open[0]!.answer();
  await largest;
});

Deno.test("what a listener throws ends the window", async () => {
  const broker = await activeBroker({
    counted: (sequence) => {
      if (sequence === 3) throw new Error("the disk is broken");
    },
  });
  broker.append("1", "2", "3");
  broker.log.open.forEach((attempt) => attempt.answer());
  await settle();
  assertEquals(broker.outcomes, ["1", "2: Error", "3: Error"]);
  assertEquals(broker.window.failure?.message, "the disk is broken");
});

Deno.test("buffers are used again only when nobody looks at them", async () => {
  const broker = await activeBroker();
  const buffers = new Set<ArrayBufferLike>();
  const { append } = broker.log;
  broker.log.append = function (expected, record) {
    buffers.add(record.buffer);
    return append.call(this, expected, record);
  };
  for (let round = 0; round < 5; round++) {
    broker.append("1", "2");
    broker.log.open.forEach((attempt) => attempt.answer());
    await settle();
  }
  assertEquals(buffers.size, 2);
  broker.append("3", "4");
  const [first, second] = broker.log.open;
  first!.arrive();
  second!.arrive();
  first!.fail();
  await settle();
  await settle();
  // The second one counts, and its first answer has not come.
  broker.append("5", "6");
  broker.log.open.forEach((attempt) => attempt !== second && attempt.answer());
  await settle();
  await settle();
  broker.log.open.forEach((attempt) => attempt !== second && attempt.answer());
  await settle();
  assertEquals(broker.outcomes.slice(-4), ["3", "4", "5", "6"]);
  assertEquals(buffers.size, 3);
});
