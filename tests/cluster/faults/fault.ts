import type { Random } from "../../support/random.ts";
import type { BrokerNode } from "../scene/broker_node.ts";
import type { Scene } from "../scene/scene.ts";

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

/** Whose broker a fault means. */
export type Whose = "active" | "standby";

/** Finds the broker that a fault means. */
export function pickBroker(scene: Scene, whose: Whose, random: Random): BrokerNode {
  return whose === "active" ? scene.active : random.pick(scene.standbys);
}
