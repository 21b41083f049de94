/**
 * Simulates clusters, as many as one likes.
 *
 * ```sh
 * deno task test:cluster-simulation --worlds 1000 --seed 1
 * deno task test:cluster-simulation --worlds 1 --seed 17 --only brokers --tell
 * ```
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { ClusterWorld } from "./cluster_world.ts";
import { WindowWorld } from "./windows/window_world.ts";

/** What is simulated: windows on a log alone, whole brokers with clients, or clients who work with lanes and the like. */
export type WorldKind = "windows" | "brokers" | "work";

/** How much to simulate. */
export interface ClusterSimulation {
  /** The seed of the first world; each further one has the next. */
  readonly seed: number;
  readonly worlds: number;
  readonly kind: WorldKind;
  /** How long things go wrong in each, in virtual time. */
  readonly troubleMs: number;
  readonly tell?: ((what: string) => void) | undefined;
}

/** Goes through worlds; rejects with the seed of one in which something is wrong. */
export async function simulate(simulation: ClusterSimulation): Promise<Record<string, number>> {
  const { seed, worlds, kind, troubleMs, tell } = simulation;
  const total: Record<string, number> = {};
  for (let index = 0; index < worlds; index++) {
    const options = { seed: seed + index, troubleMs, tell, isAtWork: kind === "work" };
    const world = kind === "windows" ? new WindowWorld(options) : new ClusterWorld(options);
    try {
      await world.run();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${kind}, seed ${seed + index}: ${why}`, { cause });
    }
    for (const [key, count] of Object.entries(world.counts)) {
      total[key] = (total[key] ?? 0) + count;
    }
  }
  return total;
}

if (import.meta.main) {
  const flags = parseArgs(Deno.args, {
    string: ["seed", "worlds", "only", "trouble-ms"],
    boolean: ["tell"],
  });
  // deno-lint-ignore no-console
  const say = console.log;
  const seed = Number(flags.seed ?? Math.floor(Math.random() * 1e9));
  const worlds = Number(flags.worlds ?? 300);
  const troubleMs = Number(flags["trouble-ms"] ?? 20_000);
  const kinds = flags.only === undefined ? ["windows", "brokers", "work"] : [flags.only];
  for (const kind of kinds as WorldKind[]) {
    say(`seed ${seed}: ${worlds} worlds of ${kind}, ${troubleMs} ms of trouble each`);
    say(await simulate({ seed, worlds, kind, troubleMs, tell: flags.tell ? say : undefined }));
  }
}
