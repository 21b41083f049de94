/**
 * Faults by chance, also two at a time, one after the other.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { NatsNode } from "../support/nats/nats_node.ts";
import type { Random } from "../support/random.ts";
import { Campaign, type CampaignOptions } from "./campaign.ts";
import type { ClusterVerdict } from "./checking/cluster_verdict.ts";
import { HAND_OVER, killBroker, pauseBroker, stopBroker } from "./faults/broker_faults.ts";
import type { Fault, Mend } from "./faults/fault.ts";
import { endNode, killBoth, killNodes, pauseNode } from "./faults/node_faults.ts";
import {
  CUT_LEADER,
  CUT_LEADER_FROM_ALL,
  cutFromClients,
  cutFromLeader,
  cutFromLog,
  cutPair,
} from "./faults/partitions.ts";
import type { Scene } from "./scene/scene.ts";

/** What to do. */
export interface LongRunPlan extends CampaignOptions {
  /** How many faults. */
  readonly faults: number;
}

/** What a run comes to. */
export interface LongRunResult {
  readonly verdict: ClusterVerdict;
  /** How many records the log has had. */
  readonly appends: number;
  /** How often each fault happened. */
  readonly counts: ReadonlyMap<string, number>;
  /** How often each broker died as the active one together with each node. */
  readonly pairs: ReadonlyMap<string, number>;
  /** What brokers have done that they must not, and what has ended the run. */
  readonly problems: readonly string[];
}

/** So many faults are in a chapter; each begins with everything drained and checked. */
const CHAPTER_FAULTS = 20;

/** How often two things happen at a time, and how far they are apart at most, in milliseconds. */
const TWO_CHANCE = 1 / 3;
const APART_MS = 3000;

/** How often the next fault comes before everybody has caught up. */
const HASTE_CHANCE = 1 / 4;

/** What can happen. */
const FAULTS: readonly Fault[] = [
  killBroker("active"),
  killBroker("active"),
  killBroker("standby"),
  stopBroker("active"),
  stopBroker("standby"),
  HAND_OVER,
  pauseBroker("active", [200, 2000]),
  pauseBroker("active", [3000, 9000]),
  pauseBroker("standby", [1000, 6000]),
  endNode("leader", "killed"),
  endNode("leader", "stopped"),
  endNode("follower", "killed"),
  endNode("follower", "stopped"),
  pauseNode("leader"),
  pauseNode("follower"),
  killNodes(2),
  killNodes(3),
  cutFromLog("active"),
  cutFromLog("standby"),
  cutFromLeader("active"),
  cutFromLeader("standby"),
  CUT_LEADER,
  CUT_LEADER_FROM_ALL,
  cutPair("leader"),
  cutPair("followers"),
  cutFromClients([1000, 6000]),
];

/** Lets it all happen, and checks what clients have seen. */
export async function runFaults(plan: LongRunPlan): Promise<LongRunResult> {
  await using campaign = await Campaign.start(plan);
  const { checker, scene } = campaign;
  const run = new LongRun(plan, campaign);
  const failures: string[] = [];
  try {
    await run.strikeAll();
  } catch (error) {
    // What was seen until then is worth to be told.
    failures.push(error instanceof Error ? error.stack ?? error.message : String(error));
  }
  return {
    verdict: checker.judge(),
    appends: campaign.appends,
    counts: run.counts,
    pairs: run.pairs,
    problems: [...scene.problems, ...failures],
  };
}

/** A run under way. */
class LongRun {
  readonly counts = new Map<string, number>();
  readonly pairs = new Map<string, number>();
  readonly #plan: LongRunPlan;
  readonly #campaign: Campaign;
  readonly #random: Random;

  constructor(plan: LongRunPlan, campaign: Campaign) {
    this.#plan = plan;
    this.#campaign = campaign;
    this.#random = plan.random;
  }

  /** Lets it all happen, chapter by chapter. */
  async strikeAll(): Promise<void> {
    const { faults, tell } = this.#plan;
    const campaign = this.#campaign;
    for (let done = 0; done < faults;) {
      await campaign.beginChapter();
      const end = Math.min(faults, done + CHAPTER_FAULTS);
      while (done < end) done += await this.#strike();
      await campaign.scene.settle();
      await campaign.endChapter();
      const { sent, confirmed, lost, storedTwice } = campaign.checker.judge();
      const counts = `${sent} sent, ${confirmed} confirmed, ${lost} lost, ${storedTwice} doubled`;
      tell(`${done} faults, ${campaign.appends} appends, ${counts}`);
    }
  }

  /** Lets one or two things happen, and mends them; resolves to how many it were. */
  async #strike(): Promise<number> {
    const [campaign, random] = [this.#campaign, this.#random];
    const faults = this.#choose();
    this.#plan.tell(faults.map(({ what }) => what).join(" + "));
    const mends: Mend[] = [];
    for (const fault of faults) {
      if (mends.length > 0) await delay(random.below(APART_MS));
      this.counts.set(fault.what, (this.counts.get(fault.what) ?? 0) + 1);
      mends.push(await campaign.strike(fault));
      const [min, max] = fault.lastsMs;
      await delay(min + random.below(max - min + 1));
    }
    if (random.chance(1 / 2)) mends.reverse();
    for (const mend of mends) await mend();
    if (!random.chance(HASTE_CHANCE)) await campaign.scene.settle();
    await campaign.waitUntilFlowing(performance.now());
    campaign.meter.forget();
    return faults.length;
  }

  #choose(): Fault[] {
    const random = this.#random;
    // One fault in eight is about the pair of broker and node that has had least.
    if (random.chance(1 / 8)) return [killBoth((scene) => this.#pickNode(scene))];
    const first = random.pick(FAULTS);
    return random.chance(TWO_CHANCE) ? [first, random.pick(FAULTS)] : [first];
  }

  #pickNode(scene: Scene): NatsNode {
    const countOf = ({ name }: NatsNode) => this.pairs.get(`${scene.active.id} ${name}`) ?? 0;
    const node = scene.nats.nodes.toSorted((one, other) => countOf(one) - countOf(other))[0]!;
    this.pairs.set(`${scene.active.id} ${node.name}`, countOf(node) + 1);
    return node;
  }
}
