import { ExitCode } from "../../process/exit_code.ts";
import {
  type CommandBody,
  type CommandContext,
  CommandError,
  type JournalRepair,
  type JournalReport,
} from "../command.ts";

const DEFAULT_DIRECTORY = "./data";

/** `verify`: tells what is in a journal, and what is wrong with it. */
export const verify: CommandBody = {
  examples: ["verify", "verify /var/lib/simplemq"],
  flags: [],
  words: [0, 1],
  details: "The directory is ./data if none is named. A broker may be using it meanwhile.",
  async run({ words: [directory = DEFAULT_DIRECTORY] }, context) {
    return report(await (await context.loadProgram()).journal.verify(directory), context);
  },
};

/** `repair`: tells how a journal can be repaired, or does so. */
export const repair: CommandBody = {
  examples: ["repair /var/lib/simplemq", "repair /var/lib/simplemq --skip-damaged"],
  flags: [
    { name: "skip-damaged", about: "Gives up what cannot be read, and keeps everything else" },
    { name: "cut", about: "Gives up everything from the first fault on" },
  ],
  words: [0, 1],
  details: "The directory is ./data if none is named. Without a flag nothing is changed.",
  async run(args, context) {
    const [directory = DEFAULT_DIRECTORY] = args.words;
    const ways = (["skip-damaged", "cut"] as JournalRepair[]).filter((way) => args.has(way));
    if (ways.length > 1) {
      throw new CommandError('Cannot run "repair": allowed is one of --skip-damaged and --cut');
    }
    const { journal } = await context.loadProgram();
    return report(await journal.repair(directory, ways[0]), context);
  },
};

function report({ lines, isUsable }: JournalReport, context: CommandContext): ExitCode {
  context.print(lines.map((line) => `${line}\n`).join(""));
  return isUsable ? ExitCode.stopped : ExitCode.damaged;
}
