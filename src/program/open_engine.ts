import { DenoDisk } from "../engine/journal/disk/deno_disk.ts";
import { ReadyProgress } from "../engine/journal/recovery/ready_progress.ts";
import { Journal } from "../engine/journal/journal.ts";
import { LocalEngine } from "../engine/local_engine.ts";
import { createMemoryEngine } from "../engine/memory.ts";
import type { LogFields } from "../server/log.ts";
import type { Settings } from "../server/settings/settings.ts";
import { systemClock } from "../transport/clock.ts";
import type { EngineSurroundings, OpenedEngine } from "./engine_surroundings.ts";
import { explainJournalError } from "./journal_fault.ts";

/** Opens the engine that the settings name: the only place that names one. */
export async function openEngine(
  settings: Settings,
  surroundings: EngineSurroundings,
): Promise<OpenedEngine> {
  const { storage } = settings;
  const { now, dateNow, hashKey, report, hasten, fail, noteProgress } = surroundings;
  const { memoryLimit, directory, sync: level, syncIntervalMs: intervalMs } = storage;
  const warn = (message: string, fields: LogFields) => report("warning", message, fields);
  const options = { memoryLimit, now, dateNow, hasten, hashKey, report: warn };
  if (storage.engine === "memory") return { engine: createMemoryEngine(options) };
  if (storage.engine === "cluster") {
    // NATS is loaded only where it is used.
    const { openCluster } = await import("./open_cluster.ts");
    return await openCluster(settings, surroundings);
  }
  try {
    const disk = DenoDisk.open(directory);
    const diskNow = systemClock.now;
    const own = { level, intervalMs, now, diskNow, report, noteProgress, fail };
    const log = new Journal({ disk, ...own });
    const progress = new ReadyProgress({ now: diskNow, report, noteProgress });
    const noteReady = (messages: number, of: number) => progress.note(messages, of);
    return { engine: await LocalEngine.open({ ...options, log, noteReady }) };
  } catch (cause) {
    const advice =
      "stop that one, or choose another directory: --storage-directory, or storage.directory";
    throw explainJournalError(cause, directory, advice);
  }
}
