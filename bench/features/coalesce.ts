/**
 * Measures what coalescing and cancelling cost: messages that are sent one after the other without waiting,
 * with and without a coalesce id; and cancelling one of a few or of a million messages.
 *
 * ```text
 * deno run -A bench/features/coalesce.ts [--quick]
 * ```
 *
 * @module
 */

import type { Connection } from "@simplemq/simplemq";
import { BrokerProcess, ENGINES } from "../harness/broker_process.ts";
import { runMain } from "../harness/frame/main.ts";
import { print } from "../harness/print.ts";
import { formatNumber } from "../harness/table.ts";

const BODY = "x".repeat(100);

/** How many messages are cancelled one by one. */
const CANCELLED = 200;

/** Sends messages without waiting for each; returns how many a second. */
async function send(
  connection: Connection,
  count: number,
  idOf: (index: number) => string | undefined,
): Promise<number> {
  await using publisher = connection.publisher("docs");
  const from = performance.now();
  for (let index = 0; index < count; index++) {
    const id = idOf(index);
    const options = id === undefined ? {} : { coalesce: { id, quietMs: 60_000 } };
    publisher.sendMessage(BODY, options);
  }
  await publisher.flush();
  const rate = count / (performance.now() - from) * 1000;
  await connection.cursor().purgeStream("docs");
  return rate;
}

/** Cancels messages here and there; returns the time of the first call and the mean of the others, in ms. */
async function cancel(connection: Connection, count: number, delayMs: number): Promise<number[]> {
  const cursor = connection.cursor();
  await using publisher = connection.publisher("docs");
  const each = 10_000;
  for (let at = 0; at < count; at += each) {
    const bodies = new Array<string>(Math.min(each, count - at)).fill(BODY);
    publisher.sendMessages(bodies, delayMs === 0 ? {} : { delayMs: delayMs + at });
  }
  await publisher.flush();
  const { nextId } = await cursor.getStream("docs");
  const times: number[] = [];
  for (let round = 0; round < CANCELLED; round++) {
    const id = nextId - 1 - Math.floor((round * 0.618 % 1) * count);
    const from = performance.now();
    await cursor.cancel("docs", id);
    times.push(performance.now() - from);
  }
  await cursor.purgeStream("docs");
  const [first = 0, ...others] = times;
  return [first, others.reduce((sum, ms) => sum + ms, 0) / others.length];
}

async function measure(isQuick: boolean): Promise<void> {
  for (const engine of ENGINES) {
    await using broker = await BrokerProcess.start(engine);
    await using connection = await broker.connect();
    await connection.cursor().createStream("docs");
    const count = isQuick ? 5000 : 100_000;
    await send(connection, count, () => undefined);
    const plain = await send(connection, count, () => undefined);
    const single = await send(connection, count, (index) => `${index}`);
    const burst = await send(connection, count, () => "1");
    print(`\nWith the engine ${engine}, 100 bytes, messages a second that nobody awaits:\n`);
    print(`- without a coalesce id: ${formatNumber(plain)}`);
    print(`- each with an id of its own: ${formatNumber(single)}`);
    print(`- all with one id, each in the place of the one before: ${formatNumber(burst)}`);
    print("\nCancelling one, over a connection:\n");
    for (const waiting of isQuick ? [1000, 10_000] : [1000, 1_000_000]) {
      for (const delayMs of [0, 3_600_000]) {
        const [first, mean] = await cancel(connection, waiting, delayMs);
        const what = delayMs === 0 ? "ready" : "delayed";
        print(
          `- of ${formatNumber(waiting)} ${what}: ${formatNumber(mean!)} ms, the first ` +
            `${formatNumber(first!)} ms`,
        );
      }
    }
  }
}

if (import.meta.main) await runMain(() => measure(Deno.args.includes("--quick")));
