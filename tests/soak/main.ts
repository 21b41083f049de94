/**
 * Has brokers of several configurations work for an hour, while clients, streams, keys, lanes and schedules
 * come and go and faults happen, and checks that nothing grows and that clients see what they were promised.
 *
 * ```text
 * deno task test:soak [--minutes 60] [--seed N]
 * ```
 *
 * A line for each round tells how far it is. SIGINT ends it with the round under way, a second one at once. In the end it prints what was done, names what has grown and
 * what went wrong, and ends with exit code 1 if there is anything of the kind, 2 for wrong arguments.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { print, tell } from "../../bench/harness/print.ts";
import { soak, type SoakResult } from "./soak.ts";

/** In less time than this, rounds are short, so that there are enough of them. */
const SHORT_MINUTES = 5;

/** Runs; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const found = parseArgs([...args], { string: ["minutes", "seed"] });
  const minutes = Number(found.minutes ?? 60);
  const seed = Number(found.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  if (!(minutes > 0) || !Number.isSafeInteger(seed) || found._.length > 0) {
    tell("usage: deno task test:soak [--minutes 60] [--seed N]");
    return 2;
  }
  tell(`seed ${seed}`);
  const isShort = minutes < SHORT_MINUTES;
  const stopping = new AbortController();
  const stop = () => stopping.signal.aborted ? Deno.exit(130) : stopping.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  const start = performance.now();
  const result = await soak({
    seed,
    signal: stopping.signal,
    ms: minutes * 60_000,
    roundMs: isShort ? 2500 : 15_000,
    visitors: isShort ? 4 : 5,
    tell: (line) => tell(`${new Date().toISOString().slice(11, 19)} ${line}`),
  });
  const spent = Math.round((performance.now() - start) / 1000);
  report(result);
  const wrong = result.growths.length + result.findings.length;
  print(`seed ${seed}, ${result.rounds} rounds in ${spent} s, ${wrong} things wrong`);
  // As CI reads it.
  print(`${wrong === 0 ? "ok" : "FAILED"} | ${wrong === 0 ? 1 : 0} passed | ${wrong} failed`);
  return wrong === 0 ? 0 : 1;
}

function report({ growths, findings, counts }: SoakResult): void {
  for (const [what, count] of [...counts].sort()) print(`${count} ${what}`);
  for (const finding of findings) print(`wrong: ${finding}`);
  for (const growth of growths) print(`has grown: ${growth}`);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
