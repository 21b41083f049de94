import { fileURLToPath } from "node:url";
import { tell } from "../harness/print.ts";
import { formatTable } from "../harness/table.ts";
import type { ThroughputWork } from "../work/work.ts";
import { visit } from "../work/visit.ts";
import type { Machines } from "./machines.ts";

/** Names the packages of the clients. */
const CONFIG = fileURLToPath(new URL("../peers/deno.json", import.meta.url));
const OWN = new URL("../harness/simplemq_client.ts", import.meta.url);
const NATS = new URL("./nats_client.ts", import.meta.url);

/** Who is measured, and in which way it sends. */
const RUNNERS = [
  "cluster, batches",
  "cluster, single",
  "local, batches",
  "local, single",
  "nats.js",
];

/** What each ratio must be at least: section F of the plan, in one place. */
const RATIOS: readonly (readonly [name: string, one: string, other: string, least: number])[] = [
  ["batches of 256, against nats.js", "cluster, batches", "nats.js", 30],
  ["single sends, pipelined, against nats.js", "cluster, single", "nats.js", 25],
  ["batches of 256, against one machine", "cluster, batches", "local, batches", 0.4],
];

/**
 * Measures how many messages of 100 bytes are published, confirmed, delivered and acknowledged in a second, in
 * rounds in which all take turns. Ratios are of the same round.
 */
export async function measureThroughput(
  machines: Machines,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<string> {
  const rates = new Map<string, number[]>(RUNNERS.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const name of RUNNERS) {
      const rate = await run(machines, name, seconds);
      rates.get(name)!.push(rate);
      tell(`round ${round} of ${rounds}: ${name}: ${Math.round(rate).toLocaleString("en")}/s`);
    }
  }
  const rateRows = RUNNERS.map((name) => [name, ...summarise(rates.get(name)!, Math.round)]);
  const ratioRows = RATIOS.map(([name, one, other, least]) => {
    const all = rates.get(one)!.map((rate, round) => rate / rates.get(other)![round]!);
    return [name, ...summarise(all, (value) => Number(value.toFixed(2))), `at least ${least}`];
  });
  return [
    formatTable({ head: ["messages/s", "lowest", "median", "highest"], rows: rateRows }),
    formatTable({ head: ["ratio", "lowest", "median", "highest", "wanted"], rows: ratioRows }),
  ].join("\n\n");
}

async function run(machines: Machines, name: string, seconds: number): Promise<number> {
  const { nats, active, local, directory } = machines;
  const work: ThroughputWork = {
    kind: "throughput",
    bodyBytes: 100,
    publishers: 1,
    followers: 1,
    way: name.endsWith("single") ? "single" : "batch",
    seconds,
  };
  const isNats = name === "nats.js";
  const process = isNats ? nats.nodes[0]! : name.startsWith("local") ? local : active;
  const { port, pid } = process;
  const clientUrl = (isNats ? NATS : OWN).href;
  const plan = { clientUrl, config: CONFIG, port, pid, directory, works: [work] };
  for await (const { rate = 0 } of visit(plan)) return rate;
  throw new Error(`${name} has no result`);
}

function summarise(values: readonly number[], round: (value: number) => number): string[] {
  const sorted = values.toSorted((one, other) => one - other);
  const picked = [sorted[0]!, sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!];
  return picked.map((value) => round(value).toLocaleString("en"));
}
