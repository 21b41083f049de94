/**
 * Compares automatic prefetch with fixed ones, and measures whether a slow follower holds messages up.
 *
 * ```text
 * deno task bench:prefetch [--rounds 5] [--messages 800000] [--quick]
 * ```
 *
 * @module
 */

import type { Connection } from "@simplemq/simplemq";
import { BrokerProcess } from "../harness/broker_process.ts";
import { repeat, runMain, runRounds } from "../harness/frame/main.ts";
import { readScale, takeShare } from "../harness/frame/scale.ts";
import { print } from "../harness/print.ts";
import { BATCHES } from "../harness/sending.ts";
import { SimpleClient, type SimpleOptions } from "../harness/simplemq_client.ts";
import { summarise, type Summary } from "../harness/statistics.ts";
import { formatColumns, formatNumber, spread } from "../harness/table.ts";
import { Transfer } from "../harness/transfer.ts";
import { measureWaits, type Waits } from "./slow_and_fast.ts";

type Prefetch = NonNullable<SimpleOptions["prefetch"]>;

/** What is measured side by side. */
const CHOICES: readonly Prefetch[] = ["auto", 1, 16, 64, 256, 1024, 4096];

const BODY_BYTES = 100;

/** A follower alone is faster than a pair: so many times as many messages make a round of a second. */
const MESSAGES_FACTOR = 2;

/** With a prefetch of one, each message takes a journey of its own; its rounds are shorter. */
const ONE_BY_ONE_SHARE = 1 / 160;

async function measure(rounds: number, messages: number): Promise<void> {
  await using broker = await BrokerProcess.start("journal");
  await using connection = await broker.connect();
  await using slow = await broker.connect();
  await using fast = await broker.connect();
  const found = await runRounds("a follower that only counts", rounds, async () => {
    const rates: number[] = [];
    for (const prefetch of CHOICES) {
      const count = takeShare(messages, prefetch === 1 ? ONE_BY_ONE_SHARE : 1);
      rates.push(await measureFast(connection, prefetch, count));
    }
    return rates;
  });
  printRates(CHOICES.map((_, index) => summarise(found.map((rates) => rates[index]!))));
  printWaits(await repeat("slow and fast", rounds, () => measureWaits(connection, slow, fast)));
}

/** Publishes messages, then measures how many a second a follower takes that only counts. */
export async function measureFast(
  connection: Connection,
  prefetch: Prefetch,
  count: number,
): Promise<number> {
  const open = () => Promise.resolve(new SimpleClient(connection, { prefetch, isShared: true }));
  await using transfer = await Transfer.open(open, { bodyBytes: BODY_BYTES });
  await transfer.send(BATCHES, count);
  const { rate } = await transfer.follow(count);
  await transfer.finish();
  return rate;
}

function printRates(summaries: readonly Summary[]): void {
  const [auto, ...fixed] = summaries;
  const best = Math.max(...fixed.map(({ median }) => median));
  const share = (summary: Summary) => `${formatNumber(100 * summary.median / best)} %`;
  const rows = summaries.map((summary, index) => ({ prefetch: CHOICES[index]!, summary }));
  print("A follower that only counts takes what is there, messages per second:\n");
  print(formatColumns(rows, [
    ["prefetch", ({ prefetch }) => String(prefetch)],
    ...spread<typeof rows[number]>("median", ({ summary }) => summary),
    ["of the best fixed one", ({ summary }) => share(summary)],
  ]));
  print(
    `\nAutomatic prefetch reaches ${share(auto!)} of the best fixed one; at least 90 % are asked.`,
  );
}

function printWaits(found: readonly Waits[]): void {
  const longest = Math.max(...found.map(({ longestMs }) => longestMs));
  const counts = found.map(({ slowCount, fastCount }) => `${slowCount} and ${fastCount}`);
  print(
    `\nA slow and a fast follower, messages worked on by each: ${counts.join("; ")}. No message ` +
      `waited longer than ${formatNumber(longest)} ms while the fast one had nothing to do; at ` +
      "most 200 ms are asked.",
  );
}

if (import.meta.main) {
  await runMain(async () => {
    const { rounds, messages } = readScale(Deno.args);
    await measure(rounds, messages * MESSAGES_FACTOR);
  });
}
