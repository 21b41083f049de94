/**
 * Measures what delivery later, and delivery again, cost.
 *
 * ```text
 * deno task bench:delivery [--rounds 5] [--messages 800000]
 * ```
 *
 * @module
 */

import { connect } from "@simplemq/simplemq";
import { BrokerProcess, HOSTNAME } from "../harness/broker_process.ts";
import { killChildren } from "../harness/process/child.ts";
import { print, tell } from "../harness/print.ts";
import { readScale } from "../harness/frame/scale.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber } from "../harness/table.ts";
import { measureDelays } from "./delayed.ts";
import { measureNackCost, type NackCost } from "./nacks.ts";

/** Of all messages that are for later, one of ten falls due while it is measured. */
const DUE_SHARE = 1 / 10;

/** A round of delayed messages has somewhat more than one of the bench's: a million of 800,000. */
const DELAYED_FACTOR = 1.25;

/** 2,000 messages that come back after 200 ms fail 10,000 times a second. */
const FAILING = { failing: 2000, delayMs: 200 };

async function measure(rounds: number, messages: number): Promise<void> {
  const count = Math.round(messages * DELAYED_FACTOR);
  await reportDelays(count);
  await using broker = await BrokerProcess.start("journal");
  const open = () => connect({ hostname: HOSTNAME, port: broker.port, name: "bench" });
  await using others = await open();
  await using failing = await open();
  const costs: NackCost[] = [];
  for (let round = 0; round <= rounds; round++) {
    tell(round === 0 ? "warm-up" : `messages that fail, round ${round} of ${rounds}`);
    const cost = await measureNackCost(others, failing, { count: messages, ...FAILING });
    if (round > 0) costs.push(cost);
  }
  reportNacks(costs);
}

async function reportDelays(count: number): Promise<void> {
  await using broker = await BrokerProcess.start("journal");
  await using connection = await connect({ hostname: HOSTNAME, port: broker.port, name: "bench" });
  tell(`${formatNumber(count)} messages for later`);
  const { bytes, bytesEach, latenessMs } = await measureDelays(connection, {
    count,
    dueCount: Math.round(count * DUE_SHARE),
    duePerSecond: 10_000,
    leadMs: 5000,
    measureBytes: () => broker.readResidentBytes() ?? NaN,
  });
  const { p50, p99, max } = latenessMs;
  print(
    `${formatNumber(count)} messages of 100 bytes that are for later, each at a moment of its ` +
      `own: the broker occupies ${formatNumber(bytes / 2 ** 20)} MB, ${formatNumber(bytesEach)} ` +
      `bytes for each. When 10,000 a second fall due, they come late by ${formatNumber(p50)} ms ` +
      `(p50), ${formatNumber(p99)} ms (p99), ${
        formatNumber(max)
      } ms (the last one); 50 ms are asked.`,
  );
}

function reportNacks(costs: readonly NackCost[]): void {
  const find = (read: (cost: NackCost) => number) => summarise(costs.map(read)).median;
  const alone = find(({ alone }) => alone);
  const share = find(({ alone, beside }) => 100 * beside / alone);
  const rate = find(({ nacksPerSecond }) => nacksPerSecond);
  print(
    `\nWhile ${formatNumber(rate)} messages a second are given back in one stream, another one ` +
      `passes ${formatNumber(share)} % of the ${formatNumber(alone)} messages a second that it ` +
      "passes otherwise.",
  );
}

if (import.meta.main) {
  try {
    const { rounds, messages } = readScale(Deno.args);
    await measure(rounds, messages);
  } catch (error) {
    tell(`The bench has failed: ${error instanceof Error ? error.message : error}`);
    killChildren();
    Deno.exit(1);
  }
}
