import type { Connection } from "@simplemq/simplemq";
import { BrokerProcess } from "../broker_process.ts";
import { print } from "../print.ts";
import { summarise } from "../statistics.ts";
import { formatNumber } from "../table.ts";
import { runRounds } from "./main.ts";
import { readScale } from "./scale.ts";

/** One of several ways to do the same. */
export interface NamedWay {
  readonly name: string;
}

/**
 * Measures ways to work in turn, over one connection to a broker in memory, round after round; prints how
 * many messages a second each does, and its share of the first one.
 */
export async function compareWays<Way extends NamedWay>(
  bench: string,
  ways: readonly Way[],
  measure: (connection: Connection, way: Way, count: number) => Promise<number>,
): Promise<void> {
  const { rounds, messages } = readScale(Deno.args);
  await using broker = await BrokerProcess.start("memory");
  await using connection = await broker.connect();
  const found = await runRounds(bench, rounds, async () => {
    const rates: number[] = [];
    for (const way of ways) rates.push(await measure(connection, way, messages));
    return rates;
  });
  const medians = ways.map((_, way) => summarise(found.map((rates) => rates[way]!)).median);
  print("\nHandlers that do nothing, 100 bytes, engine memory, messages a second:\n");
  ways.forEach(({ name }, way) => {
    const share = formatNumber(100 * medians[way]! / medians[0]!);
    print(`- ${name}: ${formatNumber(medians[way]!)} (${share} %)`);
  });
}
