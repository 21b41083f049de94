/**
 * Brokers with something wrong, as tests need them that show that a soak would find it.
 *
 * @module
 */

import type { Engine } from "../../../src/broker/engine.ts";
import { openEngine } from "../../../src/program/open_engine.ts";

/** What is wrong: all kinds of things that grow with each stream, or confirmed messages that go. */
export type Plant = "growth" | "loss";

/** How often a message goes if one is ready just then, in milliseconds. */
const LOSS_MS = 2;

/** What grows. */
class Plot {
  readonly #seen = new Map<string, object>();
  readonly #hidden: (() => void)[] = [];

  /** Lets it grow: a map, timers, descriptors, and what only closures hold. */
  grow(stream: string): void {
    this.#seen.set(stream, {});
    setTimeout(() => {}, 3_600_000);
    Deno.openSync("/dev/null");
    const weed = new Weed();
    const before = this.#hidden.pop();
    this.#hidden.push(() => void [weed, before]);
  }
}

/** What only a closure holds. */
class Weed {}

/** Gives what opens an engine, with the plant in it, and an object that holds what grows. */
export function plantIn(plant: Plant | undefined): { open: typeof openEngine; root: object } {
  const plot = new Plot();
  if (plant === undefined) return { open: openEngine, root: {} };
  return {
    root: plot,
    open: async (settings, surroundings) => {
      const opened = await openEngine(settings, surroundings);
      const { engine } = opened;
      const create = engine.createStream.bind(engine);
      engine.createStream = (...parameters) => {
        if (plant === "growth") plot.grow(parameters[0]);
        return create(...parameters);
      };
      if (plant === "loss") setInterval(() => void lose(engine), LOSS_MS);
      return opened;
    },
  };
}

/** Takes a message away that a publisher was told is stored. */
async function lose(engine: Engine): Promise<void> {
  for (const { name, ready } of await engine.getStreams()) {
    if (ready === 0 || !name.startsWith("told-")) continue;
    const { infos: [first] } = await engine.peek(name, 1, 1);
    if (first?.state === "ready") await engine.cancelMessage(name, first.id).catch(() => {});
  }
}
