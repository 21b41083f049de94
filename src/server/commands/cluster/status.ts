import type { ClusterBroker, ClusterStatus } from "../../../../protocol.ts";
import { findActive, isHeard } from "../../../protocol/answers/cluster_status.ts";
import { ExitCode } from "../../process/exit_code.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { formatSpan } from "../output/quantities.ts";
import { type Column, formatTable, printValue, VALUE_FLAGS } from "../output/result_output.ts";

/** A broker, and whether it is there. */
type BrokerRow = ClusterBroker & { readonly isThere: boolean };

const BROKERS: readonly Column<BrokerRow>[] = [
  { title: "broker", read: ({ id }) => id },
  { title: "role", read: ({ role, isThere }) => isThere ? role : "not heard" },
  { title: "address", read: ({ address }) => address },
  { title: "version", read: ({ version }) => version },
  { title: "sequence", kind: "number", read: ({ sequence }) => sequence },
  {
    title: "behind",
    kind: "number",
    read: ({ role, lagRecords }) => role === "active" ? "-" : lagRecords,
  },
  {
    title: "for",
    kind: "number",
    read: ({ role, lagMs }) => role === "active" ? "-" : formatSpan(lagMs),
  },
  { title: "heard", kind: "number", read: ({ heardMs }) => `${formatSpan(heardMs)} ago` },
];

const LOG: readonly Column<ClusterStatus>[] = [
  { title: "cluster", read: ({ name }) => name },
  {
    title: "asked",
    read: ({ id, role, serving }) =>
      `broker ${id}, ${role}${role === "active" && !serving ? ", and not serving" : ""}`,
  },
  { title: "epoch", kind: "number", read: ({ epoch }) => epoch },
  { title: "lease", kind: "span", read: ({ leaseMs }) => leaseMs },
  {
    title: "log",
    read: ({ firstSequence, lastSequence }) => `records ${firstSequence} to ${lastSequence}`,
  },
  { title: "log bytes", kind: "bytes", read: ({ logBytes }) => logBytes },
  { title: "last record", read: ({ lastAppendMs }) => `${formatSpan(lastAppendMs)} ago` },
  { title: "log leader", read: ({ leader }) => leader },
  { title: "complete nodes", kind: "number", read: ({ replicas }) => replicas },
  { title: "reelections", kind: "number", read: ({ reelections }) => reelections },
];

/** `cluster status`: tells what a broker knows of its cluster. */
export const status: CommandBody = {
  examples: [
    "cluster status",
    "cluster status --server mq2.example.com:9090",
    "cluster status --json",
  ],
  flags: [...VALUE_FLAGS, ...QUERY_FLAGS],
  words: [0, 0],
  details:
    "Every broker of the cluster answers, a standby, too. BEHIND is in records, and FOR the time\n" +
    "since a standby has had all of them. The exit code is 1 if no broker is active, no standby is\n" +
    "there, or something else has to be looked at, which is told.",
  run(args, context) {
    const needs = { command: "cluster status", standby: true };
    return withBroker(needs, args, context, async ({ cursor, signal }) => {
      const found = await cursor.getCluster({ signal });
      const rows = found.brokers.map((broker) => ({ ...broker, isThere: isHeard(broker, found) }));
      if (!args.has("json")) context.print(`${formatTable(rows, BROKERS)}\n`);
      printValue(found, LOG, args, context);
      const problems = findProblems(found);
      for (const problem of problems) context.note(`look at this: ${problem}`);
      return problems.length === 0 ? ExitCode.stopped : ExitCode.fault;
    });
  },
};

function findProblems(found: ClusterStatus): readonly string[] {
  const { role, serving, brokers, problems } = found;
  const isActive = role === "active";
  const hasStandby = brokers.some((one) => one.role === "standby" && isHeard(one, found));
  return [
    ...isActive && !serving ? ["the active broker cannot append to the log"] : [],
    ...!isActive && findActive(found) === undefined ? ["no broker is known to be active"] : [],
    ...hasStandby
      ? []
      : ["no standby is there: nobody takes over if this broker is lost; start another one"],
    ...problems,
  ];
}
