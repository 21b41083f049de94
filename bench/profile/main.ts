/**
 * Says where broker and client spend their time under load, how long garbage collections stop the
 * broker, and whether its memory grows.
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
import { Child, killChildren } from "../harness/process/child.ts";
import type { VisitPlan } from "../work/visit.ts";
import type { Work } from "../work/work.ts";
import { print, tell } from "../harness/print.ts";
import { findQuantile } from "../harness/statistics.ts";
import { formatNumber, formatTable } from "../harness/table.ts";
import { CollectionLog } from "./collections.ts";
import { type Cost, type CpuProfile, readCpuProfile } from "./cpu_profile.ts";
import { type Load, readLoad } from "./load.ts";

/** What does the work. */
const VISIT = new URL("../work/visit.ts", import.meta.url);

/** What it does it with. */
const CLIENT = new URL("../harness/simplemq_client.ts", import.meta.url);

/** So many lines of a profile are printed. */
const LINE_COUNT = 25;

/** So often the memory is looked at, in milliseconds. */
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
    result = await visit(broker, [load.work], at("client"));
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

/** Does works in a process of its own; gives the last line that it says. */
async function visit(
  broker: BrokerProcess,
  works: readonly Work[],
  flags: readonly string[] = [],
): Promise<string> {
  const plan: VisitPlan = {
    clientUrl: CLIENT.href,
    port: broker.port,
    pid: broker.pid,
    directory: broker.directory,
    works,
  };
  const args = [JSON.stringify(plan)];
  const child = new Child({ program: VISIT, args, flags, output: "stdout", lineMs: Infinity });
  let line = "";
  for (const _ of works) [line] = await child.findLine(/^\{.*\}$/m);
  await child.finish();
  return line;
}

function printProfile(side: string, { busyShare, functions, files }: CpuProfile): void {
  const percent = (value: number) => `${formatNumber(100 * value, 1)} %`;
  const rows = (costs: readonly Cost[]) =>
    costs.slice(0, LINE_COUNT).map(({ name, share }) => [name, percent(share)]);
  print(`\nThe ${side} was busy ${percent(busyShare)} of the time. By file:\n`);
  print(formatTable({ head: ["file", "of busy time"], rows: rows(files) }));
  print("\nBy function:\n");
  print(formatTable({ head: ["function", "of busy time"], rows: rows(functions) }));
}

/** Runs the load twice on one broker, the first time to warm up, and looks at pauses and memory. */
async function watchMemory(load: Load): Promise<void> {
  const log = new CollectionLog();
  const watching: Watching = {
    flags: ["--v8-flags=--trace-gc"],
    onOther: (text) => log.take(text),
  };
  await using broker = await BrokerProcess.start(load.engine, ".", watching);
  const memory: number[] = [];
  const look = () => memory.push((broker.readResidentBytes() ?? 0) / 1e6);
  const timer = setInterval(look, LOOK_MS);
  const rounds: { first: number; last: number; highest: number; result: string }[] = [];
  for (let round = 0; round < load.rounds; round++) {
    if (round === 1) log.clear();
    memory.length = 0;
    look();
    const result = await visit(broker, [load.work]);
    look();
    const [first, last] = [memory[0]!, memory.at(-1)!];
    rounds.push({ first, last, highest: Math.max(...memory), result });
  }
  clearInterval(timer);
  print("\nMemory of the broker, MB, round after round (the first one warms up):\n");
  print(formatTable({
    head: ["round", "before", "after", "highest", "what was done"],
    rows: rounds.map(({ first, last, highest, result }, index) => [
      String(index + 1),
      ...[first, last, highest].map((value) => formatNumber(value)),
      result,
    ]),
  }));
  const { pauses } = log;
  if (pauses.length === 0) return print("\nNo garbage collection after the warm-up.");
  const [p50, p99, p999, longest] = [0.5, 0.99, 0.999, 1]
    .map((part) => formatNumber(findQuantile(pauses, part), 2));
  print(
    `\n${pauses.length} garbage collections after the warm-up: p50 ${p50} ms, p99 ${p99} ms, ` +
      `p99.9 ${p999} ms, longest ${longest} ms.`,
  );
}

if (import.meta.main) {
  try {
    await measure(readLoad(Deno.args));
  } catch (error) {
    tell(`The profile has failed: ${error instanceof Error ? error.message : error}`);
    killChildren();
    Deno.exit(1);
  }
}
