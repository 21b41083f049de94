import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { Progress } from "../output/progress.ts";
import { say } from "../output/quantities.ts";
import { countDeadLetters } from "./count_dead.ts";
import { deadStreamOf, FILTER_FLAGS, readFilter } from "./dead_filter.ts";

const NAME = "dead redrive";

/** `dead redrive`: sends dead letters back. */
export const redrive: CommandBody = {
  examples: [
    "dead redrive orders --dry-run",
    "dead redrive orders --cause maxDeliveries --reason 'connection refused' --rate 50",
    "dead redrive orders --from 7 --to 7",
  ],
  flags: [
    ...FILTER_FLAGS,
    { name: "limit", value: "<number>", about: "The most to send back" },
    {
      name: "rate",
      value: "<number>",
      about: "The most a second, so that followers are not flooded",
    },
    { name: "dry-run", about: "Only counts what would be sent back" },
    {
      name: "yes",
      about: "Is taken, though nothing is asked: what is sent back can be found again",
    },
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [1, 1],
  details:
    "Each gets a new id in the stream that it came from, and starts with no deliveries. Those\n" +
    "that become dead letters meanwhile stay.",
  async run(args, context) {
    const [word = ""] = args.words;
    const reader = new FlagReader(args, NAME);
    const filter = readFilter(args, reader);
    const limit = reader.readNumber("limit", { low: 1, high: Number.MAX_SAFE_INTEGER });
    const ratePerSecond = reader.readNumber("rate", { low: 1, high: 1_000_000 });
    reader.check();
    const needs = { command: NAME, isEndless: true };
    return await withBroker(needs, args, context, async ({ cursor, signal }) => {
      if (args.has("dry-run")) {
        const found = await countDeadLetters(cursor, deadStreamOf(word), filter, signal);
        const count = Math.min(found, limit ?? Infinity);
        if (args.has("json")) context.print(`${JSON.stringify({ dryRun: true, count })}\n`);
        else context.print(`This would send ${say(count, "dead letter")} back to "${word}".\n`);
        return;
      }
      using progress = new Progress(context, "dead letters looked at");
      let seen = 0;
      const result = await cursor.redrive(word, {
        filter: (message) => {
          progress.show(++seen);
          return filter.matches(message);
        },
        ...limit !== undefined && { limit },
        ...ratePerSecond !== undefined && { ratePerSecond },
        signal,
      });
      if (args.has("json")) context.print(`${JSON.stringify(result)}\n`);
      else context.note(`Sent ${say(result.count, "dead letter")} back.`);
      if (result.skipped > 0 && !args.has("json")) {
        const are = result.skipped === 1 ? "was" : "were";
        context.note(
          `${
            say(result.skipped, "dead letter")
          } ${are} not: held by a follower, gone, or without room.`,
        );
      }
    });
  },
};
