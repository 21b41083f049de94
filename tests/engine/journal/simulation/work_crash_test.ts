/**
 * Crashes while clients use lanes, limits, lent keys, breakers and coalesce ids, cancel messages and put them off: what
 * they were told holds. A failure names its seed; `deno task test:simulation --only work --seed N --worlds 1 --tell`
 * plays it again, and `--worlds` more of them.
 *
 * @module
 */

import { assertGreater } from "@std/assert";
import { chooseLength } from "../../../support/length.ts";
import { simulateWork } from "./simulate.ts";

const WORLDS = chooseLength({ short: 5, long: 400 });
const CRASHES = 8;

Deno.test(`a journal keeps all that is promised to who works, in ${WORLDS} worlds (random)`, async () => {
  const seed = Number(Deno.env.get("FUZZ_SEED") ?? Math.floor(Math.random() * 1e9));
  const counts = await simulateWork({ seed, worlds: WORLDS, crashes: CRASHES });
  for (const [what, count] of Object.entries(counts)) {
    // Some things do not happen in each world.
    const least = ["opened", "stayedOpen", "probes"].includes(what) ? WORLDS / 10 - 1 : WORLDS;
    assertGreater(count, least, what);
  }
  // deno-lint-ignore no-console
  console.log(`seed ${seed}:`, counts, "broken: 0");
});
