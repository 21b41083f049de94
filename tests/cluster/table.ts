/**
 * For each kind of fault: how long clients stand still, and whether anything is lost or doubled.
 *
 * @module
 */

import { Campaign, type CampaignOptions } from "./campaign.ts";
import { CLUSTER_VIOLATIONS, type ClusterVerdict } from "./checking/cluster_verdict.ts";
import { BACKLOG, countBacklog, dropBacklog, fillBacklog } from "./faults/backlog.ts";
import { HAND_OVER, killBroker, pauseBroker, stopBroker } from "./faults/broker_faults.ts";
import type { Fault } from "./faults/fault.ts";
import { endNode, killBoth, killNodes, pauseNode } from "./faults/node_faults.ts";
import {
  CUT_LEADER,
  CUT_LEADER_FROM_ALL,
  cutFromClients,
  cutFromLeader,
  cutFromLog,
  cutPair,
} from "./faults/partitions.ts";
import type { Standstills } from "./load/standstill.ts";

/** A row of the table. */
interface Row {
  /** A short name, to choose it by. */
  readonly name: string;
  readonly fault: Fault;
  /** How long it lasts at least, in milliseconds. */
  readonly lastsMs: number;
  /** Whether a million messages wait. */
  readonly hasBacklog?: boolean;
}

/** All rows. What is cut is cut by what is between the processes: relays, or network namespaces. */
const ROWS: readonly Row[] = [
  { name: "kill", fault: killBroker("active"), lastsMs: 0 },
  { name: "backlog", fault: killBroker("active"), lastsMs: 0, hasBacklog: true },
  { name: "pause", fault: pauseBroker("active", [8000, 8000]), lastsMs: 8000 },
  { name: "handover", fault: HAND_OVER, lastsMs: 0 },
  { name: "stop", fault: stopBroker("active"), lastsMs: 0 },
  { name: "standby", fault: killBroker("standby"), lastsMs: 0 },
  { name: "leader-kill", fault: endNode("leader", "killed"), lastsMs: 0 },
  { name: "leader-pause", fault: pauseNode("leader"), lastsMs: 5000 },
  { name: "leader-stop", fault: endNode("leader", "stopped"), lastsMs: 0 },
  { name: "node-kill", fault: endNode("follower", "killed"), lastsMs: 2000 },
  { name: "both", fault: killBoth("leader"), lastsMs: 0 },
  { name: "all-nodes", fault: killNodes(3), lastsMs: 0 },
  { name: "cut-log", fault: cutFromLog("active"), lastsMs: 5000 },
  { name: "cut-leader", fault: cutFromLeader("active"), lastsMs: 5000 },
  { name: "cut-standby", fault: cutFromLog("standby"), lastsMs: 5000 },
  { name: "cut-clients", fault: cutFromClients([5000, 5000]), lastsMs: 5000 },
  { name: "cut-nodes", fault: CUT_LEADER, lastsMs: 5000 },
  { name: "cut-node", fault: CUT_LEADER_FROM_ALL, lastsMs: 5000 },
  { name: "cut-pair", fault: cutPair("leader"), lastsMs: 5000 },
  { name: "cut-followers", fault: cutPair("followers"), lastsMs: 5000 },
];

/** The names of all rows. */
export const ROW_NAMES: readonly string[] = ROWS.map(({ name }) => name);

/** What to measure. */
export interface TablePlan extends CampaignOptions {
  readonly rows: readonly string[];
  /** How often each fault happens. */
  readonly times: number;
  /** Takes a line of the result. */
  readonly print: (line: string) => void;
}

/** What it comes to besides. */
export interface TableResult {
  readonly verdict: ClusterVerdict;
  /** How many records the log has had. */
  readonly appends: number;
  /** What brokers have done that they must not. */
  readonly problems: readonly string[];
}

const HEAD = [
  "fault",
  "by",
  "n",
  "publisher min / median / max, s",
  "follower min / median / max, s",
  "lost",
  "doubled",
  "other violations",
];

/** Measures, and prints a line for each row; resolves to the verdict over all. */
export async function measureTable(plan: TablePlan): Promise<TableResult> {
  const { print, rows } = plan;
  await using campaign = await Campaign.start(plan);
  print(`| ${HEAD.join(" | ")} |`);
  print(`|${" --- |".repeat(HEAD.length)}`);
  for (const row of ROWS) {
    if (rows.includes(row.name)) await measureRow(campaign, row, plan);
  }
  const { scene, checker, appends } = campaign;
  return { verdict: checker.judge(), appends, problems: scene.problems };
}

async function measureRow(campaign: Campaign, row: Row, plan: TablePlan): Promise<void> {
  const { times, print, tell, way } = plan;
  const { fault, lastsMs, hasBacklog = false } = row;
  const { servers } = campaign.scene;
  const before = campaign.checker.judge();
  if (hasBacklog) await fillBacklog(servers);
  await campaign.scene.settle();
  await campaign.beginChapter();
  const found: Standstills[] = [];
  for (let done = 0; done < times; done++) {
    const standstills = await campaign.suffer(fault, lastsMs);
    found.push(standstills);
    const [publisher, follower] = [standstills.publisher, standstills.follower].map(Math.round);
    tell(`${row.name} ${done + 1}: publisher ${publisher} ms, follower ${follower} ms`);
  }
  await campaign.endChapter();
  const missing = hasBacklog ? BACKLOG - await countBacklog(servers) : 0;
  if (hasBacklog) await dropBacklog(servers);
  const after = campaign.checker.judge();
  const cells = [
    hasBacklog ? `${fault.what}, ${BACKLOG.toLocaleString("en")} messages waiting` : fault.what,
    fault.what.includes("cut") ? way : "",
    times,
    summarize(found.map(({ publisher }) => publisher)),
    summarize(found.map(({ follower }) => follower)),
    after.lost - before.lost + missing,
    after.storedTwice - before.storedTwice,
    countOthers(after) - countOthers(before),
  ];
  print(`| ${cells.join(" | ")} |`);
}

/** The shortest, the one in the middle, and the longest, in seconds. */
function summarize(times: readonly number[]): string {
  const sorted = times.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return [sorted[0]!, median, sorted.at(-1)!].map((ms) => (ms / 1000).toFixed(2)).join(" / ");
}

function countOthers(verdict: ClusterVerdict): number {
  const names = Object.keys(CLUSTER_VIOLATIONS) as (keyof typeof CLUSTER_VIOLATIONS)[];
  return names.filter((name) => name !== "lost" && name !== "storedTwice")
    .reduce((sum, name) => sum + verdict[name], 0);
}
