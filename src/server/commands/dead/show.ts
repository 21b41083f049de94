import type { PeekedMessage, Redrives } from "../../../../client.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { readId } from "../flag_reader.ts";
import { bodyText, toJson } from "../messages/message_text.ts";
import { formatTime, say } from "../output/quantities.ts";
import { type Column, printValue } from "../output/result_output.ts";
import { deadStreamOf } from "./dead_filter.ts";

const NAME = "dead show";

const FIELDS: readonly Column<PeekedMessage>[] = [
  { title: "dead letter", read: ({ stream, id }) => `${stream} ${id}` },
  { title: "was", read: ({ deadLetter }) => deadLetter && `${deadLetter.stream} ${deadLetter.id}` },
  {
    title: "sent back",
    read: ({ deadLetter }) => deadLetter?.redrives && sayRedrives(deadLetter.redrives),
  },
  { title: "cause", read: ({ deadLetter }) => deadLetter?.cause },
  { title: "deliveries", kind: "number", read: ({ deadLetter }) => deadLetter?.attempts },
  { title: "first failure", kind: "time", read: ({ deadLetter }) => deadLetter?.firstAt },
  { title: "dead since", kind: "time", read: ({ deadLetter }) => deadLetter?.lastAt },
  { title: "last follower", read: ({ deadLetter }) => deadLetter?.follower },
  ...Array.from({ length: 10 }, (_, index): Column<PeekedMessage> => ({
    title: index === 0 ? "reasons" : "",
    read: ({ deadLetter }) => deadLetter?.reasons[index],
  })),
  { title: "trace", read: ({ deadLetter }) => deadLetter?.traceId },
  { title: "state", read: ({ state }) => state },
  { title: "key", read: ({ key }) => key },
  { title: "priority", kind: "number", read: ({ priority }) => priority },
  {
    title: "headers",
    read: ({ headers }) =>
      Object.entries(headers).map(([name, value]) => `${name}=${value}`).join(", "),
  },
  { title: "size", kind: "bytes", read: ({ bytes }) => bytes.length },
  { title: "body", read: ({ body }) => bodyText(body) },
];

function sayRedrives({ count, firstId, firstAt }: Redrives): string {
  const since = formatTime(firstAt);
  return `${say(count, "time")}; first it was number ${firstId}, which failed at ${since}`;
}

/** `dead show`: tells the story of a dead letter. */
export const show: CommandBody = {
  examples: ["dead show orders 3", "dead show orders 3 --json"],
  flags: [{ name: "json", about: "Prints one JSON value, for programs" }, ...QUERY_FLAGS],
  words: [2, 2],
  details: 'The id is the one in the dead-letter stream, which "dead ls" shows first.',
  async run(args, context) {
    const [stream = "", word = ""] = args.words;
    const id = readId(word, NAME);
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const message = await cursor.getMessage(deadStreamOf(stream), id, { signal });
      if (args.has("json")) context.print(`${JSON.stringify(toJson(message), undefined, 2)}\n`);
      else printValue(message, FIELDS, args, context);
    });
  },
};
