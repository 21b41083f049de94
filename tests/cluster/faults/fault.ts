import { delay } from "@std/async/delay";
import type { Random } from "../../support/random.ts";
import type { BrokerNode } from "../scene/broker_node.ts";
import { DEPOSED, type Scene } from "../scene/scene.ts";

/** What makes good again what a fault has done, as far as it does not heal by itself. */
export type Mend = () => Promise<void>;

/** Something that is done to a cluster. */
export interface Fault {
  /** What it is, as the table says it. */
  readonly what: string;
  /** How long it lasts at least until it is mended, in milliseconds; the shortest and the longest time. */
  readonly lastsMs: readonly [min: number, max: number];
  /** Whether clients stand still until it is mended. */
  readonly needsMending?: boolean;
  /** Does it. */
  strike(scene: Scene, random: Random): Promise<Mend>;
}

/** A broker that should end by itself has so long, in milliseconds. */
const END_MS = 15_000;

/** Whose broker a fault means. */
export type Whose = "active" | "standby";

/** Finds the broker that a fault means. */
export function pickBroker(scene: Scene, whose: Whose, random: Random): BrokerNode {
  return whose === "active" ? scene.active : random.pick(scene.standbys);
}

/**
 * Resolves when a broker has ended because another one has taken over. One that does not end like that is a
 * problem, and is ended.
 */
export async function waitUntilDeposed(scene: Scene, broker: BrokerNode): Promise<void> {
  const code = await Promise.race([broker.waitForEnd(), delay(END_MS)]);
  if (code === DEPOSED) return;
  const how = code === undefined ? "has not ended" : `has ended with ${code}`;
  scene.noteProblem(broker, `was deposed and ${how}`);
  await broker.end("SIGKILL");
}
