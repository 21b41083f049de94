import type { LogLevel } from "../../../../protocol.ts";
import { describe } from "../../settings/found_value.ts";
import { LOG_LEVELS } from "../../log.ts";
import { type CommandBody, CommandError } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";

const NAME = "log-level";

/** `log-level`: tells or sets the level of a running broker's log. */
export const logLevel: CommandBody = {
  examples: ["log-level", "log-level debug", "log-level info"],
  flags: [...QUERY_FLAGS],
  words: [0, 1],
  details:
    `The levels are ${LOG_LEVELS.join(", ")}. The level is in force until the broker stops:\n` +
    "the next start goes by its settings. To set it takes the permission admin.",
  async run(args, context) {
    const [word] = args.words;
    const level = LOG_LEVELS.find((level) => level === word);
    if (word !== undefined && level === undefined) {
      throw new CommandError(
        `Cannot run "${NAME}": found ${describe(word)}, allowed ${LOG_LEVELS.join(", ")}`,
      );
    }
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const { logLevel: before }: { logLevel: LogLevel } = await cursor.getBroker({ signal });
      if (level === undefined) return void context.print(`${before}\n`);
      await cursor.setLogLevel(level, { signal });
      context.print(`${level}\n`);
      context.note(`The level of the log was ${before}.`);
    });
  },
};
