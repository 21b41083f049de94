/**
 * Shows that nobody has to choose a prefetch.
 *
 * ```text
 * deno task bench:prefetch [--rounds 5] [--messages 800000]
 * ```
 *
 * @module
 */

import { connect, type Connection } from "@simplemq/simplemq";
import { BrokerProcess, HOSTNAME } from "../harness/broker_process.ts";
import { killChildren } from "../harness/process/child.ts";
import { print, tell } from "../harness/print.ts";
import { readScale } from "../harness/frame/scale.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber, formatTable } from "../harness/table.ts";
import { measureFast, type Prefetch } from "./fast.ts";
import { measureWaits, type Waits } from "./slow_and_fast.ts";

/** What is measured side by side. */
const CHOICES: readonly Prefetch[] = ["auto", 1, 16, 64, 256, 1024, 4096];

/** A follower alone is faster than a pair: so many times as many messages make a round of a second. */
const MESSAGES_FACTOR = 2;

/** With a prefetch of one, each message takes a journey of its own; its rounds are shorter. */
const ONE_BY_ONE_SHARE = 1 / 160;

async function measure(rounds: number, messages: number): Promise<void> {
  await using broker = await BrokerProcess.start("journal");
  const open = () => connect({ hostname: HOSTNAME, port: broker.port, name: "bench" });
  await using connection = await open();
  await using slow = await open();
  await using fast = await open();
  const rates = CHOICES.map((): number[] => []);
  // The first round is to warm up.
  for (let round = 0; round <= rounds; round++) {
    tell(round === 0 ? "warm-up" : `round ${round} of ${rounds}`);
    for (const [index, prefetch] of CHOICES.entries()) {
      const rate = await measureFast(connection, prefetch, countFor(prefetch, messages));
      if (round > 0) rates[index]!.push(rate);
    }
  }
  printRates(rates);
  printWaits(await repeatWaits(rounds, connection, slow, fast));
}

function countFor(prefetch: Prefetch, messages: number): number {
  return Math.max(1, Math.round(prefetch === 1 ? messages * ONE_BY_ONE_SHARE : messages));
}

async function repeatWaits(
  rounds: number,
  ...connections: [Connection, Connection, Connection]
): Promise<Waits[]> {
  const found: Waits[] = [];
  while (found.length < rounds) {
    tell(`slow and fast, ${found.length + 1} of ${rounds}`);
    found.push(await measureWaits(...connections));
  }
  return found;
}

function printRates(rates: readonly (readonly number[])[]): void {
  const summaries = rates.map((values) => summarise(values));
  const [auto, ...fixed] = summaries;
  const best = Math.max(...fixed.map(({ median }) => median));
  print("A follower that only counts takes what is there, messages per second:\n");
  print(formatTable({
    head: ["prefetch", "median", "lowest", "highest", "of the best fixed one"],
    rows: summaries.map(({ median, lowest, highest }, index) => [
      String(CHOICES[index]),
      ...[median, lowest, highest].map((value) => formatNumber(value)),
      `${formatNumber(100 * median / best)} %`,
    ]),
  }));
  const share = formatNumber(100 * auto!.median / best);
  print(`\nAutomatic prefetch reaches ${share} % of the best fixed one; at least 90 % are asked.`);
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
  try {
    const { rounds, messages } = readScale(Deno.args);
    await measure(rounds, messages * MESSAGES_FACTOR);
  } catch (error) {
    tell(`The bench has failed: ${error instanceof Error ? error.message : error}`);
    killChildren();
    Deno.exit(1);
  }
}
