/**
 * The bench: what it must notice. Nothing here depends on how fast anything is.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { delay } from "@std/async/delay";
import { Account } from "../bench/harness/account.ts";
import { InFlight } from "../bench/harness/in_flight.ts";
import { readNumber, writeNumber } from "../bench/harness/numbered_body.ts";
import type { PeerPublisher } from "../bench/harness/peer_client.ts";
import { runRound } from "../bench/harness/round.ts";
import { readScale } from "../bench/harness/frame/scale.ts";
import { BATCHES, PIPELINED, type Shipment, type Way, WAYS } from "../bench/harness/sending.ts";
import { SimpleClient } from "../bench/harness/simplemq_client.ts";
import { watchForStall } from "../bench/harness/stall.ts";
import { findQuantile, summarise } from "../bench/harness/statistics.ts";
import { formatNumber, formatTable } from "../bench/harness/table.ts";
import { Transfer } from "../bench/harness/transfer.ts";
import { readSharedClock } from "../bench/harness/process/monotonic.ts";
import { Ticker } from "../bench/harness/process/ticker.ts";
import { countSteady, Schedule } from "../bench/work/steady/schedule.ts";
import { sendSteadily } from "../bench/work/steady/steady_sender.ts";
import { startBroker } from "./support/broker/broker.ts";
import { runBench } from "./support/benches/run_bench.ts";

/** An account of three messages into which these numbers came. */
function accountOf({ confirmed = 3, taken = [1, 2, 3] }): Account {
  const account = new Account();
  account.send(3);
  account.confirm(confirmed);
  for (const number of taken) account.take(number);
  return account;
}

/** Runs a round of ten messages that are sent like this. */
async function runRoundWith(send: (shipment: Shipment) => Promise<void>): Promise<void> {
  await using broker = await startBroker();
  await using publishing = await broker.connect();
  await using following = await broker.connect();
  const way: Way = { name: "as the test says", share: 1, isTimed: false, send };
  await runRound({ publishing, following }, { way, bodyBytes: 100, count: 10 });
}

async function sendNumbers(publisher: PeerPublisher, numbers: readonly number[]): Promise<void> {
  const bodies = numbers.map((number) => {
    const body = new Uint8Array(100);
    writeNumber(body, number);
    return body;
  });
  await publisher.sendBatch(bodies);
}

Deno.test("a schedule spreads messages evenly, and counts those that are due", () => {
  const schedule = new Schedule({ rate: 10_000 }, 500);
  assertEquals([1, 2, 11, 10_001].map((number) => schedule.dueAt(number)), [500, 500.1, 501, 1500]);
  assertEquals([499.9, 500, 500.05, 501.05].map((now) => schedule.countDue(now)), [0, 1, 1, 11]);
  const bursts = new Schedule({ rate: 1000, burst: 5 }, 0);
  assertEquals([1, 5, 6, 11].map((number) => bursts.dueAt(number)), [0, 0, 5, 10]);
  assertEquals([0, 4.9, 5].map((now) => bursts.countDue(now)), [5, 5, 10]);
  assertEquals(countSteady({ rate: 1000, burst: 3 }, 0.01), 9);
  assertEquals(countSteady({ rate: 1 }, 0.01), 1);
  assertEquals([0.25, 0.5, 0].map((ms) => bursts.intervalOf(ms)), [5, 5, 5]);
  assertEquals(new Schedule({ rate: 4000 }, 0).intervalOf(0.6), 0.75);
});

Deno.test("the shared clock is the same in another process", async () => {
  const module = new URL("../bench/harness/process/monotonic.ts", import.meta.url).href;
  const code = `import { readSharedClock } from "${module}"; console.log(readSharedClock());`;
  const before = readSharedClock();
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
  }).output();
  const there = Number(new TextDecoder().decode(stdout));
  assert(before < there && there < readSharedClock(), `${there} is not after ${before}`);
});

