import { ExitCode } from "../process/exit_code.ts";
import type { ProgramParts } from "../process/program.ts";
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

/** A group of commands, as the help lists them. */
export interface CommandGroup {
  /** What they are about: "Streams". */
  readonly title: string;
  readonly commands: readonly Command[];
}

/** What a command is made of. */
export interface CommandBody {
  /** How it is used: command lines without the program's name. The help begins with them. */
  readonly examples: readonly string[];
  readonly flags: readonly Flag[];
  /** The fewest and the most words that are not flags. */
  readonly words: readonly [min: number, max: number];
  /** Whether it reads its flags itself: then all that is typed is words. */
  readonly readsFlags?: boolean;
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
  /** The version of the program. */
  readonly version: string;
  /** All commands. */
  readonly groups: readonly CommandGroup[];
  /** Loads the broker and the tools for journals. */
  readonly loadProgram: () => Promise<LoadedProgram>;
  /** Aborts when a person wants the command to stop: at the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What the command line works with. */
export interface CommandLineOptions {
  readonly args: readonly string[];
  readonly version: string;
  /** Loads the broker and the tools for journals, for the commands that need them. */
  readonly loadProgram: () => Promise<LoadedProgram>;
}

/** What is loaded only where it is needed. */
export interface LoadedProgram {
  /** Starts the broker. */
  readonly serve: ProgramParts["serve"];
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

  /**
   * @param lines A line for each mistake.
   * @param options The `cause`, and the exit code; that of a mistake in the command by default.
   */
  constructor(
    lines: string | readonly string[],
    options: ErrorOptions & { exitCode?: ExitCode } = {},
  ) {
    const all = (typeof lines === "string" ? [lines] : lines).map(hideWholeTokens);
    super(all.join("\n"), keepCause(options));
    this.name = "CommandError";
    this.lines = all;
    this.exitCode = options.exitCode ?? ExitCode.notStarted;
  }
}
