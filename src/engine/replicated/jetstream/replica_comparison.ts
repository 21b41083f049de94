import type { NodeState } from "./node_monitor.ts";

/** Two looks at all nodes, some seconds apart, and a sample of what they answer. */
export interface ReplicaFindings {
  /** How many nodes are to have the log. */
  readonly replicas: number;
  readonly before: readonly NodeState[];
  readonly after: readonly NodeState[];
  /** How long it was between the two, in milliseconds. */
  readonly betweenMs: number;
  /** Sequences that nodes have answered with different bytes. */
  readonly different: readonly number[];
}

/** Finds where replicas of the log differ: a sentence for each difference. */
export function compareReplicas(
  { replicas, before, after, betweenMs, different }: ReplicaFindings,
): string[] {
  const problems: string[] = [];
  const end = Math.max(0, ...before.map(({ replica }) => replica?.last ?? 0));
  const having = after.filter(({ replica }) => replica !== undefined);
  for (const { name, replica } of having) {
    const { first, last, count } = replica!;
    // Whoever has not stored since then what another one had is behind for good, or nearly so.
    if (last < end) {
      problems.push(
        `the node ${name} of NATS has the log up to record ${last} only; ` +
          `${Math.round(betweenMs / 1000)} s ago another one had ${end}`,
      );
    }
    if (count !== Math.max(0, last - first + 1)) {
      problems.push(
        `the node ${name} of NATS has ${count} records between ${first} and ${last} of the log: ` +
          `some are missing`,
      );
    }
  }
  const nodes = new Set(having.flatMap(({ replica }) => replica!.nodes));
  const told = new Set(after.map(({ name }) => name));
  const silent = [...nodes].filter((name) => !told.has(name)).sort();
  if (silent.length > 0) {
    problems.push(
      `of the nodes of NATS that keep the log, ${silent.join(" and ")} cannot be looked at: ` +
        `"cluster.monitoring" is to have the addresses of all of them, and they are to answer`,
    );
  } else if (having.length < replicas) {
    problems.push(`the log is kept by ${having.length} nodes of NATS, allowed ${replicas}`);
  }
  for (const sequence of different) {
    problems.push(
      `nodes of NATS answer with different bytes for record ${sequence} of the log: one of them is ` +
        `damaged`,
    );
  }
  return problems;
}
