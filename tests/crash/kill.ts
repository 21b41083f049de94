/**
 * Kills a broker at random moments under load, for as long as one likes, and checks that it keeps its
 * promises.
 *
 * ```text
 * deno run -A tests/crash/kill.ts [--kills 100] [--seed N] [--stop] [--directory PATH]
 *   [--messages 100] [--large 0.05] [--memory 256MiB]
 * ```
 *
 * Each publisher sends so many messages between two kills, a part of them large: up to 128 KiB. Less
 * memory than there are messages has the broker read them back; without a word about it, the seed
 * chooses.
 *
 * With `--stop` the broker is stopped by SIGTERM instead; then nothing that was acknowledged may come
 * again. The last line has the counts. Exit code 1 if anything is wrong, 2 for wrong arguments.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { print, tell } from "../../bench/harness/print.ts";
import { Random } from "../support/random.ts";
import { formatVerdict } from "../support/checking/verdict.ts";
import { KILL, STOP } from "./blow.ts";
import { type CrashResult, runCrashes } from "./crash_run.ts";

/** What can be asked for. */
interface Flags {
  readonly kills: number;
  readonly seed: number;
  readonly isStop: boolean;
  readonly directory: string | undefined;
  readonly messages: number;
  readonly large: number;
  readonly memory: string;
}

/** How much memory a broker may use for messages: all that it wants, or next to nothing. */
const MEMORY = ["256MiB", "64KiB"];

/** Runs, and prints what came of it; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const flags = readFlags(args);
  if (flags === undefined) return 2;
  const { kills, seed, isStop } = flags;
  tell(`seed ${seed}`);
  const directory = flags.directory ?? await Deno.makeTempDir({ prefix: "simplemq-kill-" });
  const isRight = await runIn(directory, flags).catch((error) => {
    tell(`seed ${seed}, ${kills} ${isStop ? "stops" : "kills"}: ${error.stack}`);
    return false;
  });
  if (isRight && flags.directory === undefined) await Deno.remove(directory, { recursive: true });
  if (!isRight) tell(`the journal is left in ${directory}`);
  return isRight ? 0 : 1;
}

/** Runs in a directory; returns whether everything is as it must be. */
async function runIn(directory: string, flags: Flags): Promise<boolean> {
  const { kills: count, seed, isStop, messages, large: largeShare, memory } = flags;
  const what = isStop ? "stops" : "kills";
  const start = performance.now();
  const result = await runCrashes({
    seed,
    directory,
    blow: isStop ? STOP : KILL,
    count,
    flags: ["--storage-memory-limit", memory],
    messages,
    largeShare,
    startKillChance: isStop ? 0 : 1 / 6,
    laterMs: 40,
    tell: (done) => {
      if (done % 50 === 0) tell(`${done} of ${count} ${what}`);
    },
  });
  const seconds = Math.round((performance.now() - start) / 1000);
  for (const example of result.verdict.examples) tell(example);
  print(
    `seed ${seed}, memory ${memory}, ${seconds} s, ${count} ${what}, ${result.startKills} kills while starting, ` +
      `${formatVerdict(result.verdict)}, left in the end ${result.cameBack}`,
  );
  return isGood(result, isStop);
}

function isGood({ verdict, cameBack }: CrashResult, isStop: boolean): boolean {
  const isKept = verdict.isClean && cameBack === 0;
  return isKept && !(isStop && verdict.repeatedAfterAck > 0);
}

function readFlags(args: readonly string[]): Flags | undefined {
  const string = ["kills", "seed", "directory", "messages", "large", "memory"] as const;
  const found = parseArgs([...args], { string, boolean: ["stop"] });
  const kills = Number(found.kills ?? 100);
  const seed = Number(found.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const messages = Number(found.messages ?? 100);
  const large = Number(found.large ?? 1 / 20);
  const memory = found.memory ?? new Random(seed).pick(MEMORY);
  const areCounts = [kills, messages].every((count) => Number.isSafeInteger(count) && count > 0);
  const isRight = areCounts && Number.isSafeInteger(seed) && large >= 0 && large <= 1;
  if (isRight && found._.length === 0) {
    return { kills, seed, isStop: found.stop, directory: found.directory, messages, large, memory };
  }
  tell(
    "usage: deno run -A tests/crash/kill.ts [--kills 100] [--seed N] [--stop] [--directory PATH]",
  );
  tell("  [--messages 100] [--large 0.05] [--memory 256MiB]");
  return undefined;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
