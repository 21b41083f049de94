import { BROKER_COMMANDS } from "./broker/table.ts";
import type { Command, CommandGroup } from "./command.ts";
import { DEAD_COMMANDS } from "./dead/table.ts";
import { JOURNAL_COMMANDS } from "./journal/table.ts";
import { MESSAGE_COMMANDS } from "./messages/table.ts";
import { SETUP_COMMANDS } from "./setup/table.ts";
import { STREAM_COMMANDS } from "./streams/table.ts";
import { USER_COMMANDS } from "./users/table.ts";

/** All groups of commands, in the order in which the help lists them. */
export const COMMAND_GROUPS: readonly CommandGroup[] = [
  BROKER_COMMANDS,
  MESSAGE_COMMANDS,
  STREAM_COMMANDS,
  DEAD_COMMANDS,
  JOURNAL_COMMANDS,
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

/** The command at the beginning of a command line, and the number of its words. */
export function matchCommand(
  args: readonly string[],
): { readonly command: Command; readonly count: number } | undefined {
  // `pel release` before `pel`.
  let found: { readonly command: Command; readonly count: number } | undefined;
  for (const command of COMMANDS) {
    const words = command.name.split(" ");
    const isMeant = words.every((word, index) => {
      const arg = args[index];
      return arg === word || index > 0 && ALIASES.get(arg ?? "") === word;
    });
    if (isMeant && words.length > (found?.count ?? 0)) found = { command, count: words.length };
  }
  return found;
}
