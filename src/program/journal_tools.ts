import { DenoDisk, DenoDiskView } from "../engine/journal/disk/deno_disk.ts";
import { readDirectory } from "../engine/journal/segments/directory.ts";
import { repairJournal, verifyJournal } from "../engine/journal/repair/tools.ts";
import type { JournalReport, JournalTools } from "../server/commands/command.ts";
import { StartError } from "../server/process/start_error.ts";
import { explainJournalError } from "./journal_fault.ts";

/** Uses a journal's directory for a command; a slip of the pen must not create one. */
async function withJournal<T>(directory: string, use: () => T): Promise<Awaited<T>> {
  try {
    if (await isThere(directory)) return await use();
  } catch (cause) {
    throw explainJournalError(cause, directory, "stop that one first");
  }
  throw new StartError(`Cannot look at ${directory}: there is no such directory`);
}

async function isThere(directory: string): Promise<boolean> {
  try {
    await Deno.stat(directory);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Tells of a directory of a broker of a cluster what it has of the log. */
async function addRecords(view: DenoDiskView, report: JournalReport): Promise<JournalReport> {
  const { readOwnRecords } = await import("../engine/replicated/transfer/own_records.ts");
  const { cluster, entries, epoch, fault } = readOwnRecords(view);
  const [first, last] = [entries[0], entries.at(-1)];
  const has = first === undefined || last === undefined
    ? "no record of its log"
    : `records ${first.sequence} to ${last.sequence} of its log, epoch ${epoch}`;
  const found = fault === undefined ? "" : `; ${fault}: a broker reads the log anew from there on`;
  const line = `${view.path} is of a broker of cluster "${cluster}", and has ${has}${found}. ` +
    '"cluster verify" compares it with the log';
  return { isUsable: report.isUsable && fault === undefined, lines: [line, ...report.lines] };
}

/** What the commands that work on journals use. */
export const journal: JournalTools = {
  verify: (directory) =>
    withJournal(directory, async () => {
      const view = new DenoDiskView(directory);
      const report = verifyJournal(view, view.findUser());
      return readDirectory(view).isOfCluster ? await addRecords(view, report) : report;
    }),
  repair: (directory, way) =>
    withJournal(directory, async () => {
      const disk = DenoDisk.open(directory);
      try {
        const suffix = new Date().toISOString().replaceAll(/[:.]/g, "-");
        return await repairJournal(disk, way, suffix);
      } finally {
        disk.close();
      }
    }),
};
