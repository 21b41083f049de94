import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { OPTION_FLAGS, OPTION_ROWS, readStreamOptions, showOption } from "./stream_option_flags.ts";

const NAME = "stream set";

/** `stream set`: changes options of a stream. */
export const set: CommandBody = {
  examples: ["stream set orders --max-messages 100000", "stream set orders --ttl none"],
  flags: [...OPTION_FLAGS, ...QUERY_FLAGS],
  words: [1, 1],
  details: "Options that are not named stay as they are.",
  async run(args, context) {
    const reader = new FlagReader(args, NAME);
    const [name = ""] = args.words;
    const options = readStreamOptions(args, reader);
    if (!OPTION_ROWS.some(({ flag }) => args.has(flag))) {
      const known = OPTION_ROWS.map(({ flag }) => `--${flag}`).join(", ");
      reader.refuse(`found no option, allowed ${known}`);
    }
    reader.check();
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const { options: before } = await cursor.getStream(name, { signal });
      await cursor.updateStream(name, options, { signal });
      const { options: after } = await cursor.getStream(name, { signal });
      const changes = OPTION_ROWS.map(({ option, flag }) => ({
        flag,
        from: showOption(option, before[option]),
        to: showOption(option, after[option]),
      })).filter(({ from, to }) => from !== to);
      for (const { flag, from, to } of changes) {
        context.note(`Stream "${name}": ${flag} was ${from}, and is ${to}.`);
      }
      if (changes.length === 0) context.note(`Stream "${name}" is as it was.`);
    });
  },
};
