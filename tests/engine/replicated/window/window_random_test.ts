/**
 * Windows in worlds in which everything goes wrong that may: what a window confirms, counts for every reader.
 *
 * @module
 */

import { assertGreater } from "@std/assert";
import { WindowWorld, type WorldOptions } from "./window_world.ts";

/** Another one can be tried: `SEED=… deno test`. */
const SEED = Number(Deno.env.get("SEED") ?? 1);
const WORLDS = Number(Deno.env.get("WORLDS") ?? 60);

const worlds: [what: string, Pick<WorldOptions, "hasOthers" | "shrinks">][] = [
  ["a broker", { hasOthers: false, shrinks: false }],
  ["brokers that take over from each other", { hasOthers: true, shrinks: false }],
  ["a broker whose log loses its end", { hasOthers: false, shrinks: true }],
];
for (const [what, options] of worlds) {
  Deno.test(`${what}: what is confirmed counts once, and in order (seed ${SEED})`, async () => {
    let confirmedCount = 0;
    for (let seed = SEED * 10_000; seed < SEED * 10_000 + WORLDS; seed++) {
      try {
        confirmedCount += await new WindowWorld({ seed, steps: 80, ...options }).run();
      } catch (error) {
        throw new Error(`world ${seed}`, { cause: error });
      }
    }
    assertGreater(confirmedCount, WORLDS);
  });
}
