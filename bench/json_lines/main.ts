/**
 * Measures sessions of JSON lines, as the clients of the original hold them.
 *
 * ```text
 * deno task bench:json [--rounds 5] [--messages 800000]
 * ```
 *
 * One message of two hundred that the other benches send is sent here.
 *
 * @module
 */

import { BrokerProcess, type EngineName } from "../harness/broker_process.ts";
import { killChildren } from "../harness/process/child.ts";
import { print, tell } from "../harness/print.ts";
import { readScale } from "../harness/frame/scale.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber } from "../harness/table.ts";
import { measureSession, type SessionRates } from "./session.ts";

const SHARE = 1 / 200;

async function measure(engine: EngineName, rounds: number, count: number): Promise<void> {
  await using broker = await BrokerProcess.start(engine);
  const rates: SessionRates[] = [];
  for (let round = 0; round <= rounds; round++) {
    tell(round === 0 ? `${engine}: warm-up` : `${engine}: round ${round} of ${rounds}`);
    const rate = await measureSession(broker.port, count);
    if (round > 0) rates.push(rate);
  }
  const find = (read: (rate: SessionRates) => number) =>
    formatNumber(summarise(rates.map(read)).median);
  print(
    `With the engine ${engine}: one publisher sends ${find(({ published }) => published)} ` +
      `messages a second, with a connection for each; one follower takes and acknowledges ` +
      `${find(({ followed }) => followed)} a second, one at a time.`,
  );
}

if (import.meta.main) {
  try {
    const { rounds, messages } = readScale(Deno.args);
    const count = Math.max(1, Math.round(messages * SHARE));
    await measure("journal", rounds, count);
    await measure("memory", rounds, count);
  } catch (error) {
    tell(`The bench has failed: ${error instanceof Error ? error.message : error}`);
    killChildren();
    Deno.exit(1);
  }
}
