/**
 * Takes backups of a broker under load, restores each, and compares it with what clients knew, as many
 * times as one likes: as directories and archives, two at a time, with brokers and clients that are killed
 * meanwhile, and with targets that are too small.
 *
 * ```text
 * deno task test:backup [--restores 100] [--seed N] [--messages 100] [--large 0.05]
 * ```
 *
 * Where file systems can be mounted, the broker has a small one: its segments are small then, so that they
 * come and go while backups are read. The last line has the counts. Exit code 1 if anything is wrong, 2 for
 * wrong arguments.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { print, tell } from "../../bench/harness/print.ts";
import { formatVerdict } from "../support/checking/verdict.ts";
import { TestDirectory } from "../support/disk/journals.ts";
import { SmallFileSystem } from "../support/disk/small_file_system.ts";
import { type BackupPlan, canBeFull, runBackups, type Way, WAYS } from "./backup_run.ts";

/** One round of each way has so many backups that are restored in any case. */
const SURE_RESTORES = 4;

/** The broker's file system: its segments have a sixteenth of that. */
const SIZE = "size=96m";

type Flags = Pick<BackupPlan, "seed" | "messages" | "largeShare"> & { readonly restores: number };

/** Runs, and prints what came of it; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const flags = readFlags(args);
  if (flags === undefined) return 2;
  tell(`seed ${flags.seed}`);
  await using scratch = await TestDirectory.create();
  using small = canBeFull ? new SmallFileSystem(SIZE) : undefined;
  await using plain = small === undefined ? await TestDirectory.create() : undefined;
  return await runIn(`${(small ?? plain)!.path}/journal`, scratch.path, flags) ? 0 : 1;
}

async function runIn(directory: string, scratch: string, flags: Flags): Promise<boolean> {
  const { restores, ...plan } = flags;
  const round: readonly Way[] = canBeFull ? [...WAYS, "full"] : WAYS;
  const ways = Array.from({ length: Math.ceil(restores / SURE_RESTORES) }, () => round).flat();
  const start = performance.now();
  const progress = (done: number) => {
    if (done % 30 === 0) tell(`${done} of ${ways.length} rounds`);
  };
  const result = await runBackups({ ...plan, directory, scratch, ways, tell: progress });
  const seconds = Math.round((performance.now() - start) / 1000);
  for (const example of [...result.verdict.examples, ...result.wrong.slice(0, 20)]) tell(example);
  print(
    `seed ${flags.seed}, ${seconds} s, ${result.restored} backups restored, ${result.unfinished} not ` +
      `finished, ${result.messages} messages in them, ${result.wrong.length} wrong, ` +
      formatVerdict(result.verdict),
  );
  const wrong = result.wrong.length + (result.verdict.isClean ? 0 : 1) +
    Math.max(0, restores - result.restored);
  // As CI reads it.
  print(`${wrong === 0 ? "ok" : "FAILED"} | ${result.restored} passed | ${wrong} failed`);
  return wrong === 0;
}

function readFlags(args: readonly string[]): Flags | undefined {
  const string = ["restores", "seed", "messages", "large"] as const;
  const found = parseArgs([...args], { string });
  const restores = Number(found.restores ?? 100);
  const seed = Number(found.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const messages = Number(found.messages ?? 100);
  const largeShare = Number(found.large ?? 1 / 20);
  const areCounts = [restores, messages].every((count) => Number.isSafeInteger(count) && count > 0);
  if (areCounts && Number.isSafeInteger(seed) && largeShare >= 0 && largeShare <= 1) {
    return { restores, seed, messages, largeShare };
  }
  tell("usage: deno task test:backup [--restores 100] [--seed N] [--messages 100] [--large 0.05]");
  return undefined;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
