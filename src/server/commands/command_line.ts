import type { CommandLineOptions } from "./command.ts";

/**
 * Runs the broker as a program until it is stopped, or a command; resolves to the exit code.
 *
 * Everything but this file is loaded when it is known what is asked for: `--version` needs none of it.
 */
export async function runCommandLine(options: CommandLineOptions): Promise<number> {
  const { args, version } = options;
  const { standardStreams } = await import("./terminal.ts");
  if (args.length === 1 && args[0] === "--version") {
    standardStreams.print(`simplemq ${version}\n`);
    return 0;
  }
  // With flags alone it is the broker that is asked for.
  const isHelp = args.length === 1 && (args[0] === "--help" || args[0] === "-h");
  const isCommand = args[0] !== undefined && !args[0].startsWith("-");
  const { runCommand } = await import("./run_command.ts");
  const all = isHelp ? ["help"] : isCommand ? args : ["serve", ...args];
  return await runCommand({ ...options, args: all }, standardStreams);
}
