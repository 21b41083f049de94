import { ExitCode } from "../process/exit_code.ts";
import type { ProgramParts } from "../process/program.ts";
import type { SettingsSources } from "../settings/load_settings.ts";
import { hideWholeTokens, keepCause } from "../token_text.ts";
import type { Settings } from "../settings/settings.ts";
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
  readonly cluster: ClusterTools;
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

/** How a tool of clusters works. */
export interface ClusterWork {
  /** The settings of a broker of the cluster. */
  readonly settings: Settings;
  /** The version of the program. */
  readonly version: string;
  /** Stops it. */
  readonly signal: AbortSignal;
  /** Hears what a person should know meanwhile. */
  readonly note: (line: string) => void;
  /** Hears how many bytes were copied, of how many. */
  readonly progress: (bytes: number, of?: number) => void;
}

/** What was copied between a journal and the log of a cluster. */
export interface CopiedJournal {
  readonly segments: number;
  readonly bytes: number;
  /** The last record of the log that is in the copy; absent for an import. */
  readonly sequence?: number;
}

/** How a broker's directory and the log of its cluster are to each other. */
export interface ClusterComparison {
  readonly cluster: string;
  readonly directory: string;
  readonly relation: "empty" | "removed" | "same" | "shorter" | "different" | "stranger";
  readonly epoch: number;
  /** The records that the directory has, from the first one to the last one; absent if it has none. */
  readonly own?: { readonly first: number; readonly last: number };
  /** Those of the log. */
  readonly log: { readonly first: number; readonly last: number };
  /** The first record at which they differ. */
  readonly at?: number;
  /** What is wrong with the directory itself. */
  readonly fault?: string;
  /** The broker that uses it. */
  readonly user?: string;
}

/** What works on the log of a cluster. */
export interface ClusterTools {
  /** Makes a journal the beginning of the empty log of a cluster. */
  readonly import: (directory: string, work: ClusterWork) => Promise<CopiedJournal>;
  /** Makes a journal of a single broker of the log. */
  readonly export: (directory: string, work: ClusterWork) => Promise<CopiedJournal>;
  /** Compares the own directory with the log. */
  readonly compare: (work: ClusterWork) => Promise<ClusterComparison>;
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
