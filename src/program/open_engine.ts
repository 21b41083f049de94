import type { HashKey } from "../broker/collections/keyed_hash.ts";
import type { ClusterNotes } from "../broker/cluster_notes.ts";
import type { Engine } from "../broker/engine.ts";
import { DenoDisk } from "../engine/journal/disk/deno_disk.ts";
import { Journal } from "../engine/journal/journal.ts";
import { LocalEngine } from "../engine/local_engine.ts";
import { createMemoryEngine } from "../engine/memory.ts";
import type { LogFields } from "../server/log.ts";
import type { Settings } from "../server/settings/settings.ts";
import { systemClock } from "../transport/clock.ts";
import { explainJournalError } from "./journal_fault.ts";

/** What every engine is given. */
export interface EngineSurroundings {
  readonly now: () => number;
  readonly dateNow: (() => number) | undefined;
  readonly hashKey: HashKey;
  readonly report: (level: "info" | "warning", message: string, fields?: LogFields) => void;
  readonly hasten: (at: number) => void;
  readonly fail: (cause: unknown) => void;
  /** What a broker of a cluster tells the others of its files, and where its page is. */
  readonly notes?: (() => ClusterNotes) | undefined;
}

/** An engine, and whether it serves. */
export interface OpenedEngine {
  readonly engine: Engine;
  /**
   * Set while the engine follows another broker of its cluster: resolves when it serves for the first time,
   * rejects if it never will. Without it the engine serves.
   */
  readonly opening?: Promise<void> | undefined;
}

/** Opens the engine that the settings name: the only place that names one. */
export async function openEngine(
  { storage }: Settings,
  { now, dateNow, hashKey, report, hasten, fail }: EngineSurroundings,
): Promise<OpenedEngine> {
  const { memoryLimit, directory, sync: level, syncIntervalMs: intervalMs } = storage;
  const warn = (message: string, fields: LogFields) => report("warning", message, fields);
  const options = { memoryLimit, now, dateNow, hasten, hashKey, report: warn };
  if (storage.engine === "memory") {
    return { engine: createMemoryEngine(options) };
  }
  try {
    const disk = DenoDisk.open(directory);
    const diskNow = systemClock.now;
    const log = new Journal({ disk, level, intervalMs, now, diskNow, report, fail });
    return { engine: await LocalEngine.open({ ...options, log }) };
  } catch (cause) {
    const advice =
      "stop that one, or choose another directory: --storage-directory, or storage.directory";
    throw explainJournalError(cause, directory, advice);
  }
}
