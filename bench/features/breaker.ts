/**
 * Measures what a breaker costs while it is closed, and how long it takes to open and to close it with many
 * messages waiting; and what postponing costs beside a failure.
 *
 * ```text
 * deno run -A bench/features/breaker.ts [--rounds 5] [--messages 800000] [--quick]
 * ```
 *
 * @module
 */

import type { Connection, Message, StreamOptionsInput } from "@simplemq/simplemq";
import { BrokerProcess } from "../harness/broker_process.ts";
import { runMain, runRounds } from "../harness/frame/main.ts";
import { readScale } from "../harness/frame/scale.ts";
import { print } from "../harness/print.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber } from "../harness/table.ts";

const BODY = new Uint8Array(100);
const BATCH = 2000;
const LANES = 100;
const BREAKER = { failures: 10, openMs: 60_000 };

/** What is done with each message, and in which stream. */
interface Way {
  readonly name: string;
  readonly options: StreamOptionsInput;
  readonly hasLanes?: boolean;
  /** Makes a function that ends a message, and says whether that was for good; it acknowledges by default. */
  readonly makeEnd?: () => (message: Message) => boolean;
}

const WAYS: readonly Way[] = [
  { name: "no breaker", options: {} },
  { name: "a breaker, closed", options: { breaker: BREAKER } },
  { name: "no breaker, 100 lanes", options: {}, hasLanes: true },
  {
    name: "a breaker of lanes, closed, 100 lanes",
    options: { breaker: { ...BREAKER, of: "lane" } },
    hasLanes: true,
  },
  {
    name: "every message fails once",
    options: { backoffMs: [0] },
    makeEnd: () => makeEndAgain((message) => message.nack({ reason: "busy" })),
  },
  {
    name: "every message is postponed once",
    options: {},
    makeEnd: () => makeEndAgain((message) => message.postpone(0, { reason: "busy" })),
  },
];

function acknowledge(message: Message): boolean {
  message.ack();
  return true;
}

/** Gives each message back the first time. */
function makeEndAgain(giveBack: (message: Message) => Promise<void>) {
  const seen = new Set<number>();
  return (message: Message): boolean => {
    if (seen.delete(message.id)) return acknowledge(message);
    seen.add(message.id);
    giveBack(message);
    return false;
  };
}

/** Stores messages. */
async function fill(
  connection: Connection,
  options: StreamOptionsInput,
  count: number,
  hasLanes = false,
): Promise<void> {
  await connection.cursor().createStream("work", options);
  const publisher = connection.publisher("work");
  let index = 0;
  const lane = () => `lane ${index++ % LANES}`;
  for (let sent = 0; sent < count; sent += BATCH) {
    const bodies = new Array<Uint8Array>(Math.min(BATCH, count - sent)).fill(BODY);
    publisher.sendMessages(bodies, hasLanes ? { lane } : {});
  }
  await publisher.close({ drainMs: 60_000 });
}

/** Takes messages until all are done; returns how many were done in a second. */
async function measure(connection: Connection, way: Way, count: number): Promise<number> {
  const { options, hasLanes, makeEnd } = way;
  await fill(connection, options, count, hasLanes);
  const end = makeEnd?.() ?? acknowledge;
  const start = performance.now();
  const follower = connection.follower("work");
  let left = count;
  for await (const message of follower.getMessages()) {
    if (end(message) && --left === 0) break;
  }
  await follower.close();
  const rate = count / (performance.now() - start) * 1000;
  await connection.cursor().deleteStream("work");
  return rate;
}

/** How long it takes to open a breaker, and to close it by hand, in milliseconds. */
async function measureOpening(connection: Connection, count: number): Promise<number[]> {
  await fill(connection, { breaker: BREAKER, backoffMs: [0] }, count);
  const cursor = connection.cursor();
  const followers = Array.from({ length: 8 }, () => connection.follower("work", { prefetch: 500 }));
  const loops = followers.map((follower) => follower.getMessages());
  const held = await Promise.all(loops.map((loop) => loop.next()));
  for (let failed = 0; failed < BREAKER.failures - 1; failed++) {
    await held[0]!.value.nack({ reason: "down", confirm: true });
    held[0] = await loops[0]!.next();
  }
  const openAt = performance.now();
  await held[0]!.value.nack({ reason: "down", confirm: true });
  await cursor.getStream("work");
  const openMs = performance.now() - openAt;
  const closeAt = performance.now();
  await cursor.resumeStream("work");
  await cursor.getStream("work");
  const closeMs = performance.now() - closeAt;
  for (const follower of followers) await follower.close({ drainMs: 0 });
  await cursor.deleteStream("work");
  return [openMs, closeMs];
}

if (import.meta.main) {
  await runMain(async () => {
    const { rounds, messages } = readScale(Deno.args);
    await using broker = await BrokerProcess.start("memory");
    await using connection = await broker.connect();
    const found = await runRounds("breaker", rounds, async () => {
      const rates: number[] = [];
      for (const way of WAYS) rates.push(await measure(connection, way, messages));
      return [...rates, ...await measureOpening(connection, messages)];
    });
    const medianOf = (index: number) => summarise(found.map((one) => one[index]!)).median;
    print("\n100 bytes, engine memory, one follower, messages a second:\n");
    WAYS.forEach(({ name }, index) => print(`- ${name}: ${formatNumber(medianOf(index))}`));
    const [openMs, closeMs] = [medianOf(WAYS.length), medianOf(WAYS.length + 1)];
    print(`\nWith ${formatNumber(messages)} messages and 8 followers that have fetched ahead:\n`);
    print(`- a breaker opens within ${openMs.toFixed(1)} ms`);
    print(`- it closes within ${closeMs.toFixed(1)} ms`);
  });
}
