import { DenoDisk, DenoDiskView } from "../engine/journal/disk/deno_disk.ts";
import type { ReadableDisk } from "../engine/journal/disk/disk.ts";
import type { Log } from "../engine/replicated/log.ts";
import { SYSTEM_TIMING } from "../engine/replicated/timing.ts";
import type { ClusterTools, ClusterWork } from "../server/commands/command.ts";
import { ExitCode } from "../server/process/exit_code.ts";
import { StartError } from "../server/process/start_error.ts";
import { explainJournalError } from "./journal_fault.ts";

/** What the commands that work on the log of a cluster use; what speaks with NATS is loaded when it is used. */
export const cluster: ClusterTools = {
  import: async (directory, work) => {
    const { importJournal } = await import("../engine/replicated/transfer/import_journal.ts");
    return await withDirectory(directory, async () => {
      const disk = new DenoDiskView(directory);
      requireUnused(disk, "import");
      const { version, progress, settings: { cluster: { id, leaseMs } } } = work;
      const own = { id, version, leaseMs, timing: SYSTEM_TIMING, random: Math.random, progress };
      return await withLog(work, (log) => importJournal({ log, disk, ...own }));
    });
  },
  export: async (directory, work) => {
    const { exportLog } = await import("../engine/replicated/transfer/export_log.ts");
    return await withDirectory(directory, async () => {
      const disk = DenoDisk.open(directory);
      try {
        return await withLog(work, (log) => exportLog(log, disk));
      } finally {
        disk.close();
      }
    });
  },
  compare: async (work) => {
    const { compareLog } = await import("../engine/replicated/transfer/compare_log.ts");
    const { readOwnRecords } = await import("../engine/replicated/transfer/own_records.ts");
    const { storage: { directory }, cluster: { name } } = work.settings;
    return await withDirectory(directory, async () => {
      const disk = new DenoDiskView(directory);
      const user = disk.findUser();
      const own = readOwnRecords(disk);
      requireCluster(own.cluster, name, directory);
      const { relation, at, bounds: { first, last } } = await withLog(
        work,
        (log) => compareLog(log, own),
      );
      const { entries, epoch, fault } = own;
      const [oldest, newest] = [entries[0], entries.at(-1)];
      return {
        cluster: name,
        directory,
        relation,
        epoch,
        ...oldest && newest && { own: { first: oldest.sequence, last: newest.sequence } },
        log: { first, last },
        ...at !== undefined && { at },
        ...fault !== undefined && { fault },
        ...user !== undefined && { user },
      };
    });
  },
};

/** Uses a directory; what is wrong with it, or with the log, is told in a line. */
async function withDirectory<T>(directory: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    if (cause instanceof Error && cause.name === "LogDamageError") {
      throw new StartError(cause.message, { cause, exitCode: ExitCode.damaged });
    }
    if (cause instanceof Deno.errors.NotFound) {
      throw new StartError(`Cannot look at ${directory}: there is no such directory`, { cause });
    }
    throw explainJournalError(cause, directory, "stop that one first");
  }
}

/** Opens the log, and closes it again; waits for its nodes until it is stopped. */
async function withLog<T>(
  { settings, signal, note }: ClusterWork,
  use: (log: Log) => Promise<T>,
): Promise<T> {
  const { openLog } = await import("./open_cluster.ts");
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    const opening = openLog(settings.cluster, (_, message) => note(message));
    const { log } = await Promise.race([opening, stopped.promise]);
    try {
      return await Promise.race([use(log), stopped.promise]);
    } finally {
      await log.close();
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Refuses the directory of a broker that runs: it changes meanwhile. */
function requireUnused(disk: DenoDiskView & ReadableDisk, action: string): void {
  const user = disk.findUser();
  if (user === undefined) return;
  throw new StartError(`Cannot ${action} ${disk.path}: ${user} is using it; stop that one first`);
}

function requireCluster(found: string, name: string, directory: string): void {
  if (found === name) return;
  const what = found === ""
    ? "it is not the directory of a broker of a cluster"
    : `it belongs to cluster "${found}"`;
  throw new StartError(
    `Cannot compare ${directory} with the log of cluster "${name}": ${what}; allowed is the directory that ` +
      "storage.directory names, of a broker that was in that cluster",
  );
}
