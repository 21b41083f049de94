import type { Reference, ReferencePlan } from "../../tail/reference.ts";
import type { FlushWork, Host, Result } from "../work.ts";
import { countSteady } from "./schedule.ts";
import { TimedProgram } from "./timed_program.ts";

const PROGRAM = new URL("../../tail/reference.ts", import.meta.url);

/** What comes in the first part of a second is not counted: everything is new then. */
const WARM_UP_SECONDS = 0.5;

/** Measures a program with the arrivals of a steady rate that only writes and flushes what has come. */
export async function measureFlushes(
  { directory }: Pick<Host, "directory">,
  work: FlushWork,
): Promise<Result> {
  const warmUpCount = countSteady(work, Math.min(work.seconds, WARM_UP_SECONDS));
  const count = warmUpCount + countSteady(work, work.seconds);
  const plan: ReferencePlan = { directory, work, count, warmUpCount };
  await using program = await TimedProgram.start(PROGRAM, plan);
  const [found] = await TimedProgram.run(program);
  return { count, confirmMs: (found as Reference).flushedMs };
}
