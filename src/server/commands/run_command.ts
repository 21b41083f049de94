import { findNearest } from "../../protocol/spelling.ts";
import { ExitCode } from "../process/exit_code.ts";
import { describe } from "../settings/found_value.ts";
import { Arguments, readArguments } from "./arguments.ts";
import {
  type Command,
  type CommandContext,
  CommandError,
  type CommandLineOptions,
} from "./command.ts";
import { findSources } from "./command_sources.ts";
import { COMMAND_GROUPS, COMMANDS, findCommands, matchCommand } from "./command_table.ts";
import { explainFailure } from "./failure.ts";
import { commandHelp, formatUsage, groupHelp, helpText } from "./help_text.ts";
import { StopSignal } from "./stop_signal.ts";
import type { Terminal } from "./terminal.ts";

/** What a command is run with. */
export interface RunOptions extends CommandLineOptions {
  /** The environment and the settings; those of the process by default. */
  readonly sources?: CommandContext["sources"];
  /** Asks the command to stop; by default Ctrl-C does. */
  readonly signal?: AbortSignal;
}

/** Runs a command, or shows its help; what it cannot do is told in lines on standard error. */
export async function runCommand(options: RunOptions, terminal: Terminal): Promise<ExitCode> {
  const { args } = options;
  using stop = new StopSignal(options.signal);
  try {
    const isHelp = args[0] === "help";
    const words = isHelp ? args.slice(1) : args;
    const match = matchCommand(words);
    // Help of a group is about all of it.
    const isGroup = isHelp && words.length === 1 && match?.command.name !== words[0];
    if (match === undefined || isGroup) return showOthers(words, isHelp, terminal);
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
    const found = body.readsFlags ? new Arguments(rest, new Map()) : readArguments(rest, body);
    if ("mistakes" in found) throw refuse(command, found.mistakes);
    const code = await body.run(found, await makeContext(options, terminal, stop));
    return stop.isStopped ? ExitCode.interrupted : code;
  } catch (error) {
    return stop.isStopped ? ExitCode.interrupted : explainFailure(error, terminal);
  }
}

async function makeContext(
  { version, loadProgram, sources }: RunOptions,
  terminal: Terminal,
  stop: StopSignal,
): Promise<CommandContext> {
  const parts = {
    version,
    loadProgram,
    sources: sources ?? await findSources(),
    groups: COMMAND_GROUPS,
    now: Date.now,
  };
  // What is asked of a terminal may change.
  return Object.create(terminal, {
    ...Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, { value }])),
    signal: { get: () => stop.signal },
    ask: { value: (question: string) => stop.suspend(() => terminal.ask(question)) },
    askSecret: { value: (question: string) => stop.suspend(() => terminal.askSecret(question)) },
  });
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
  const near = nearest === undefined ? [] : [`the nearest known one is "${nearest}"`];
  const allowed = inGroup.length > 0
    ? [`allowed ${known.map((name) => `"${name}"`).join(", ")}`]
    : [];
  const found = [...near, ...allowed];
  const advice = found.length > 0 ? found.join(", ") : "and none is near it";
  return `Cannot run ${describe(typed)}: found an unknown command, ${advice}; ` +
    `"help" lists the known ones, and without a command the broker runs`;
}

/** The words that are missing, as the usage calls them. */
function nameMissing({ usage }: Command, mistake: string): string {
  const [, found] = /^found (\d+) words?, allowed at least/.exec(mistake) ?? [];
  if (found === undefined) return "";
  const names = usage.split(/ (?=\[|--|<flags|\|)/)[0]!.match(/<[^>]+>/g) ?? [];
  const missing = names.slice(Number(found));
  return missing.length === 0
    ? ""
    : `: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing`;
}

function refuse(command: Command, mistakes: readonly string[]): CommandError {
  const lines = mistakes.map((mistake) =>
    `Cannot run "${command.name}": ${mistake}${nameMissing(command, mistake)}`
  );
  return new CommandError([...lines, formatUsage(command)]);
}
