import type { ClusterBroker, ClusterStatus } from "../../../../protocol.ts";
import {
  type BrokerFamily,
  counter,
  gauge,
  type MetricSource,
  type Sample,
} from "./broker_family.ts";
import { writeLabels } from "./metric_text.ts";

/** A broker that was not heard of for so long counts as gone: in leases, and at least in milliseconds. */
const GONE_LEASES = 3;
const GONE_MS_MIN = 10_000;

/** Reads one figure of the cluster; labelled with its name, so that several clusters stay apart. */
function whole(read: (status: ClusterStatus) => number | undefined) {
  return ({ cluster }: MetricSource): readonly Sample[] | undefined => {
    const value = cluster && read(cluster);
    return value === undefined ? undefined : [[writeLabels("cluster", cluster!.name), value]];
  };
}

/** Reads one figure of each standby, as this broker knows it. */
function ofStandbys(read: (broker: ClusterBroker) => number) {
  return ({ cluster }: MetricSource): readonly Sample[] | undefined =>
    cluster?.brokers.filter((broker) => isStandbyHere(broker, cluster)).map((broker) => [
      writeLabels("cluster", cluster.name, "broker", broker.id),
      read(broker),
    ]);
}

/** Whether a broker could take over: a standby that was heard of lately. */
function isStandbyHere({ role, heardMs }: ClusterBroker, { leaseMs }: ClusterStatus): boolean {
  return role === "standby" && heardMs <= Math.max(GONE_LEASES * leaseMs, GONE_MS_MIN);
}

/** The families of a broker in a cluster, in the order in which they are written. */
export const CLUSTER_FAMILIES: readonly BrokerFamily[] = [
  gauge(
    "cluster_role",
    "What the broker does in its cluster: 1 for that, 0 for the other role",
    (source) =>
      source.cluster && (["active", "standby"] as const).map((role) => [
        writeLabels("cluster", source.cluster!.name, "role", role),
        source.cluster!.role === role ? 1 : 0,
      ]),
  ),
  gauge(
    "cluster_serving",
    "Whether the broker may deliver and answer now",
    whole(({ serving }) => serving ? 1 : 0),
  ),
  gauge("cluster_epoch", "Takeovers so far", whole(({ epoch }) => epoch)),
  gauge(
    "cluster_lease_seconds",
    "How long the active broker may be silent",
    whole(({ leaseMs }) => leaseMs / 1000),
  ),
  gauge(
    "cluster_standbys",
    "Standbys that were heard of lately",
    whole((status) => status.brokers.filter((broker) => isStandbyHere(broker, status)).length),
  ),
  gauge(
    "cluster_lag_records",
    "Records that a standby is behind",
    ofStandbys(({ lagRecords }) => lagRecords),
  ),
  gauge(
    "cluster_lag_seconds",
    "How long a standby has been behind",
    ofStandbys(({ lagMs }) => lagMs / 1000),
  ),
  gauge(
    "cluster_append_age_seconds",
    "Time since a record was appended or read last",
    whole(({ lastAppendMs }) => lastAppendMs / 1000),
  ),
  counter(
    "cluster_log_records",
    "Records of the log so far",
    whole(({ lastSequence }) => lastSequence),
  ),
  gauge("cluster_log_bytes", "Bytes of the log, of one replica", whole(({ logBytes }) => logBytes)),
  gauge(
    "cluster_log_limit_bytes",
    "The most bytes that the log may have",
    whole(({ logBytesMax }) => logBytesMax),
  ),
  gauge(
    "cluster_log_replicas",
    "Nodes that have all of the log",
    whole(({ replicas }) => replicas),
  ),
  counter(
    "cluster_reelections",
    "Changes of the node that leads the log, since the start",
    whole(({ reelections }) => reelections),
  ),
  gauge(
    "cluster_problems",
    "Sentences that an operator should read",
    whole(({ problems }) => problems.length),
  ),
];
