import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";

/** `stream pause`: stops deliveries. */
export const pause: CommandBody = {
  examples: ["stream pause orders"],
  flags: QUERY_FLAGS,
  words: [1, 100],
  details: "Publishing goes on, and followers keep what they hold. It holds until the stream is\n" +
    "resumed, also after a restart of the broker.",
  async run(args, context) {
    const needs = { command: "stream pause" };
    return await withBroker(needs, args, context, async ({ cursor, signal }) => {
      for (const name of args.words) {
        await cursor.pauseStream(name, { signal });
        context.note(`Stream "${name}" is paused; "simplemq stream resume ${name}" goes on.`);
      }
    });
  },
};

/** `stream resume`: goes on with deliveries. */
export const resume: CommandBody = {
  examples: ["stream resume orders"],
  flags: QUERY_FLAGS,
  words: [1, 100],
  details: "A breaker that is open is closed: what waited for its next probe is delivered at once.",
  async run(args, context) {
    const needs = { command: "stream resume" };
    return await withBroker(needs, args, context, async ({ cursor, signal }) => {
      for (const name of args.words) {
        await cursor.resumeStream(name, { signal });
        context.note(`Stream "${name}" goes on.`);
      }
    });
  },
};
