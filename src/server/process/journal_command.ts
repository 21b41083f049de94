import { parseArgs } from "@std/cli/parse-args";

/** How a journal is repaired that cannot be used as it is. */
export type JournalRepair = "skip-damaged" | "cut";
export interface JournalReport {
  readonly lines: readonly string[];
  readonly isUsable: boolean;
}

/** The commands that look at a journal and repair it. */
export interface JournalCommands {
  /** Lists a journal's segments and faults. */
  readonly verify: (directory: string) => Promise<JournalReport>;
  /** Repairs a journal, or lists the possible repairs. */
  readonly repair: (directory: string, way?: JournalRepair) => Promise<JournalReport>;
}

/** A command line that cannot be understood. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

const DEFAULT_DIRECTORY = "./data";

/** Whether a command line is `verify` or `repair`. */
export function isJournalCommand(args: readonly string[]): boolean {
  return args[0] === "verify" || args[0] === "repair";
}

/** Runs `verify [directory]` or `repair [directory] [--skip-damaged | --cut]`. */
export function runJournalCommand(
  args: readonly string[],
  { verify, repair }: JournalCommands,
): Promise<JournalReport> {
  const [name, ...rest] = args;
  const ways: readonly string[] = name === "repair" ? ["skip-damaged", "cut"] : [];
  const unknown: string[] = [];
  const flags = parseArgs(rest, {
    boolean: [...ways],
    unknown: (arg) => {
      if (!arg.startsWith("-")) return true;
      unknown.push(arg);
      return false;
    },
  });
  const directories = flags._.map(String);
  const wanted = ways.filter((way) => flags[way] === true) as JournalRepair[];
  if (unknown.length > 0 || directories.length > 1 || wanted.length > 1) {
    const choice = ways.length === 0 ? "" : ` [${ways.map((way) => `--${way}`).join(" | ")}]`;
    throw new UsageError(
      `Cannot understand "${args.join(" ")}"; allowed is: ${name} [directory]${choice}`,
    );
  }
  const directory = directories[0] ?? DEFAULT_DIRECTORY;
  return name === "verify" ? verify(directory) : repair(directory, wanted[0]);
}