Deno.test("a ticker does not tick before its time, and stops", async () => {
  using ticker = await Ticker.start();
  const begin = performance.now() + 2;
  ticker.begin(begin, 0.5);
  for (let tick = 0; tick < 5; tick++) {
    await ticker.next();
    const now = performance.now();
    assert(now >= begin + tick * 0.5 - 0.01, `tick ${tick} came after ${now - begin} ms`);
  }
});

for (
  const [what, account, [left, stored], complaint] of [
    ["a message without a confirm", accountOf({ confirmed: 2 }), [0, 3], "confirmed: 2, not 3"],
    ["a confirm too many", accountOf({ confirmed: 4 }), [0, 3], "confirmed: 4, not 3"],
    ["a lost message", accountOf({ taken: [1, 3] }), [0, 3], "messages taken: 2, not 3"],
    ["a message that came again", accountOf({ taken: [1, 2, 2] }), [0, 3], "taken: 5, not 6"],
    ["a message left behind", accountOf({}), [1, 3], "left in the streams: 1"],
    ["a message stored twice", accountOf({}), [0, 4], "ever stored: 4, not 3"],
  ] as const
) {
  Deno.test(`Account.check() notices ${what}`, () => {
    const error = assertThrows(() => account.check(left, stored), Error, "does not add up");
    assertStringIncludes(error.message, complaint);
  });
}

Deno.test("Account.check() takes the word of another process, if its numbers add up", () => {
  const account = accountOf({ taken: [] });
  account.takeAll(3, 6);
  account.check(0, 3);
  account.takeAll(0, 1);
  assertThrows(() => account.check(0, 3), Error, "sum of the numbers taken: 7, not 6");
});

Deno.test("Account.check() accepts messages in any order", () => {
  accountOf({ taken: [3, 1, 2] }).check(0, 3);
});

Deno.test("Account.check() expects each message once from each stream", () => {
  const account = new Account(2);
  assertEquals(account.send(2), 1);
  account.confirm(2);
  for (const number of [1, 2, 1, 2]) account.take(number);
  assertEquals(account.backlog, 0);
  account.check(0, 4);
  assertEquals(account.send(1), 3);
  assertThrows(() => account.check(0), Error, "messages taken: 4, not 6");
});

Deno.test("readNumber() reads what writeNumber() wrote, whatever the number", () => {
  const body = new Uint8Array(5);
  for (const number of [0, 1, 255, 256, 65_536, 2 ** 24 - 1, 2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
    writeNumber(body, number);
    assertEquals(readNumber(body, 5), number);
  }
});

Deno.test("readNumber() notices another length and another end", () => {
  const body = new Uint8Array(100);
  writeNumber(body, 77);
  assertThrows(() => readNumber(body, 1024), Error, "came with 100 bytes");
  assertThrows(() => readNumber(body.subarray(0, 99), 99), Error, "another end");
});

Deno.test("a round in which a message came twice fails", async () => {
  const error = await assertRejects(() =>
    runRoundWith(async ({ publisher, account }) => {
      await sendNumbers(publisher, [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]);
      account.confirm(10);
    })
  );
  assertStringIncludes((error as Error).message, "sum of the numbers taken: 54, not 55");
});

Deno.test("a round that leaves a message behind fails", async () => {
  const error = await assertRejects(() =>
    runRoundWith(async ({ publisher, account }) => {
      await sendNumbers(publisher, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
      account.confirm(10);
    })
  );
  assertStringIncludes((error as Error).message, "left in the streams: 1, not 0");
});

Deno.test("a round that must be in order fails where a message overtakes another one", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const open = () => Promise.resolve(new SimpleClient(connection, { isShared: true }));
  await using transfer = await Transfer.open(open, { bodyBytes: 100, isOrdered: true });
  const send = async ({ publisher, account }: Shipment) => {
    await sendNumbers(publisher, [1, 3, 2]);
    account.confirm(3);
  };
  await transfer.send({ name: "as the test says", share: 1, isTimed: false, send }, 3);
  await assertRejects(() => transfer.follow(3), Error, "Message 3 has come, but 2 is the next one");
});

Deno.test("a transfer goes on where it was, and knows what is left", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const open = () => Promise.resolve(new SimpleClient(connection, { isShared: true }));
  await using transfer = await Transfer.open(open, { bodyBytes: 100, isOrdered: true });
  await transfer.send(BATCHES, 300);
  await transfer.move(PIPELINED, 200);
  assertEquals(transfer.backlog, 300);
  const { count, latency } = await transfer.send(sendSteadily({ rate: 10_000, burst: 5 }, 10), 50);
  assertEquals(count, 50);
  assert(latency.confirm.p50 > 0);
  await transfer.follow(transfer.backlog);
  await transfer.finish();
});

