/**
 * Brokers of a cluster for tests: engines that share a log, each with a disk of its own.
 *
 * @module
 */

import type { Disk } from "../../../src/engine/journal/disk/disk.ts";
import { LocalEngine, type LocalEngineOptions } from "../../../src/engine/local_engine.ts";
import { ClusterLog, type ClusterLogOptions } from "../../../src/engine/replicated/cluster_log.ts";
import type { Log } from "../../../src/engine/replicated/log.ts";
import { SYSTEM_TIMING } from "../../../src/engine/replicated/timing.ts";

/** How a broker of a test is opened; what is not said is small and quick. */
export interface ClusterEngineOptions
  extends Partial<ClusterLogOptions>, Partial<Pick<LocalEngineOptions, "memoryLimit" | "dateNow">> {
  readonly disk: Disk;
  readonly log: Log;
}

/** A broker of a cluster. */
export interface ClusterEngine {
  readonly engine: LocalEngine;
  readonly log: ClusterLog;
  /** Resolves when it has taken over. */
  readonly opening: Promise<LocalEngine>;
}

/** Starts a broker; it follows until it takes over. */
export function startClusterEngine(
  { memoryLimit = 64 * 1024 * 1024, dateNow, ...options }: ClusterEngineOptions,
): ClusterEngine {
  const { id = "a", now = () => 1000, report = () => {} } = options;
  const log = new ClusterLog({
    name: "test",
    id,
    address: `${id}:9090`,
    version: "1.0.0",
    leaseMs: 400,
    durability: "replicated",
    timing: SYSTEM_TIMING,
    random: Math.random,
    fail: (error) => {
      throw error;
    },
    reserveBytes: 4096,
    ...options,
    now,
    report,
  });
  const engine = new LocalEngine({
    log,
    now,
    dateNow,
    memoryLimit,
    report: (message, fields) => report("warning", message, fields),
  });
  const opening = engine.open().then(() => engine);
  opening.catch(() => {});
  return { engine, log, opening };
}
