import { ExitCode } from "../process/exit_code.ts";
import { nameMissingFlag, StartError } from "../process/start_error.ts";
import { SettingsError } from "../settings/settings.ts";
import { hideWholeTokens } from "../token_text.ts";
import { CommandError } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/** Tells why a command failed, in lines on standard error; returns the exit code. */
export function explainFailure(error: unknown, terminal: Terminal): ExitCode {
  // The reader has seen enough, as `head` has.
  if (error instanceof Deno.errors.BrokenPipe) return ExitCode.stopped;
  if (error instanceof CommandError) {
    for (const line of error.lines) terminal.note(nameMissingFlag(line));
    return error.exitCode;
  }
  if (error instanceof StartError) {
    terminal.note(error.message);
    return error.exitCode as ExitCode;
  }
  if (error instanceof SettingsError) {
    for (const mistake of error.mistakes) terminal.note(nameMissingFlag(mistake));
    return ExitCode.notStarted;
  }
  // A permission, or what the system says of a file.
  if (error instanceof Error && (error instanceof Deno.errors.NotCapable || "code" in error)) {
    terminal.note(`Cannot go on: ${hideWholeTokens(nameMissingFlag(error.message))}`);
    return ExitCode.notStarted;
  }
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  terminal.note(`unexpected error: ${hideWholeTokens(text)}`);
  return ExitCode.fault;
}
