/**
 * What is cut between processes.
 *
 * @module
 */

import type { NatsNode } from "../../support/nats/nats_node.ts";
import type { Random } from "../../support/random.ts";
import { CLIENTS, type Place } from "../network/network.ts";
import type { BrokerNode } from "../scene/broker_node.ts";
import type { Scene } from "../scene/scene.ts";
import { type Fault, pickBroker, type Whose } from "./fault.ts";

type Pair = readonly [one: Place, other: Place];

const LASTS_MS: Fault["lastsMs"] = [3000, 12_000];

async function cut(scene: Scene, pairs: readonly Pair[]): Promise<() => Promise<void>> {
  await Promise.all(pairs.map((pair) => scene.network.cut(...pair)));
  return async () => {
    for (const pair of pairs) await scene.network.heal(...pair);
  };
}

/** Cuts a broker off from nodes, and waits for its end if another one has taken over meanwhile. */
async function cutBroker(scene: Scene, broker: BrokerNode, nodes: readonly NatsNode[]) {
  const { epoch } = scene.watch;
  const isActive = broker === scene.active;
  scene.linger(broker);
  const heal = await cut(scene, nodes.map(({ name }) => [broker.id, name]));
  return async () => {
    await heal();
    if (isActive && broker.isRunning && scene.watch.epoch > epoch) {
      scene.expectEnd(broker);
    }
  };
}

/** A broker reaches no node. */
export function cutFromLog(whose: Whose): Fault {
  return {
    what: `${whose} broker cut off from NATS`,
    lastsMs: LASTS_MS,
    strike: (scene, random) => cutBroker(scene, pickBroker(scene, whose, random), scene.nats.nodes),
  };
}

/** A broker does not reach the node that leads the log. */
export function cutFromLeader(whose: Whose): Fault {
  return {
    what: `${whose} broker cut off from the NATS leader`,
    lastsMs: LASTS_MS,
    async strike(scene, random) {
      const broker = pickBroker(scene, whose, random);
      return await cutBroker(scene, broker, [await scene.findLeader()]);
    },
  };
}

/** A node reaches no other node; brokers reach it. */
export const CUT_LEADER: Fault = {
  what: "NATS leader cut off from the other nodes",
  lastsMs: LASTS_MS,
  async strike(scene) {
    const leader = await scene.findLeader();
    return await cut(scene, scene.others(leader).map(({ name }) => [leader.name, name]));
  },
};

/** A node reaches nobody. */
export const CUT_LEADER_FROM_ALL: Fault = {
  what: "NATS leader cut off from everybody",
  lastsMs: LASTS_MS,
  async strike(scene) {
    const leader = await scene.findLeader();
    const others = [
      ...scene.others(leader).map(({ name }) => name),
      ...scene.brokers.map((b) => b.id),
    ];
    return await cut(scene, others.map((other) => [leader.name, other]));
  },
};

/** Two nodes do not reach each other, and both reach the third one. */
export function cutPair(with_: "leader" | "followers"): Fault {
  const between = with_ === "leader" ? "the NATS leader and a follower" : "the NATS followers";
  return {
    what: `cut between ${between}`,
    lastsMs: LASTS_MS,
    async strike(scene: Scene, random: Random) {
      const leader = await scene.findLeader();
      const [one, other] = scene.others(leader);
      const first = with_ === "leader" ? leader : one!;
      const second = with_ === "leader" ? random.pick([one!, other!]) : other!;
      return await cut(scene, [[first.name, second.name]]);
    },
  };
}

/** Clients do not reach the active broker, which goes on to hold the lead: it reaches the log. */
export function cutFromClients(lastsMs: Fault["lastsMs"]): Fault {
  return {
    what: "clients cut off from the active broker",
    lastsMs,
    needsMending: true,
    async strike(scene) {
      const broker = scene.active;
      scene.noteSilence(broker);
      const heal = await cut(scene, [[CLIENTS, broker.id]]);
      return async () => {
        await heal();
        scene.noteSilence(broker);
      };
    },
  };
}
