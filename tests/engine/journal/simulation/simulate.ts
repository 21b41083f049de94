/**
 * Simulates crashes, as many as one likes.
 *
 * ```sh
 * deno task test:simulation --worlds 100000 --seed 1
 * deno task test:simulation --only work --worlds 1 --seed 17 --tell
 * ```
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { SimulatedWorld } from "./simulated_world.ts";
import { WorkWorld } from "./work_world.ts";
import { countNothing, type WorldCounts } from "./world_counts.ts";

/** How much to simulate. */
export interface Simulation {
  /** The seed of the first world; each further one has the next. */
  readonly seed: number;
  /** How many worlds. */
  readonly worlds: number;
  /** How many crashes in each. */
  readonly crashes: number;
}

/** Goes through worlds; rejects with the seed of one in which something is wrong. */
export async function simulate({ seed, worlds, crashes }: Simulation): Promise<WorldCounts> {
  const total = countNothing();
  for (let index = 0; index < worlds; index++) {
    const world = new SimulatedWorld({ seed: seed + index });
    try {
      await world.run(crashes);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const { counts } = world;
      throw new Error(`seed ${seed + index}, crash ${counts.crashes}: ${why}`, { cause });
    }
    for (const key of Object.keys(total) as (keyof WorldCounts)[]) total[key] += world.counts[key];
  }
  return total;
}

/**
 * Goes through worlds in which clients use lanes, keys, breakers and coalesce ids; rejects as {@linkcode simulate}.
 *
 * @param tell Hears what happens.
 */
export async function simulateWork(
  { seed, worlds, crashes }: Simulation,
  tell?: (what: string) => void,
): Promise<Record<string, number>> {
  const total: Record<string, number> = {};
  for (let index = 0; index < worlds; index++) {
    const world = new WorkWorld({ seed: seed + index, tell });
    const { counts } = world;
    try {
      await world.run(crashes);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`seed ${seed + index}, crash ${counts.crashes}: ${why}`, { cause });
    }
    for (const [key, count] of Object.entries(counts)) total[key] = (total[key] ?? 0) + count;
  }
  return total;
}

if (import.meta.main) {
  const flags = parseArgs(Deno.args, {
    string: ["seed", "worlds", "crashes", "only"],
    boolean: ["tell"],
  });
  const seed = Number(flags.seed ?? Math.floor(Math.random() * 1e9));
  // deno-lint-ignore no-console
  const say = console.log;
  if (flags.only !== "work") {
    const worlds = Number(flags.worlds ?? 10_000);
    const crashes = Number(flags.crashes ?? 20);
    say(`seed ${seed}: ${worlds} worlds with ${crashes} crashes each`);
    say(await simulate({ seed, worlds, crashes }), "lost: 0");
  }
  if (flags.only === undefined || flags.only === "work") {
    const worlds = Number(flags.worlds ?? 1000);
    const crashes = Number(flags.crashes ?? 8);
    say(`seed ${seed}: ${worlds} worlds of work with ${crashes} crashes each`);
    say(await simulateWork({ seed, worlds, crashes }, flags.tell ? say : undefined), "broken: 0");
  }
}
