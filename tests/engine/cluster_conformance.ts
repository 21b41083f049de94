/**
 * What every engine must do, for the engine of a cluster: as one broker that is started again, and as
 * brokers of which each takes over from the one before.
 *
 * @module
 */

import type { Warn } from "../../src/broker/rules/notices.ts";
import type { Report } from "../../src/engine/journal/recovery/recovery.ts";
import { LogTrimmedError } from "../../src/engine/replicated/following/standby.ts";
import { startClusterEngine } from "../support/cluster/cluster_engines.ts";
import { TestDirectory } from "../support/disk/journals.ts";
import { SimulatedDisk } from "../support/disk/simulated_disk.ts";
import { FileLog } from "../support/log/file_log.ts";
import { type ConformancePart, engineConformance } from "./engine_conformance.ts";

/** What a broker tells of beside its own affairs. */
function forOperators(tell: Warn): Report {
  return (level, message, fields = {}) => {
    if (level === "warning") tell(message, fields);
  };
}

/** Registers the tests of one broker that is started again. */
export function restartedClusterConformance(): void {
  engineConformance("cluster", async (now, tell, dateNow) => {
    const directory = await TestDirectory.createQuick();
    const disk = new SimulatedDisk({ seed: 1 });
    const report = forOperators(tell);
    const open = () => {
      const log = FileLog.open(directory.path);
      return startClusterEngine({ disk, log, now, dateNow, report, listenMs: 0 }).opening;
    };
    return {
      engine: await open(),
      reopen: open,
      dispose: () => directory[Symbol.asyncDispose](),
    };
  }, { survives: true });
}

/**
 * Registers the tests of brokers of which each takes over from the one before: each restart is a takeover by a
 * broker that has followed from the beginning, or from its own last turn on.
 *
 * @param part All of them, or those that concern the log.
 */
export function takenOverClusterConformance(part: ConformancePart): void {
  engineConformance("cluster, tiny, taken over", async (now, tell, dateNow) => {
    const directory = await TestDirectory.createQuick();
    const disks = [new SimulatedDisk({ seed: 1 }), new SimulatedDisk({ seed: 2 })];
    const report = forOperators(tell);
    let turn = 0;
    const begin = () => {
      const id = "ab"[turn % 2]!;
      const disk = disks[turn++ % 2]!;
      const log = FileLog.open(directory.path);
      const small = { segmentBytes: 2048, recordBytes: 1024, memoryLimit: 1, listenMs: 0 };
      return startClusterEngine({ ...small, id, disk, log, now, dateNow, report });
    };
    const active = begin();
    const engine = await active.opening;
    let standby = begin();
    const reopen = async () => {
      for (;;) {
        try {
          const opened = await standby.opening;
          standby = begin();
          return opened;
        } catch (error) {
          if (!(error instanceof LogTrimmedError)) throw error;
          // The log went on without it: it begins anew, as a program does.
          await standby.engine.close();
          turn--;
          standby = begin();
        }
      }
    };
    return {
      engine,
      reopen,
      dispose: async () => {
        await standby.engine.close();
        await directory[Symbol.asyncDispose]();
      },
    };
  }, { survives: true, part });
}
