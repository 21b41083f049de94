/**
 * Does bad things to a cluster of real processes under load, and checks what its clients see.
 *
 * ```text
 * deno task test:cluster [--faults 20] [--seed N] [--brokers 3] [--namespaces]
 * deno task test:cluster --table [--times 10] [--rows kill,pause,…] [--brokers 2] [--namespaces]
 * ```
 *
 * The first form lets faults happen by chance, also two at a time. The second one measures for how long
 * clients stand still: a row for each kind of fault. Connections are cut by relays, or by network namespaces,
 * which needs root. The last lines have the counts. Exit code 1 if anything is wrong, 2 for wrong arguments.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { print, tell } from "../../bench/harness/print.ts";
import { findNatsServer } from "../support/nats/nats_program.ts";
import { Random } from "../support/random.ts";
import type { CampaignOptions } from "./campaign.ts";
import { formatClusterVerdict } from "./checking/cluster_verdict.ts";
import { runFaults } from "./long_run.ts";
import { canMakeNamespaces } from "./network/namespaced_network.ts";
import { measureTable, ROW_NAMES } from "./table.ts";

/** How long an active broker may be silent. */
const LEASE_MS = 2000;

/** What can be asked for. */
interface Flags {
  readonly isTable: boolean;
  readonly times: number;
  readonly rows: readonly string[];
  readonly faults: number;
  readonly seed: number;
  readonly brokers: number;
  readonly isNamespaced: boolean;
}

/** Runs, and prints what came of it; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const flags = readFlags(args);
  if (flags === undefined) return 2;
  const { program, missing } = await findNatsServer();
  if (program === undefined) {
    print(`Nothing is tested here: ${missing}`);
    print("ok | 0 passed | 0 failed");
    return 0;
  }
  if (flags.isNamespaced && !await canMakeNamespaces()) {
    tell("--namespaces needs root, and a Linux with network namespaces");
    return 2;
  }
  tell(`seed ${flags.seed}`);
  const folder = await Deno.makeTempDir({ prefix: "simplemq-cluster-" });
  const options: CampaignOptions = {
    way: flags.isNamespaced ? "namespaces" : "proxies",
    brokers: flags.brokers,
    leaseMs: LEASE_MS,
    random: new Random(flags.seed),
    program,
    folder,
    tell: (line) => tell(`${new Date().toISOString().slice(11, 23)} ${line}`),
  };
  const isRight = await (flags.isTable ? runTable : runLong)(options, flags).catch((error) => {
    tell(describeError(error));
    return false;
  });
  if (isRight) await Deno.remove(folder, { recursive: true });
  else tell(`everything is left in ${folder}`);
  // As CI reads it.
  print(`${isRight ? "ok" : "FAILED"} | ${isRight ? 1 : 0} passed | ${isRight ? 0 : 1} failed`);
  return isRight ? 0 : 1;
}

/** Tells all of an error, also what came up while things were put away after it. */
function describeError(error: unknown): string {
  if (!(error instanceof SuppressedError)) {
    return error instanceof Error ? error.stack! : `${error}`;
  }
  return `${describeError(error.suppressed)}\nthen ${describeError(error.error)}`;
}

async function runTable(options: CampaignOptions, flags: Flags): Promise<boolean> {
  const { rows, times, seed } = flags;
  const { verdict, appends, problems } = await measureTable({ ...options, rows, times, print });
  for (const line of [...verdict.examples, ...problems]) tell(line);
  print(`\nseed ${seed}, ${appends} appends, ${formatClusterVerdict(verdict)}`);
  return verdict.isClean && problems.length === 0;
}

async function runLong(options: CampaignOptions, { faults, seed }: Flags): Promise<boolean> {
  const start = performance.now();
  const { verdict, appends, counts, pairs, problems } = await runFaults({ ...options, faults });
  const seconds = Math.round((performance.now() - start) / 1000);
  for (const line of [...verdict.examples, ...problems]) tell(line);
  for (const [what, count] of [...counts].sort()) print(`${count} × ${what}`);
  for (const [pair, count] of [...pairs].sort()) print(`${count} × ${pair} together`);
  print(
    `seed ${seed}, ${options.way}, ${options.brokers} brokers, ${seconds} s, ${appends} appends, ` +
      `${problems.length} problems, ${formatClusterVerdict(verdict)}`,
  );
  return verdict.isClean && problems.length === 0;
}

function readFlags(args: readonly string[]): Flags | undefined {
  const string = ["faults", "seed", "brokers", "times", "rows"] as const;
  const found = parseArgs([...args], { string, boolean: ["table", "namespaces"] });
  const flags: Flags = {
    isTable: found.table,
    times: Number(found.times ?? 10),
    rows: found.rows?.split(",") ?? ROW_NAMES,
    faults: Number(found.faults ?? 20),
    seed: Number(found.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]),
    brokers: Number(found.brokers ?? (found.table ? 2 : 3)),
    isNamespaced: found.namespaces,
  };
  const areCounts = [flags.times, flags.faults, flags.brokers]
    .every((count) => Number.isSafeInteger(count) && count > 0);
  const areRows = flags.rows.every((name) => ROW_NAMES.includes(name));
  const isRight = areCounts && areRows && flags.brokers > 1 && Number.isSafeInteger(flags.seed);
  if (isRight && found._.length === 0) return flags;
  tell("usage: deno task test:cluster [--faults 20] [--seed N] [--brokers 3] [--namespaces]");
  tell(
    "  or deno task test:cluster --table [--times 10] [--rows A,B] [--brokers 2] [--namespaces]",
  );
  tell(`  rows: ${ROW_NAMES.join(", ")}`);
  return undefined;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
