/**
 * Crashes on a disk that loses, tears and reorders what was not flushed, fails
 * and fills up: nothing that was confirmed is lost. A failure names its seed;
 * `deno task test:simulation --seed N --worlds 1` plays it again, and `--worlds` more of them.
 *
 * @module
 */

import { assertGreater } from "@std/assert";
import { chooseLength } from "../../../support/length.ts";
import { simulate } from "./simulate.ts";

/** So many worlds, and crashes in each of them. */
const WORLDS = chooseLength({ short: 15, long: 400 });
const CRASHES = 20;

Deno.test(`JournalEngine loses nothing in ${WORLDS * CRASHES} simulated crashes (random)`, async () => {
  const seed = Number(Deno.env.get("FUZZ_SEED") ?? Math.floor(Math.random() * 1e9));
  const counts = await simulate({ seed, worlds: WORLDS, crashes: CRASHES });
  assertGreater(counts.crashes, WORLDS * CRASHES - 1);
  // deno-lint-ignore no-console
  console.log(`seed ${seed}:`, counts, "lost: 0");
});
