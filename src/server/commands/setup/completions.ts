import { ExitCode } from "../../process/exit_code.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import { writeBash, writeFish, writeZsh } from "./shell_scripts.ts";
import type { CompletedCommand } from "./shell_scripts.ts";
import { describe } from "../../settings/found_value.ts";

const SHELLS = { bash: writeBash, zsh: writeZsh, fish: writeFish };

/** `completions`: prints what a shell needs to complete commands and flags. */
export const completions: CommandBody = {
  examples: [
    "completions bash > ~/.local/share/bash-completion/completions/simplemq",
    "completions zsh > ~/.zfunc/_simplemq",
    "completions fish > ~/.config/fish/completions/simplemq.fish",
  ],
  flags: [],
  words: [1, 1],
  async run({ words: [shell = ""] }, context) {
    if (!Object.hasOwn(SHELLS, shell)) {
      const known = Object.keys(SHELLS).join(", ");
      throw new CommandError(
        `Cannot run "completions": found ${describe(shell)}, allowed ${known}`,
      );
    }
    context.print(SHELLS[shell as keyof typeof SHELLS](await loadAll(context)));
    return ExitCode.stopped;
  },
};

async function loadAll({ groups }: CommandContext): Promise<CompletedCommand[]> {
  const commands = groups.flatMap(({ commands }) => commands);
  return await Promise.all(commands.map(async ({ name, about, load }) => {
    const { flags } = await load();
    return { name, about, flags };
  }));
}
