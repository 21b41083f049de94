import { JournalError } from "../engine/journal/disk/journal_error.ts";
import { ExitCode } from "../server/process/exit_code.ts";
import { StartError } from "../server/process/start_error.ts";

/** Why a journal cannot be used, in a line, with what to do if another broker has it. */
export function explainJournalError(cause: unknown, directory: string, advice: string): unknown {
  if (cause instanceof JournalError) {
    const exitCode = cause.trouble === "damaged" ? ExitCode.damaged : ExitCode.notStarted;
    const more = cause.trouble === "inUse" ? `; ${advice}` : "";
    return new StartError(`${cause.message}${more}`, { cause, exitCode });
  }
  // What the system says of a directory; faults of the broker stay what they are.
  if (!(cause instanceof Error && "code" in cause)) return cause;
  return new StartError(`Cannot use ${directory}: ${cause.message}`, { cause });
}
