/**
 * Measures what keys and priorities cost: the same messages with and without them, in turn.
 *
 * ```text
 * deno task bench:ordering [--rounds 5] [--messages 800000]
 * ```
 *
 * @module
 */

import { connect } from "@simplemq/simplemq";
import { BrokerProcess, type EngineName, HOSTNAME } from "../harness/broker_process.ts";
import { killChildren } from "../harness/process/child.ts";
import { print, tell } from "../harness/print.ts";
import { runRound } from "../harness/round.ts";
import { readScale } from "../harness/frame/scale.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber } from "../harness/table.ts";
import { ORDERING_WAYS } from "./ways.ts";

const BODY_BYTES = 100;

async function measure(engine: EngineName, rounds: number, count: number): Promise<void> {
  await using broker = await BrokerProcess.start(engine);
  const open = () => connect({ hostname: HOSTNAME, port: broker.port, name: "bench" });
  await using publishing = await open();
  await using following = await open();
  const rates = ORDERING_WAYS.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    tell(round === 0 ? `${engine}: warm-up` : `${engine}: round ${round} of ${rounds}`);
    for (const [index, way] of ORDERING_WAYS.entries()) {
      const plan = { way, bodyBytes: BODY_BYTES, count };
      const { rate } = await runRound({ publishing, following }, plan);
      if (round > 0) rates[index]!.push(rate);
    }
  }
  const medians = rates.map((found) => summarise(found).median);
  print(`\nWith the engine ${engine}, ${BODY_BYTES} bytes, messages a second:\n`);
  ORDERING_WAYS.forEach(({ name }, index) => {
    const share = formatNumber(100 * medians[index]! / medians[0]!);
    print(`- ${name}: ${formatNumber(medians[index]!)} (${share} %)`);
  });
}

if (import.meta.main) {
  try {
    const { rounds, messages } = readScale(Deno.args);
    await measure("journal", rounds, messages);
    await measure("memory", rounds, messages);
  } catch (error) {
    tell(`The bench has failed: ${error instanceof Error ? error.message : error}`);
    killChildren();
    Deno.exit(1);
  }
}
