import { DiskProbe } from "../../harness/process/disk_probe.ts";
import { describeTimes } from "../../harness/statistics.ts";
import type { Reference, ReferencePlan } from "../../tail/reference.ts";
import type { FlushWork, Host, Result } from "../work.ts";
import { countSteady } from "./schedule.ts";
import { TimedProgram } from "./timed_program.ts";

const PROGRAM = new URL("../../tail/reference.ts", import.meta.url);

/** What comes in the first part of a second is not counted: everything is new then. */
const WARM_UP_SECONDS = 0.5;

/** Of flushes one after the other, the first ones are not counted, either. */
const WARM_UP_COUNT = 100;

/** Measures a program that only writes and flushes what has come, at a steady rate or one at a time. */
export async function measureFlushes(
  { directory }: Pick<Host, "directory">,
  { rate, ...work }: FlushWork,
): Promise<Result> {
  return rate === undefined
    ? await measureOneByOne(directory, work.seconds)
    : await measureSchedule(directory, { ...work, rate });
}

async function measureOneByOne(directory: string, seconds: number): Promise<Result> {
  await using disk = await DiskProbe.open(directory);
  disk.measure(WARM_UP_COUNT);
  for (const end = performance.now() + seconds * 1000; performance.now() < end;) disk.measure(1);
  const times = disk.times.slice(WARM_UP_COUNT);
  return { count: times.length, confirmMs: describeTimes(times) };
}

async function measureSchedule(
  directory: string,
  work: Omit<FlushWork, "rate"> & { readonly rate: number },
): Promise<Result> {
  const warmUpCount = countSteady(work, Math.min(work.seconds, WARM_UP_SECONDS));
  const count = warmUpCount + countSteady(work, work.seconds);
  const plan: ReferencePlan = { directory, work, count, warmUpCount };
  await using program = await TimedProgram.start(PROGRAM, plan);
  const [found] = await TimedProgram.run(program);
  return { count, confirmMs: (found as Reference).flushedMs };
}
