import { listSettingFlags } from "../settings/load_settings.ts";
import type { Command, CommandBody } from "./command.ts";
import { COMMANDS } from "./command_table.ts";

/** What `--help` shows: all commands, all flags of the broker, and their defaults. */
export function helpText(): string {
  return `SimpleMQ, a message queue.

Usage: simplemq [flags], or deno run -A server.ts [flags]
       runs the broker; with the name of a command in place of the flags, that one:

${listCommands(COMMANDS)}

  help <command>, or --help behind the command, tells more.

${listSettingFlags()}
  --help, -h
      Shows this text.
  --version
      Shows the version.

A flag that is true or false needs no value to be on; --no-json-lines turns json-lines off.
A flag comes before an environment variable, such as SIMPLEMQ_STORAGE_ENGINE for
--storage-engine, and that before the file, where it is the key engine under storage.
`;
}

/** What the help of one command shows. */
export function commandHelp(command: Command, { flags, details }: CommandBody): string {
  const lines = flags.flatMap(({ name, value = "", about }) => [
    `  --${name} ${value}`.trimEnd(),
    `      ${about}.`,
  ]);
  const parts = [
    `${formatUsage(command)}\n\n  ${capitalize(command.about)}.`,
    ...details === undefined ? [] : [details],
    ...lines.length === 0 ? [] : [lines.join("\n")],
  ];
  return `${parts.join("\n\n")}\n`;
}

/** What the help of a group of commands shows. */
export function groupHelp(commands: readonly Command[]): string {
  return `Commands:\n\n${listCommands(commands)}\n`;
}

/** How a command is written, on a line. */
export function formatUsage({ name, usage }: Command): string {
  return `Usage: simplemq ${`${name} ${usage}`.trimEnd()}`;
}

function listCommands(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return commands.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`).join("\n");
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
