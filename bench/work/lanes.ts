/**
 * Measures what lanes and limits cost: how fast a follower is that gets messages of many lanes, and what a lane
 * takes of memory and of time to be listed.
 *
 * ```text
 * deno run -A bench/work/lanes.ts [--rounds 5] [--messages 800000] [--quick]
 * ```
 *
 * @module
 */

import type { Connection, StreamOptionsInput } from "@simplemq/simplemq";
import { BrokerProcess } from "../harness/broker_process.ts";
import { runMain, runRounds } from "../harness/frame/main.ts";
import { readScale } from "../harness/frame/scale.ts";
import { print } from "../harness/print.ts";
import { readResidentBytes } from "../harness/process/process_meter.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber } from "../harness/table.ts";

const BODY = new Uint8Array(100);
const BATCH = 2000;

/** How many lanes are in the stream whose memory is measured. */
const MANY_LANES = 100_000;

/** Whose messages they are, and under which options. */
interface Way {
  readonly name: string;
  /** The lane of a message by its number among `count`; undefined for none. */
  readonly laneOf?: (index: number, count: number) => number;
  readonly options?: StreamOptionsInput;
  /** How many handlers work at once, with a limit; otherwise a loop takes them one after the other. */
  readonly concurrency?: number;
}

const WAYS: readonly Way[] = [
  { name: "no lanes" },
  { name: "one lane", laneOf: () => 0 },
  { name: "100 lanes, one message of each after the other", laneOf: (index) => index % 100 },
  { name: "10,000 lanes, one after the other", laneOf: (index) => index % 10_000 },
  {
    name: "100 lanes, all of one before the next",
    laneOf: (index, count) => Math.floor(index * 100 / count),
  },
  { name: "no lanes, 200 handlers", concurrency: 200 },
  {
    name: "no lanes, 200 handlers, maxPending 10,000",
    options: { maxPending: 10_000 },
    concurrency: 200,
  },
  {
    name: "100 lanes, 200 handlers, maxPending 100 each",
    laneOf: (index) => index % 100,
    options: { laneLimits: { maxPending: 100 } },
    concurrency: 200,
  },
];

/** Stores messages. */
async function fill(connection: Connection, way: Way, count: number): Promise<void> {
  const { options, laneOf } = way;
  await connection.cursor().createStream("work", options);
  const publisher = connection.publisher("work");
  let index = 0;
  const lane = () => `lane ${laneOf!(index++, count)}`;
  for (let sent = 0; sent < count; sent += BATCH) {
    const bodies = new Array<Uint8Array>(Math.min(BATCH, count - sent)).fill(BODY);
    publisher.sendMessages(bodies, laneOf === undefined ? {} : { lane });
  }
  await publisher.close({ drainMs: 60_000 });
}

/** Takes all messages; returns how many in a second. */
async function measure(connection: Connection, way: Way, messages: number): Promise<number> {
  // What is limited is not fetched ahead, so it takes longer.
  const count = way.concurrency === undefined ? messages : Math.ceil(messages / 10);
  await fill(connection, way, count);
  const start = performance.now();
  const follower = connection.follower("work");
  let left = count;
  if (way.concurrency === undefined) {
    for await (const message of follower.getMessages()) {
      message.ack();
      if (--left === 0) break;
    }
  } else {
    const { promise, resolve } = Promise.withResolvers<void>();
    const work = follower.handle(() => {
      if (--left === 0) resolve();
    }, { concurrency: way.concurrency });
    await promise;
    await work.close();
  }
  await follower.close();
  const rate = count / (performance.now() - start) * 1000;
  await connection.cursor().deleteStream("work");
  return rate;
}

/** The bytes of a lane with one message, and how long it takes to list and to set lanes, in milliseconds. */
async function measureMany(): Promise<readonly number[]> {
  const found: number[] = [];
  for (const hasLanes of [false, true]) {
    await using broker = await BrokerProcess.start("memory");
    await using connection = await broker.connect();
    const way = hasLanes ? { name: "", laneOf: (index: number) => index } : { name: "" };
    const before = readResidentBytes(broker.pid)!;
    await fill(connection, way, MANY_LANES);
    found.push((readResidentBytes(broker.pid)! - before) / MANY_LANES);
    if (!hasLanes) continue;
    const cursor = connection.cursor();
    for (
      const ask of [
        () => cursor.getLanes("work", { limit: 50 }),
        () => cursor.setLane("work", "lane 7", { weight: 2 }),
      ]
    ) {
      const start = performance.now();
      await ask();
      found.push(performance.now() - start);
    }
  }
  return found;
}

if (import.meta.main) {
  await runMain(async () => {
    const { rounds, messages } = readScale(Deno.args);
    await using broker = await BrokerProcess.start("memory");
    await using connection = await broker.connect();
    const found = await runRounds("lanes", rounds, async () => {
      const rates: number[] = [];
      for (const way of WAYS) rates.push(await measure(connection, way, messages));
      return [...rates, ...await measureMany()];
    });
    const medianOf = (index: number) => summarise(found.map((one) => one[index]!)).median;
    print("\n100 bytes, engine memory, one follower, messages a second:\n");
    WAYS.forEach(({ name }, index) => print(`- ${name}: ${formatNumber(medianOf(index))}`));
    const [plain, laned, list, set] = [0, 1, 2, 3].map((at) => medianOf(WAYS.length + at));
    print(`\nWith ${formatNumber(MANY_LANES)} lanes of one message each:\n`);
    print(`- a lane takes ${Math.round(laned! - plain!)} bytes beside its message`);
    print(`- the 50 lanes with the most messages are listed within ${list!.toFixed(1)} ms`);
    print(`- a lane is set within ${set!.toFixed(1)} ms`);
  });
}
