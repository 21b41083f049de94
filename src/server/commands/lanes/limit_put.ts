import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { LIMIT_FLAGS, readLimit } from "./set.ts";

const NAME = "limit put";

/** `limit put`: sets a shared limit. */
export const limitPut: CommandBody = {
  examples: ["limit put openai --max-pending 20 --rate 500/1m"],
  flags: [...LIMIT_FLAGS, ...QUERY_FLAGS],
  words: [1, 1],
  details: "What is not named is not limited. Streams go by it with\n" +
    "  simplemq stream set <stream> --shared-limit <name>",
  async run(args, context) {
    const [name = ""] = args.words;
    const reader = new FlagReader(args, NAME);
    const settings = readLimit(reader);
    if (Object.keys(settings).length === 0) reader.refuse("allowed some of --max-pending, --rate");
    reader.check();
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const isChanged = await cursor.putLimit(name, settings, { signal });
      context.note(`Limit "${name}" is ${isChanged ? "put" : "so already"}.`);
    });
  },
};
