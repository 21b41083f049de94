/**
 * What is done to nodes of NATS.
 *
 * @module
 */

import type { Random } from "../../support/random.ts";
import type { NatsNode } from "../../support/nats/nats_node.ts";
import type { Scene } from "../scene/scene.ts";
import type { Fault } from "./fault.ts";

/** Which node a fault means. */
export type Which = "leader" | "follower";

async function pickNode(scene: Scene, which: Which, random: Random): Promise<NatsNode> {
  const leader = await scene.findLeader();
  return which === "leader" ? leader : random.pick(scene.others(leader));
}

/** A node ends: from one moment to the next, or as an operator ends it. */
export function endNode(which: Which, how: "killed" | "stopped"): Fault {
  return {
    what: `NATS ${which} ${how}`,
    lastsMs: [0, 8000],
    async strike(scene, random) {
      const node = await pickNode(scene, which, random);
      await node.kill(how === "killed" ? "SIGKILL" : "SIGTERM");
      return () => Promise.resolve(node.start());
    },
  };
}

/** A node stands still, until it goes on where it was. */
export function pauseNode(which: Which): Fault {
  return {
    what: `NATS ${which} paused`,
    lastsMs: [2000, 12_000],
    async strike(scene, random) {
      const node = await pickNode(scene, which, random);
      node.pause();
      return () => Promise.resolve(node.resume());
    },
  };
}

/** Some nodes are gone from one moment to the next. */
export function killNodes(count: 2 | 3): Fault {
  return {
    what: count === 2 ? "two NATS nodes killed" : "all NATS nodes killed",
    lastsMs: [0, 4000],
    needsMending: true,
    async strike(scene, random) {
      const spared = count === 2 ? random.pick(scene.nats.nodes) : undefined;
      const nodes = scene.nats.nodes.filter((node) => node !== spared);
      await Promise.all(nodes.map((node) => node.kill()));
      return () => Promise.resolve(nodes.forEach((node) => node.start()));
    },
  };
}

/** The active broker and a node are gone at the same time. */
export function killBoth(which: Which | ((scene: Scene, random: Random) => NatsNode)): Fault {
  return {
    what: `active broker and NATS ${typeof which === "string" ? which : "node"} killed`,
    lastsMs: [0, 5000],
    async strike(scene, random) {
      const broker = scene.active;
      const node = typeof which === "string"
        ? await pickNode(scene, which, random)
        : which(scene, random);
      await Promise.all([node.kill(), scene.endBroker(broker, "SIGKILL")]);
      return async () => {
        node.start();
        await scene.startBroker(broker);
      };
    },
  };
}
