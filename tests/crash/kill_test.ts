/**
 * A broker that ends again and again in the midst of its work keeps its promises: the short form of
 * `kill.ts`.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { chooseLength } from "../support/length.ts";
import { TestDirectory } from "../support/disk/journals.ts";
import { formatVerdict, type Verdict } from "../support/checking/verdict.ts";
import { type Blow, KILL, STOP } from "./blow.ts";
import { type CrashResult, runCrashes } from "./crash_run.ts";

/** Runs a few blows; the seed is told, so that a failure can be looked into. */
async function run(blow: Blow, count: number): Promise<CrashResult> {
  await using directory = await TestDirectory.create();
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  // deno-lint-ignore no-console
  console.log(`seed ${seed}`);
  const result = await runCrashes({
    seed,
    directory: directory.path,
    blow,
    count,
    messages: 40,
    largeShare: 1 / 50,
    startKillChance: blow.kind === "kill" ? 1 / 6 : 0,
    laterMs: 0,
  });
  // deno-lint-ignore no-console
  console.log(formatVerdict(result.verdict));
  return result;
}

/** Nothing was done that must not be, and something was done. */
function expectClean(verdict: Verdict): void {
  assertEquals(verdict.examples, []);
  assert(verdict.isClean);
  assert(verdict.confirmed > 100 && verdict.refused > 0 && verdict.ackConfirmed > 0);
}

Deno.test("SIGKILL, again and again: what was confirmed is there, once and in order", async () => {
  const { verdict, cameBack } = await run(KILL, chooseLength({ short: 2, long: 6 }));
  expectClean(verdict);
  assertEquals(cameBack, 0);
});

Deno.test("SIGTERM, again and again: what was acknowledged does not come again", async () => {
  const { verdict, cameBack } = await run(STOP, chooseLength({ short: 2, long: 3 }));
  expectClean(verdict);
  assertEquals([verdict.repeatedAfterAck, cameBack], [0, 0]);
});
