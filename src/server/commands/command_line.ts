import { findNearest } from "../../protocol/spelling.ts";
import { type ProgramParts, runProgram } from "../process/program.ts";
import { ExitCode, nameMissingFlag, StartError } from "../process/start_error.ts";
import { loadSettings, type SettingsSources } from "../settings/load_settings.ts";
import { SettingsError } from "../settings/settings.ts";
import { describe } from "../settings/found_value.ts";
import { hideWholeTokens } from "../token_text.ts";
import { placeUsers } from "../settings/users_location.ts";
import { readArguments } from "./arguments.ts";
import { type Command, CommandError, type JournalTools } from "./command.ts";
import { COMMANDS, findCommands, matchCommand } from "./command_table.ts";
import { commandHelp, formatUsage, groupHelp, helpText } from "./help_text.ts";
import { standardStreams, type Terminal } from "./terminal.ts";

/** What the command line works with. */
export interface CommandLineOptions {
  readonly args: readonly string[];
  readonly version: string;
  /** Starts the broker. */
  readonly serve: ProgramParts["serve"];
  readonly journal: JournalTools;
}

/** Runs the broker as a program until it is stopped, or a command; resolves to the exit code. */
export async function runCommandLine(options: CommandLineOptions): Promise<ExitCode> {
  const { args, version, serve } = options;
  const isCommand = args[0] !== undefined && !args[0].startsWith("-");
  if (isCommand) return await runCommand(options, standardStreams);
  const load = async () => {
    const loaded = await loadSettings({ ...await findSources(), args });
    if (loaded.help) standardStreams.print(helpText());
    else if (loaded.version) standardStreams.print(`simplemq ${version}\n`);
    else return { ...loaded, users: placeUsers(loaded.settings, loaded.file) };
    return undefined;
  };
  return await runProgram({ load, serve });
}

/** The settings file that is read when none is named. */
const DEFAULT_FILE = "settings.yaml";

async function findSources(): Promise<Omit<SettingsSources, "args">> {
  return {
    env: (name) => Deno.env.get(name),
    variables: await listVariables(),
    readTextFile: (path) => Deno.readTextFile(path),
    defaultFile: DEFAULT_FILE,
  };
}

/** The names of the environment's variables, if they may be listed without asking for permission. */
async function listVariables(): Promise<string[]> {
  const { state } = await Deno.permissions.query({ name: "env" });
  return state === "granted" ? Object.keys(Deno.env.toObject()) : [];
}

/** Runs a command, or shows its help; what it cannot do is told in lines on standard error. */
export async function runCommand(
  { args, journal }: Pick<CommandLineOptions, "args" | "journal">,
  terminal: Terminal,
): Promise<ExitCode> {
  try {
    const isHelp = args[0] === "help";
    const words = isHelp ? args.slice(1) : args;
    const match = matchCommand(words);
    if (match === undefined) return showOthers(words, isHelp, terminal);
    const { command, count } = match;
    const body = await command.load();
    const rest = words.slice(count);
    const end = rest.indexOf("--");
    const isAsked = rest.slice(0, end < 0 ? undefined : end)
      .some((arg) => arg === "--help" || arg === "-h");
    if (isHelp || isAsked) {
      terminal.print(commandHelp(command, body));
      return ExitCode.stopped;
    }
    const found = readArguments(rest, body);
    if ("mistakes" in found) throw refuse(command, found.mistakes);
    const sources = await findSources();
    return await body.run(found, { ...terminal, sources, now: Date.now, journal });
  } catch (error) {
    return explainFailure(error, terminal);
  }
}

/** Shows the help of everything, or of a group; throws where there is no such command. */
function showOthers(words: readonly string[], isHelp: boolean, terminal: Terminal): ExitCode {
  const isAsked = isHelp || words.some((word) => word === "--help" || word === "-h");
  const names = words.filter((word) => !word.startsWith("-"));
  const group = names.length === 0 ? [] : findCommands(names);
  if (isAsked && (names.length === 0 || group.length > 0)) {
    terminal.print(names.length === 0 ? helpText() : groupHelp(group));
    return ExitCode.stopped;
  }
  if (group.length > 0) {
    const known = group.map(({ name }) => `"${name}"`).join(", ");
    throw new CommandError(`Cannot run ${describe(names.join(" "))}: allowed are ${known}`);
  }
  throw new CommandError(describeUnknown(names));
}

function describeUnknown(names: readonly string[]): string {
  // A group that exists narrows the choice: behind `user` only its own commands count.
  const inGroup = findCommands(names.slice(0, 1));
  const known = (inGroup.length > 0 ? inGroup : COMMANDS).map(({ name }) => name);
  const typed = names.slice(0, inGroup.length > 0 ? 2 : 1).join(" ");
  const nearest = findNearest(typed, [...known, ...known.map((name) => name.split(" ")[0]!)]);
  const advice = nearest !== undefined
    ? `the nearest known one is "${nearest}"`
    : `allowed ${known.map((name) => `"${name}"`).join(", ")}`;
  return `Cannot run ${describe(typed)}: found an unknown command, ${advice}; ` +
    `"help" lists the known ones, and without a command the broker runs`;
}

function refuse(command: Command, mistakes: readonly string[]): CommandError {
  const lines = mistakes.map((mistake) => `Cannot run "${command.name}": ${mistake}`);
  return new CommandError([...lines, formatUsage(command)]);
}

function explainFailure(error: unknown, terminal: Terminal): ExitCode {
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
