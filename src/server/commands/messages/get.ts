import type { PeekedMessage } from "../../../../client.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { readId } from "../flag_reader.ts";
import { type Column, printValue } from "../output/result_output.ts";
import { bodyText, printRaw, toJson } from "./message_text.ts";

const NAME = "get";

/** `get`: shows one message. */
export const get: CommandBody = {
  examples: ["get orders 41", "get orders 41 --json", "get images 7 --raw > cat.jpg"],
  flags: [
    { name: "json", about: "Prints one JSON value, for programs" },
    { name: "raw", about: "Prints the body alone, as it is" },
    ...QUERY_FLAGS,
  ],
  words: [2, 2],
  async run(args, context) {
    const [stream = "", word = ""] = args.words;
    const id = readId(word, NAME);
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const message = await cursor.getMessage(stream, id, { signal });
      if (args.has("raw")) await printRaw(message, context);
      else if (args.has("json")) {
        context.print(`${JSON.stringify(toJson(message), undefined, 2)}\n`);
      } else printValue(message, MESSAGE_FIELDS, args, context);
    });
  },
};

/** What people are shown of a message. */
export const MESSAGE_FIELDS: readonly Column<PeekedMessage>[] = [
  { title: "stream", read: ({ stream }) => stream },
  { title: "id", kind: "number", read: ({ id }) => id },
  { title: "state", read: ({ state }) => state },
  { title: "stored at", kind: "time", read: ({ storedAt }) => storedAt },
  { title: "follower", read: ({ follower }) => follower },
  { title: "due at", kind: "time", read: ({ dueAt }) => dueAt },
  { title: "deliveries", kind: "number", read: ({ attempts }) => attempts },
  { title: "postponed", kind: "number", read: ({ postponed }) => postponed },
  { title: "key", read: ({ key }) => key },
  { title: "lane", read: ({ lane }) => lane },
  { title: "priority", kind: "number", read: ({ priority }) => priority },
  { title: "dedup id", read: ({ dedupId }) => dedupId },
  { title: "deliver at", kind: "time", read: ({ deliverAt }) => deliverAt },
  { title: "expires at", kind: "time", read: ({ expiresAt }) => expiresAt },
  {
    title: "headers",
    read: ({ headers }) =>
      Object.entries(headers).map(([name, value]) => `${name}=${value}`).join(", "),
  },
  { title: "size", kind: "bytes", read: ({ bytes }) => bytes.length },
  { title: "body", read: ({ body }) => bodyText(body) },
];
