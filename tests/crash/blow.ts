/**
 * Ways to strike a broker down.
 *
 * @module
 */

import type { FaultKind } from "../support/checking/history.ts";
import type { Random } from "../support/random.ts";
import type { Load } from "./load.ts";
import type { RestartingBroker } from "./restarting_broker.ts";

/** What a blow can do something to. */
export interface Scene {
  readonly broker: RestartingBroker;
  readonly load: Load;
  readonly random: Random;
  /** To be called when the broker cannot make anything durable any more. */
  readonly noteStruck: () => void;
}

/** A way to strike a broker down. */
export interface Blow {
  readonly kind: FaultKind;
  /** Does it; when it resolves, the process has ended and a new one may be started. */
  strike(scene: Scene): Promise<void>;
}

/** The process is gone from one moment to the next. */
export const KILL: Blow = {
  kind: "kill",
  async strike({ broker, noteStruck }) {
    await broker.kill();
    noteStruck();
  },
};

/** The process is asked to end, and finishes what is under way. */
export const STOP: Blow = {
  kind: "stop",
  async strike({ broker, load, noteStruck }) {
    // The broker waits for its handlers; one that holds messages for long is not what this is about.
    load.letGo();
    const { code, lines } = await broker.stop();
    noteStruck();
    load.hold();
    if (code !== 0) throw new Error(`The broker has ended with ${code}:\n${lines.join("\n")}`);
  },
};
