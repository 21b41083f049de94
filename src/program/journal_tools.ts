import { DenoDisk, DenoDiskView } from "../engine/journal/disk/deno_disk.ts";
import { repairJournal, verifyJournal } from "../engine/journal/repair/tools.ts";
import type { JournalTools } from "../server/commands/command.ts";
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

/** What the commands that work on journals use. */
export const journal: JournalTools = {
  verify: (directory) =>
    withJournal(directory, () => {
      const view = new DenoDiskView(directory);
      return verifyJournal(view, view.findUser());
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
