import { killChildren } from "../process/child.ts";
import { removeWorkspaces } from "../process/workspace.ts";
import { tell } from "../print.ts";

/**
 * Runs a bench and ends the process: an error is told in a line, and nothing that was started stays
 * behind, not even when somebody stops the bench.
 *
 * @param what The name of what may fail.
 */
export async function runMain(run: () => Promise<void>, what: string = "bench"): Promise<never> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, fail);
  try {
    await run();
  } catch (error) {
    tell(`The ${what} has failed: ${explain(error)}`);
    fail();
  }
  // Clients may keep the process alive.
  Deno.exit(0);
}

/** Does something several times, one after the other. */
export async function repeat<T>(what: string, count: number, run: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < count) {
    tell(`${what} ${results.length + 1} of ${count}`);
    results.push(await run());
  }
  return results;
}

/** Runs rounds; one more comes before them, to warm up, and does not count, if there is time. */
export async function runRounds<T>(
  what: string,
  count: number,
  run: () => Promise<T>,
  isWarmedUp: boolean = true,
): Promise<T[]> {
  if (isWarmedUp) {
    tell(`${what}: warm-up`);
    await run();
  }
  return await repeat(`${what}: round`, count, run);
}

function fail(): never {
  killChildren();
  removeWorkspaces();
  Deno.exit(1);
}

/** An error in a line, with what caused it. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${explain(error.cause)}`;
}
