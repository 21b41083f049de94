/**
 * Measures sessions of JSON lines, used as the clients of the original do.
 *
 * ```text
 * deno task bench:json [--rounds 5] [--messages 800000] [--quick]
 * ```
 *
 * It sends one message where the other benches send two hundred.
 *
 * @module
 */

import { BrokerProcess, type EngineName, ENGINES } from "../harness/broker_process.ts";
import { runMain, runRounds } from "../harness/frame/main.ts";
import { readScale, takeShare } from "../harness/frame/scale.ts";
import { print } from "../harness/print.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber } from "../harness/table.ts";
import { measureSession, type SessionRates } from "./session.ts";

const SHARE = 1 / 200;

async function measure(engine: EngineName, rounds: number, count: number): Promise<void> {
  await using broker = await BrokerProcess.start(engine);
  const rates = await runRounds(engine, rounds, () => measureSession(broker.port, count));
  const find = (key: keyof SessionRates) =>
    formatNumber(summarise(rates.map((rate) => rate[key])).median);
  print(
    `With the engine ${engine}: one publisher sends ${
      find("published")
    } messages a second, with a ` +
      `connection for each; one follower takes and acknowledges ${
        find("followed")
      } a second, one ` +
      "at a time.",
  );
}

if (import.meta.main) {
  await runMain(async () => {
    const { rounds, messages } = readScale(Deno.args);
    for (const engine of ENGINES) await measure(engine, rounds, takeShare(messages, SHARE));
  });
}
