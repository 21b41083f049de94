/**
 * Cuts the power of a broker's disk, in two ways, and checks that what was confirmed is there.
 *
 * ```text
 * deno run -A tests/power/cut.ts [--cuts 20] [--images 30] [--fs ext4|xfs|both] [--seed N]
 * ```
 *
 * Cuts: a file system is shut down in the midst of the work. Images: the whole disk is copied in one
 * moment while the broker works, and a broker is started on each copy. Only what was confirmed before
 * the moment began has to be there.
 *
 * With `--sync never` the broker does not flush, and messages must be found to be lost: that is how
 * to see that this program would notice.
 *
 * It needs root, Linux and some programs, and says what is missing: exit code 2. Exit code 1 if
 * anything is wrong. Nothing is left behind, also after Ctrl-C.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { parseArgs } from "@std/cli/parse-args";
import { print, tell } from "../../bench/harness/print.ts";
import { killBrokers } from "../crash/restarting_broker.ts";
import { formatVerdict, type Verdict } from "../support/checking/verdict.ts";
import { cutAgainAndAgain } from "./cutting.ts";
import { takeAndCheck } from "./imaging.ts";
import { FILE_SYSTEMS, type FileSystem } from "./loop_disk.ts";
import { endCommands } from "./ready_command.ts";
import { findMissing } from "./requirements.ts";
import { Workshop } from "./workshop.ts";

/** A broker must have ended so long after it has to flush and cannot, in milliseconds. */
const END_MS_MAX = 1000;

/** So long is waited for what is under way when somebody interrupts it, in milliseconds. */
const FAREWELL_MS = 3000;

/** How it ends. */
const EXIT_CODE = { good: 0, wrong: 1, impossible: 2, interrupted: 130 };

/** What can be asked for. */
interface Flags {
  readonly cuts: number;
  readonly images: number;
  readonly fileSystems: readonly FileSystem[];
  readonly seed: number;
  readonly sync: string;
}

/** Does what is asked for; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const flags = readFlags(args);
  if (flags === undefined) return EXIT_CODE.impossible;
  const missing = await findMissing([...new Set<FileSystem>([...flags.fileSystems, "xfs"])]);
  for (const what of missing) tell(`cannot cut anything off without ${what}`);
  if (missing.length > 0) return EXIT_CODE.impossible;
  await using workshop = await Workshop.create();
  const interrupted = waitForInterrupt();
  const working = work(flags, workshop);
  const outcome = await Promise.race([working, interrupted]);
  if (outcome !== "interrupted") return outcome ? EXIT_CODE.good : EXIT_CODE.wrong;
  tell("interrupted: clearing away");
  await killBrokers();
  await endCommands();
  // Without brokers it soon comes to an end by itself.
  await deadline(working, FAREWELL_MS).catch(() => {});
  return EXIT_CODE.interrupted;
}

/** Resolves when somebody wants it to end. */
function waitForInterrupt(): Promise<"interrupted"> {
  const { promise, resolve } = Promise.withResolvers<"interrupted">();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => resolve("interrupted"));
  }
  return promise;
}

/** Cuts and takes images; returns whether everything is as it must be. */
async function work(flags: Flags, workshop: Workshop): Promise<boolean> {
  tell(`seed ${flags.seed}`);
  let isGood = true;
  for (const fileSystem of flags.fileSystems) {
    if (flags.cuts > 0) isGood = await cut(flags, { fileSystem, workshop }) && isGood;
    if (flags.images > 0) isGood = await image(flags, { fileSystem, workshop }) && isGood;
  }
  return isGood;
}

/** Where to work. */
interface Place {
  readonly fileSystem: FileSystem;
  readonly workshop: Workshop;
}

async function cut({ cuts, seed, sync }: Flags, place: Place): Promise<boolean> {
  const { fileSystem } = place;
  const result = await cutAgainAndAgain({
    ...place,
    cuts,
    seed,
    flags: ["--storage-sync", sync],
    tell: (done) => tell(`${fileSystem}: ${done} of ${cuts} cuts`),
  });
  const { verdict, slowestEndMs, lostStreams, cameBack } = result;
  for (const example of verdict.examples) tell(example);
  print(
    `${fileSystem}: cuts ${cuts}, slowest end ${slowestEndMs} ms, left in the end ${cameBack}, ` +
      `lost streams ${lostStreams}, ${formatVerdict(verdict)}`,
  );
  const isKept = verdict.isClean && lostStreams === 0 && cameBack === 0;
  return isKept && slowestEndMs <= END_MS_MAX;
}

async function image({ images: count, seed, sync }: Flags, place: Place): Promise<boolean> {
  const { fileSystem } = place;
  const { live, images, found } = await takeAndCheck({
    ...place,
    images: count,
    seed,
    flags: ["--storage-sync", sync],
    tell: (done) => tell(`${fileSystem}: ${done} of ${count} images checked`),
  });
  const verdicts = [live, ...images];
  for (const example of verdicts.flatMap(({ examples }) => examples)) tell(example);
  print(`${fileSystem}: images ${count}, found on them ${found}, ${formatVerdict(addUp(images))}`);
  print(`${fileSystem}: the broker that went on: ${formatVerdict(live)}`);
  return verdicts.every(({ isClean }) => isClean);
}

/** Adds up the counts of some verdicts. */
function addUp(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce((sum, verdict) => {
    const added: Record<string, unknown> = { ...sum };
    for (const [name, count] of Object.entries(verdict)) {
      const before = added[name];
      if (typeof count === "number" && typeof before === "number") added[name] = before + count;
    }
    return added as unknown as Verdict;
  });
}

function readFlags(args: readonly string[]): Flags | undefined {
  const found = parseArgs([...args], { string: ["cuts", "images", "fs", "seed", "sync"] });
  const cuts = Number(found.cuts ?? 20);
  const images = Number(found.images ?? 30);
  const seed = Number(found.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const { fs = "both", sync = "always" } = found;
  const fileSystems = FILE_SYSTEMS.filter((name) => fs === name || fs === "both");
  const areNumbers = [cuts, images, seed].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (areNumbers && fileSystems.length > 0 && found._.length === 0) {
    return { cuts, images, fileSystems, seed, sync };
  }
  tell(
    "usage: deno run -A tests/power/cut.ts [--cuts 20] [--images 30] [--fs ext4|xfs|both] " +
      "[--seed N] [--sync always|interval|never]",
  );
  return undefined;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
