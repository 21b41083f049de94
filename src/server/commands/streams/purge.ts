import type { StreamInfo } from "../../../../protocol.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { confirmDanger, DANGER_FLAGS } from "../output/confirmation.ts";
import { say } from "../output/quantities.ts";

/** `stream purge`: removes the messages of a stream. */
export const purge: CommandBody = {
  examples: ["stream purge orders --dry-run", "stream purge orders --yes"],
  flags: [
    ...DANGER_FLAGS,
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [1, 1],
  details:
    "Ready and delayed messages are removed, and are no dead letters. Messages that followers\n" +
    "hold stay.",
  async run(args, context) {
    const [name = ""] = args.words;
    const command = "stream purge";
    return await withBroker({ command }, args, context, async ({ cursor, signal }) => {
      const { ready, delayed } = await cursor.getStream(name, { signal });
      const what = `remove ${say(ready + delayed, "message")} from "${name}": ` +
        `${ready} ready, ${delayed} delayed`;
      const count = ready + delayed;
      if (!confirmDanger({ command, what, count, isHarmless: count === 0 }, args, context)) return;
      const removed = await cursor.purgeStream(name, { signal });
      if (args.has("json")) context.print(`${JSON.stringify({ removed })}\n`);
      else context.note(`Removed ${say(removed, "message")} from "${name}".`);
    });
  },
};

/** `stream rm`: deletes a stream. */
export const rm: CommandBody = {
  examples: ["stream rm old-orders --dry-run", "stream rm old-orders --yes"],
  flags: [
    ...DANGER_FLAGS,
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [1, 1],
  details:
    "All its messages are deleted, those that followers hold, too. Its dead letters are in a\n" +
    "stream of their own, which stays.",
  async run(args, context) {
    const [name = ""] = args.words;
    const command = "stream rm";
    return await withBroker({ command }, args, context, async ({ cursor, signal }) => {
      const stream = await cursor.getStream(name, { signal });
      const count = countMessages(stream);
      const followers = stream.followers === 0
        ? ""
        : `; ${say(stream.followers, "follower")} would wait for a new stream of that name`;
      const what = `delete stream "${name}" with ${say(count, "message")}${followers}`;
      if (!confirmDanger({ command, what, count }, args, context)) return;
      await cursor.deleteStream(name, { signal });
      if (args.has("json")) {
        context.print(`${JSON.stringify({ deleted: name, messages: count })}\n`);
      } else context.note(`Deleted stream "${name}" with ${say(count, "message")}.`);
    });
  },
};

/** All messages of a stream, whatever state they are in. */
export function countMessages({ ready, delayed, pending }: StreamInfo): number {
  return ready + delayed + pending;
}
