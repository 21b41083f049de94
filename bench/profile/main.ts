/**
 * Profiles the broker and the client under load: where the time goes, how long garbage collections stop
 * the broker, and whether its memory grows.
 *
 * ```text
 * deno task bench:profile [--engine journal] [--work batch] [--bytes 1024] [--seconds 5]
 * ```
 *
 * Two runs: one with V8's profiler, and one without it, since it slows down what it looks at, for
 * the collections and the memory.
 *
 * @module
 */

import { BrokerProcess, type Watching } from "../harness/broker_process.ts";
import { runMain } from "../harness/frame/main.ts";
import { print } from "../harness/print.ts";
import { findQuantile } from "../harness/statistics.ts";
import { formatColumns, formatNumber } from "../harness/table.ts";
import { visit } from "../work/visit.ts";
import type { Work } from "../work/work.ts";
import { CollectionLog } from "./collections.ts";
import { type Cost, type CpuProfile, readCpuProfile } from "./cpu_profile.ts";
import { type Load, readLoad } from "./load.ts";

const CLIENT = new URL("../harness/simplemq_client.ts", import.meta.url);

/** So many lines of a profile are printed. */
const LINE_COUNT = 25;

/** So often the memory is read, in milliseconds. */
const LOOK_MS = 250;

async function measure(load: Load): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "simplemq-profile-" });
  try {
    const profiled = await runProfiled(load, directory);
    print(`With the profiler: ${profiled.result}`);
    for (const side of ["broker", "client"] as const) printProfile(side, profiled[side]);
    await watchMemory(load);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Runs the load with the profiler on both sides. */
async function runProfiled(load: Load, directory: string) {
  const at = (side: string) => ["--cpu-prof", `--cpu-prof-dir=${directory}/${side}`];
  let result = "";
  {
    await using broker = await BrokerProcess.start(load.engine, ".", { flags: at("broker") });
    result = await perform(broker, load.work, at("client"));
  }
  return {
    result,
    broker: await readOnly(`${directory}/broker`),
    client: await readOnly(`${directory}/client`),
  };
}

/** Reads the only profile of a directory. */
async function readOnly(directory: string): Promise<CpuProfile> {
  for await (const { name } of Deno.readDir(directory)) {
    return readCpuProfile(await Deno.readTextFile(`${directory}/${name}`));
  }
  throw new Error(`There is no profile in ${directory}`);
}

/** Does a work in a process of its own; gives its result as JSON. */
async function perform(
  { pid, port, directory }: BrokerProcess,
  work: Work,
  flags: readonly string[] = [],
): Promise<string> {
  const plan = { clientUrl: CLIENT.href, pid, port, directory, works: [work] };
  const [result] = await Array.fromAsync(visit(plan, flags));
  return JSON.stringify(result);
}

function printProfile(side: string, { busyShare, functions, files }: CpuProfile): void {
  const format = (what: string, costs: readonly Cost[]) =>
    formatColumns(costs.slice(0, LINE_COUNT), [
      [what, ({ name }) => name],
      ["of busy time", ({ share }) => formatPercent(share)],
    ]);
  print(`\nThe ${side} was busy ${formatPercent(busyShare)} of the time. By file:\n`);
  print(format("file", files));
  print("\nBy function:\n");
  print(format("function", functions));
}

function formatPercent(share: number): string {
  return `${formatNumber(100 * share, 1)} %`;
}

/** Memory of the broker in a round, in MB. */
interface MemoryRound {
  readonly round: number;
  readonly before: number;
  readonly after: number;
  readonly highest: number;
  readonly result: string;
}

/** Runs the load several times on one broker, the first time to warm up: pauses and memory. */
async function watchMemory(load: Load): Promise<void> {
  const log = new CollectionLog();
  const watching: Watching = {
    flags: ["--v8-flags=--trace-gc"],
    onOther: (text) => log.take(text),
  };
  await using broker = await BrokerProcess.start(load.engine, ".", watching);
  const rounds: MemoryRound[] = [];
  for (let round = 1; round <= load.rounds; round++) {
    if (round === 2) log.clear();
    const memory: number[] = [];
    const look = () => memory.push((broker.readResidentBytes() ?? 0) / 1e6);
    look();
    const timer = setInterval(look, LOOK_MS);
    const result = await perform(broker, load.work);
    clearInterval(timer);
    look();
    const [before, after] = [memory[0]!, memory.at(-1)!];
    rounds.push({ round, before, after, highest: Math.max(...memory), result });
  }
  printMemory(rounds);
  printPauses(log.pauses);
}

function printMemory(rounds: readonly MemoryRound[]): void {
  print("\nMemory of the broker, MB, round after round (the first one warms up):\n");
  print(formatColumns(rounds, [
    ["round", ({ round }) => String(round)],
    ["before", ({ before }) => before],
    ["after", ({ after }) => after],
    ["highest", ({ highest }) => highest],
    ["result", ({ result }) => result],
  ]));
}

function printPauses(pauses: readonly number[]): void {
  if (pauses.length === 0) return print("\nNo garbage collection after the warm-up.");
  const [p50, p99, p999, longest] = [0.5, 0.99, 0.999, 1]
    .map((part) => formatNumber(findQuantile(pauses, part), 2));
  print(
    `\n${pauses.length} garbage collections after the warm-up: p50 ${p50} ms, p99 ${p99} ms, ` +
      `p99.9 ${p999} ms, longest ${longest} ms.`,
  );
}

if (import.meta.main) await runMain(() => measure(readLoad(Deno.args)), "profile");
