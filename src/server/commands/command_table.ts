import { BROKER_COMMANDS } from "./broker/table.ts";
import { CLUSTER_COMMANDS } from "./cluster/table.ts";
import type { Command, CommandGroup } from "./command.ts";
import { DEAD_COMMANDS } from "./dead/table.ts";
import { JOURNAL_COMMANDS } from "./journal/table.ts";
import { LANE_COMMANDS } from "./lanes/table.ts";
import { MESSAGE_COMMANDS } from "./messages/table.ts";
import { SCHEDULE_COMMANDS } from "./schedules/table.ts";
import { SETUP_COMMANDS } from "./setup/table.ts";
import { STREAM_COMMANDS } from "./streams/table.ts";
import { USER_COMMANDS } from "./users/table.ts";

/** All groups of commands, in the order in which the help lists them. */
export const COMMAND_GROUPS: readonly CommandGroup[] = [
  BROKER_COMMANDS,
  MESSAGE_COMMANDS,
  STREAM_COMMANDS,
  LANE_COMMANDS,
  SCHEDULE_COMMANDS,
  DEAD_COMMANDS,
  JOURNAL_COMMANDS,
  CLUSTER_COMMANDS,
  USER_COMMANDS,
  SETUP_COMMANDS,
];

/** All commands. */
export const COMMANDS: readonly Command[] = COMMAND_GROUPS.flatMap(({ commands }) => commands);

/** Other names of words, as other programs have them. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["list", "ls"],
  ["delete", "rm"],
  ["remove", "rm"],
  ["create", "add"],
]);

/** The commands whose names begin with these words: one, or a group such as `user`. */
export function findCommands(words: readonly string[]): readonly Command[] {
  const text = words.join(" ");
  return COMMANDS.filter(({ name }) => name === text || name.startsWith(`${text} `));
}

/** A command at the beginning of a command line, and the number of its words. */
export interface CommandMatch {
  readonly command: Command;
  readonly count: number;
}

/** Finds the command that is meant; the longest name counts. */
export function matchCommand(args: readonly string[]): CommandMatch | undefined {
  let found: CommandMatch | undefined;
  for (const command of COMMANDS) {
    const words = command.name.split(" ");
    const isMeant = words.every((word, index) => {
      const arg = args[index];
      return arg === word || index > 0 && ALIASES.get(arg ?? "") === word;
    });
    if (isMeant && words.length > (found?.count ?? 0)) found = { command, count: words.length };
  }
  return found ?? matchShort(args);
}

/** A group of which one command is what most people want. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([["pel", "pel ls"]]);

/** A group in the place of its usual command: `pel worker-1`. */
function matchShort([first = "", ...rest]: readonly string[]): CommandMatch | undefined {
  const name = SHORT_NAMES.get(first);
  const isHelp = rest.some((arg) => arg === "--help" || arg === "-h");
  const command = isHelp ? undefined : COMMANDS.find((command) => command.name === name);
  return command && { command, count: 1 };
}
