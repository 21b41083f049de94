/**
 * Measures what keys and priorities cost: the same messages with and without them, in turn.
 *
 * ```text
 * deno task bench:ordering [--rounds 5] [--messages 800000] [--quick]
 * ```
 *
 * @module
 */

import type { GetBatchesOptions, SendBatchOptions } from "@simplemq/simplemq";
import { BrokerProcess, type EngineName, ENGINES } from "../harness/broker_process.ts";
import { runMain, runRounds } from "../harness/frame/main.ts";
import { readScale } from "../harness/frame/scale.ts";
import { readNumber } from "../harness/numbered_body.ts";
import { print } from "../harness/print.ts";
import { runRound } from "../harness/round.ts";
import { BATCHES } from "../harness/sending.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber } from "../harness/table.ts";

const BODY_BYTES = 100;

/** How many keys there are, from hardly ever the same twice to all the same. */
const KEY_COUNTS = [100_000, 10_000, 1000, 100, 1];

/** Spreads numbers evenly: neighbours have unrelated keys and priorities. */
const SPREAD = 2_654_435_761;

/** What the messages are given, and how they are taken if not one by one. */
interface Ordering {
  readonly name: string;
  readonly batch: SendBatchOptions;
  readonly taking?: GetBatchesOptions;
}

/** How followers take batches. */
const TAKING = { size: 100 } as const;

/** Plain messages come first: the others are compared with them. */
const ORDERINGS: readonly Ordering[] = [
  { name: "no keys, no priorities", batch: {} },
  ...KEY_COUNTS.map((count) => ({ name: `${count} keys`, batch: keyed(count) })),
  { name: "batches of 100", batch: {}, taking: TAKING },
  { name: "100 keys, batches of 100 by key", batch: keyed(100), taking: { ...TAKING, by: "key" } },
  { name: "priorities 0 to 9", batch: { priority: (body: unknown) => pick(body, 10) } },
  { name: "one priority per call", batch: { priority: 7 } },
];

async function measure(engine: EngineName, rounds: number, count: number): Promise<void> {
  await using broker = await BrokerProcess.start(engine);
  await using publishing = await broker.connect();
  await using following = await broker.connect();
  const found = await runRounds(engine, rounds, async () => {
    const rates: number[] = [];
    for (const { name: _, ...options } of ORDERINGS) {
      const plan = { way: BATCHES, bodyBytes: BODY_BYTES, count, ...options };
      rates.push((await runRound({ publishing, following }, plan)).rate);
    }
    return rates;
  });
  const medians = ORDERINGS.map((_, index) =>
    summarise(found.map((rates) => rates[index]!)).median
  );
  print(`\nWith the engine ${engine}, ${BODY_BYTES} bytes, messages a second:\n`);
  ORDERINGS.forEach(({ name }, index) => {
    const share = formatNumber(100 * medians[index]! / medians[0]!);
    print(`- ${name}: ${formatNumber(medians[index]!)} (${share} %)`);
  });
}

/** Messages of so many keys. */
function keyed(count: number): SendBatchOptions {
  const keys = Array.from({ length: count }, (_, index) => `customer-${index}`);
  return { key: (body: unknown) => keys[pick(body, count)]! };
}

function pick(body: unknown, count: number): number {
  return (readNumber(body as Uint8Array, BODY_BYTES) * SPREAD) % 2 ** 32 % count;
}

if (import.meta.main) {
  await runMain(async () => {
    const { rounds, messages } = readScale(Deno.args);
    for (const engine of ENGINES) await measure(engine, rounds, messages);
  });
}
