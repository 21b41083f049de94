import { ExitCode } from "../../process/exit_code.ts";
import type { Arguments, Flag } from "../arguments.ts";
import { type CommandContext, CommandError } from "../command.ts";

/** The flags of commands that destroy something. */
export const DANGER_FLAGS: readonly Flag[] = [
  { name: "yes", about: "Asks nothing" },
  { name: "dry-run", about: "Only tells what would be done" },
];

/** What is about to be done. */
export interface Danger {
  /** The command's name. */
  readonly command: string;
  /** What it would do, as words behind "would": `remove 12 messages of "orders"`. */
  readonly what: string;
  /** What programs get with `--dry-run --json`: the count. */
  readonly count: number;
  /** Whether there is nothing to destroy: then nobody is asked. */
  readonly isHarmless?: boolean;
}

/**
 * Asks before something is destroyed, if there is somebody to ask.
 *
 * @returns Whether to go on: not with `--dry-run`, which only tells what would be done.
 * @throws {CommandError} If a person says no, or there is none and `--yes` is not given.
 */
export function confirmDanger(
  { command, what, count, isHarmless = false }: Danger,
  args: Arguments,
  context: CommandContext,
): boolean {
  if (args.has("dry-run")) {
    if (args.has("json")) context.print(`${JSON.stringify({ dryRun: true, count })}\n`);
    else context.print(`This would ${what}.\n`);
    return false;
  }
  if (args.has("yes") || isHarmless) return true;
  if (!context.isInteractive) {
    throw new CommandError(
      `Cannot run "${command}": this would ${what}, and there is nobody to ask; allowed --yes, ` +
        "or --dry-run to see what would be done",
    );
  }
  const answer = context.ask(`This would ${what}. Go on? [y/N]`);
  if (/^y(es)?$/i.test(answer ?? "")) return true;
  throw new CommandError("Nothing was done.", { exitCode: ExitCode.fault });
}
