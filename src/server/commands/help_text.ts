import type { Command, CommandBody, CommandGroup } from "./command.ts";
import { COMMAND_GROUPS } from "./command_table.ts";

/** What the help of everything begins with. */
const EXAMPLES: readonly (readonly [line: string, about: string])[] = [
  ["simplemq", "run a broker here; its data go to ./data"],
  ["simplemq stream add orders", "create a stream"],
  ["simplemq publish orders 'a pizza'", "send a message"],
  ["simplemq follow orders", "receive messages until Ctrl-C"],
  ["simplemq stream ls", "what is in all streams"],
  ["simplemq explain orders", "why its messages are not delivered"],
];

/** What `--help` shows: examples and all commands. */
export function helpText(): string {
  const width = Math.max(...EXAMPLES.map(([line]) => line.length));
  return `SimpleMQ, a message queue.

${EXAMPLES.map(([line, about]) => `  $ ${line.padEnd(width)}  # ${about}`).join("\n")}

Usage: simplemq <command> [flags], or deno run -A cli.ts <command> [flags]

${COMMAND_GROUPS.map(listGroup).join("\n\n")}

  help <command>, or --help behind the command, tells more.
  --version shows the version.

Commands that talk to a broker take --server host:port, or the variable SIMPLEMQ_SERVER, or a
context; without one it is localhost:9090. --json is for programs. Exit codes: 0 done, 1 refused
by the broker, 2 a mistake in the command, 5 no connection, 6 no permission, 7 not found.
`;
}

/** What the help of one command shows. */
export function commandHelp(
  command: Command,
  { examples, flags, details }: CommandBody,
): string {
  const lines = flags.flatMap(({ name, value = "", about }) => [
    `  --${name} ${value}`.trimEnd(),
    ...`${about}.`.split("\n").map((line) => `      ${line}`),
  ]);
  const parts = [
    examples.map((example) => `  $ simplemq ${example}`).join("\n"),
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

function listGroup({ title, commands }: CommandGroup): string {
  return `${title}:\n${listCommands(commands)}`;
}

/** The width of the names in all lists, so that the groups stand below each other. */
const NAME_WIDTH = 16;

function listCommands(commands: readonly Command[]): string {
  const width = Math.max(NAME_WIDTH, ...commands.map(({ name }) => name.length));
  return commands.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`).join("\n");
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
