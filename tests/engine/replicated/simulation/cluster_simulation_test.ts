/**
 * Clusters in virtual time, on a log that fails, with brokers that die, stand still and are cut off: nothing that was
 * confirmed is lost. A failure names its seed; `deno task test:cluster-simulation --seed N --worlds 1 --tell` plays it
 * again, and `--worlds` more of them.
 *
 * @module
 */

import { assertGreater } from "@std/assert";
import { chooseLength } from "../../../support/length.ts";
import { simulate, type WorldKind } from "./simulate.ts";

const WORLDS: readonly (readonly [kind: WorldKind, worlds: number, troubleMs: number])[] = [
  ["windows", 6, 10_000],
  ["brokers", 2, 10_000],
  ["work", chooseLength({ short: 1, long: 100 }), 10_000],
];

for (const [kind, worlds, troubleMs] of WORLDS) {
  Deno.test(`a cluster loses nothing in ${worlds} worlds of ${kind} (random)`, async () => {
    const seed = Number(Deno.env.get("FUZZ_SEED") ?? Math.floor(Math.random() * 1e9));
    const counts = await simulate({ seed, worlds, kind, troubleMs });
    assertGreater(counts.confirmed, worlds);
    // deno-lint-ignore no-console
    console.log(`seed ${seed}:`, counts, "lost: 0");
  });
}
