/**
 * Random commands for coalescing, for an engine whose log is an array: many seeds. A longer run is
 * `COALESCE_SEEDS=1000 deno test -A tests/engine/coalesce_model_test.ts`.
 *
 * @module
 */

import { LocalEngine } from "../../src/engine/local_engine.ts";
import { ArrayLog, EventArray } from "./array_log.ts";
import { runCoalesceModel } from "./conformance/coalescing/coalesce_model.ts";
import { EngineUse, TestClock } from "./engine_use.ts";

/** How many runs there are, the seed of the first, and the commands of each. */
const SEEDS = Number(Deno.env.get("COALESCE_SEEDS") ?? 8);
const SEED = Number(Deno.env.get("COALESCE_SEED") ?? 1);
const STEPS = 80;

Deno.test(`coalescing does what a small model says, with seeds from ${SEED} on`, async () => {
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    const clock = new TestClock();
    const array = new EventArray();
    const open = () => LocalEngine.open({ log: new ArrayLog(array), now: () => clock.now });
    const use = new EngineUse(await open(), { clock, reopen: open });
    await runCoalesceModel(use, seed, STEPS);
    await use.engine.close();
  }
});
