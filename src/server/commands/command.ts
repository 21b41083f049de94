import { ExitCode } from "../process/start_error.ts";
import type { SettingsSources } from "../settings/load_settings.ts";
import { hideWholeTokens, keepCause } from "../token_text.ts";
import type { Arguments, Flag } from "./arguments.ts";
import type { Terminal } from "./terminal.ts";

/** A row of the table of commands: what is known of a command before it is loaded. */
export interface Command {
  /** Its words: `verify`, `user add`. */
  readonly name: string;
  /** What stands behind the name, in short: `[directory]`. */
  readonly usage: string;
  /** What it does: half a sentence without a period. */
  readonly about: string;
  /** Loads it, so that a broker that starts does not load what only commands need. */
  readonly load: () => Promise<CommandBody>;
}

/** What a command is made of. */
export interface CommandBody {
  readonly flags: readonly Flag[];
  /** The fewest and the most words that are not flags. */
  readonly words: readonly [min: number, max: number];
  /** What else its help tells: whole lines. */
  readonly details?: string;
  /** Runs it; throws a {@linkcode CommandError} with what has to be changed. */
  run(args: Arguments, context: CommandContext): Promise<ExitCode>;
}

/** What a command works with. */
export interface CommandContext extends Terminal {
  /** Where the broker finds its settings. */
  readonly sources: Omit<SettingsSources, "args">;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  readonly journal: JournalTools;
}

/** How a journal is repaired that cannot be used as it is. */
export type JournalRepair = "skip-damaged" | "cut";

/** What is said of a journal. */
export interface JournalReport {
  readonly lines: readonly string[];
  readonly isUsable: boolean;
}

/** What looks at a journal and repairs it. */
export interface JournalTools {
  /** Lists a journal's segments and faults. */
  readonly verify: (directory: string) => Promise<JournalReport>;
  /** Repairs a journal, or lists the possible repairs. */
  readonly repair: (directory: string, way?: JournalRepair) => Promise<JournalReport>;
}

/** A command cannot do what it is asked for; the message says what to change. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  /** A line for each mistake. */
  readonly lines: readonly string[];

  constructor(lines: string | readonly string[], options: ErrorOptions = {}) {
    const all = (typeof lines === "string" ? [lines] : lines).map(hideWholeTokens);
    super(all.join("\n"), keepCause(options));
    this.name = "CommandError";
    this.lines = all;
    this.exitCode = ExitCode.notStarted;
  }
}