Deno.test("a round whose publisher fails fails", async () => {
  await assertRejects(
    () => runRoundWith(() => Promise.reject(new Error("out of paper"))),
    Error,
    "out of paper",
  );
});

for (const { name, send } of WAYS) {
  Deno.test(`a round adds up with ${name}`, () => runRoundWith(send));
}

Deno.test("watchForStall() rejects when nothing goes on any more", async () => {
  const never = new Promise<never>(() => {});
  await assertRejects(() => watchForStall(never, () => 7, 5), Error, "Nothing has happened");
});

Deno.test("watchForStall() waits as long as there is progress", async () => {
  let progress = 0;
  const slow = delay(50).then(() => "done");
  assertEquals(await watchForStall(slow, () => ++progress, 1), "done");
  assert(progress > 0);
});

Deno.test("InFlight lets so many promises run, and no more", async () => {
  const inFlight = new InFlight(2);
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  await inFlight.add(first.promise);
  let hasRoom = false;
  const added = inFlight.add(second.promise).then(() => {
    hasRoom = true;
  });
  await delay(0);
  assertEquals(hasRoom, false);
  first.resolve();
  await added;
  second.resolve();
  await inFlight.end();
});

Deno.test("InFlight tells what has failed", async () => {
  const inFlight = new InFlight(8);
  await inFlight.add(Promise.reject(new Error("refused")));
  await assertRejects(() => inFlight.end(), Error, "refused");
});

Deno.test("findQuantile() orders by size, and interpolates", () => {
  assertEquals(findQuantile([10, 9, 100], 0.5), 10);
  assertEquals(findQuantile([4, 1, 3, 2], 0.5), 2.5);
  assertEquals(findQuantile([5], 0.99), 5);
  assertThrows(() => findQuantile([], 0.5), RangeError);
});

Deno.test("summarise() gives the median and both ends", () => {
  assertEquals(summarise([3, 1, 2]), { median: 2, lowest: 1, highest: 3 });
});

Deno.test("formatTable() aligns text to the left and numbers to the right", () => {
  const table = formatTable({ head: ["way", "rate"], rows: [["a", formatNumber(1234.5, 1)]] });
  assertEquals(
    table,
    ["| way |    rate |", "| --- | ------: |", "| a   | 1,234.5 |"].join("\n"),
  );
});

Deno.test("readScale() refuses what is not a count, or not known", () => {
  assertThrows(() => readScale(["--messages", "1.5"]), RangeError, `--messages is "1.5"`);
  assertThrows(() => readScale(["--rounds", "0"]), RangeError, `--rounds is "0"`);
  assertThrows(() => readScale(["--quik"]), RangeError, "--quik");
  assertThrows(() => readScale(["quick"]), RangeError, `"quick"`);
});

Deno.test("readScale() takes counts over the full scale and over the quick one", () => {
  assertEquals(readScale(["--messages", "1000", "--rounds=2"]).messages, 1000);
  const quick = readScale(["--quick", "--rounds=2"]);
  assertEquals(quick.rounds, 2);
  assert(quick.messages < readScale([]).messages);
});

Deno.test("the bench says in a line what is wrong with its arguments", async () => {
  const { code, stdout, stderr } = await runBench("throughput", "--messages", "many");
  assertEquals(code, 1);
  assertEquals(stdout, "");
  assertEquals(stderr.trim().split("\n").length, 1, stderr);
  assertStringIncludes(stderr, `--messages is "many"`);
});
