/**
 * Measures what delayed delivery and redelivery cost.
 *
 * ```text
 * deno task bench:delivery [--rounds 5] [--messages 800000] [--quick]
 * ```
 *
 * @module
 */

import { BrokerProcess } from "../harness/broker_process.ts";
import { runMain, runRounds } from "../harness/frame/main.ts";
import { readScale } from "../harness/frame/scale.ts";
import { print, tell } from "../harness/print.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber } from "../harness/table.ts";
import { measureDelays } from "./delayed.ts";
import { measureNackCost, type NackCost } from "./nacks.ts";

/** Of all delayed messages, one of ten falls due while it is measured. */
const DUE_SHARE = 1 / 10;

/** A round of delayed messages has somewhat more than one of the bench's: a million of 800,000. */
const DELAYED_FACTOR = 1.25;

/** 2,000 messages that come back after 200 ms fail 10,000 times a second. */
const FAILING = { failing: 2000, delayMs: 200 };

async function measure(rounds: number, messages: number): Promise<void> {
  await reportDelays(Math.round(messages * DELAYED_FACTOR));
  await using broker = await BrokerProcess.start("journal");
  await using publishing = await broker.connect();
  await using following = await broker.connect();
  await using failing = await broker.connect();
  const plan = { count: messages, ...FAILING };
  reportNacks(
    await runRounds("messages that fail", rounds, () => {
      return measureNackCost({ publishing, following }, failing, plan);
    }),
  );
}

async function reportDelays(count: number): Promise<void> {
  await using broker = await BrokerProcess.start("journal");
  await using connection = await broker.connect();
  tell(`${formatNumber(count)} delayed messages`);
  const { bytes, bytesEach, latenessMs } = await measureDelays(connection, {
    count,
    dueCount: Math.round(count * DUE_SHARE),
    duePerSecond: 10_000,
    leadMs: 5000,
    measureBytes: () => broker.readResidentBytes() ?? NaN,
  });
  const [p50, p99, max] = [latenessMs.p50, latenessMs.p99, latenessMs.max]
    .map((ms) => formatNumber(ms));
  print(
    `${formatNumber(count)} delayed messages of 100 bytes, each due at a moment of its own: the ` +
      `broker occupies ${formatNumber(bytes / 2 ** 20)} MB, ${formatNumber(bytesEach)} bytes for ` +
      `each. When 10,000 a second fall due, they come late by ${p50} ms (p50), ${p99} ms (p99), ` +
      `${max} ms (the last one); 50 ms are asked.`,
  );
}

function reportNacks(costs: readonly NackCost[]): void {
  const find = (read: (cost: NackCost) => number) =>
    formatNumber(summarise(costs.map(read)).median);
  const share = find(({ alone, beside }) => 100 * beside / alone);
  print(
    `\nWhile ${find(({ nacksPerSecond }) => nacksPerSecond)} messages a second are given back in ` +
      `one stream, another one passes ${share} % of the ${find(({ alone }) => alone)} messages a ` +
      "second that it passes otherwise.",
  );
}

if (import.meta.main) {
  await runMain(async () => {
    const { rounds, messages } = readScale(Deno.args);
    await measure(rounds, messages);
  });
}
