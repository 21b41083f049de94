import { ClusterLog } from "../../../../src/engine/replicated/cluster_log.ts";
import type { LifeOptions } from "./cluster_broker.ts";

/** What brokers of a world are set to: small, so that much happens. */
export interface ClusterSizes {
  readonly segmentBytes: number;
  readonly recordBytes: number;
  readonly pipeline: number;
}

/** Opens the log of a process of a broker. */
export function openClusterLog(options: LifeOptions, sizes: ClusterSizes): ClusterLog {
  const { host, report, ...others } = options;
  return new ClusterLog({
    ...others,
    ...sizes,
    name: "world",
    version: "1.0.0",
    leaseMs: 2000,
    durability: "replicated",
    reserveBytes: 4096,
    timing: host,
    now: host.now,
    report: (level, message, fields) => report(level, message, fields),
  });
}
