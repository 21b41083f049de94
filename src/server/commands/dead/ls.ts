import type { PeekedMessage } from "../../../../client.ts";
import type { StreamInfo } from "../../../../protocol.ts";
import { DEAD_SUFFIX, isDeadName } from "../../../protocol/messages/stream_options.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { toJson } from "../messages/message_text.ts";
import { type Column, LIST_FLAGS, printList } from "../output/result_output.ts";
import { escapeControls, fitText } from "../output/shown_text.ts";
import { deadStreamOf, FILTER_FLAGS, findDeadLetters, readFilter } from "./dead_filter.ts";

const NAME = "dead ls";

/** How wide reasons are shown, in columns. */
const REASON_COLUMNS = 50;

const STREAM_COLUMNS: readonly Column<StreamInfo>[] = [
  { title: "stream", read: ({ name }) => name.slice(0, -DEAD_SUFFIX.length) },
  { title: "dead letters", kind: "number", read: ({ ready }) => ready },
  { title: "pending", kind: "number", read: ({ pending }) => pending },
  { title: "oldest", kind: "span", read: ({ oldestReadyMs }) => oldestReadyMs },
  { title: "size", kind: "bytes", read: ({ bytes }) => bytes },
];

const COLUMNS: readonly Column<PeekedMessage>[] = [
  { title: "id", kind: "number", read: ({ id }) => id },
  { title: "was id", kind: "number", read: ({ deadLetter }) => deadLetter?.id },
  { title: "cause", read: ({ deadLetter }) => deadLetter?.cause },
  { title: "since", kind: "time", read: ({ deadLetter }) => deadLetter?.lastAt },
  { title: "deliveries", kind: "number", read: ({ deadLetter }) => deadLetter?.attempts },
  {
    title: "sent back",
    kind: "number",
    read: ({ deadLetter }) => deadLetter?.redrives?.count ?? 0,
  },
  { title: "follower", read: ({ deadLetter }) => deadLetter?.follower },
  {
    title: "last reason",
    read: ({ deadLetter }) =>
      fitText(escapeControls(deadLetter?.reasons.at(-1) ?? ""), REASON_COLUMNS).trimEnd(),
  },
];

/** `dead ls`: lists dead letters. */
export const ls: CommandBody = {
  examples: ["dead ls", "dead ls orders", "dead ls orders --reason timeout --jsonl"],
  flags: [
    ...FILTER_FLAGS,
    { name: "limit", value: "<number>", about: "The most dead letters; 20 by default" },
    ...LIST_FLAGS,
    ...QUERY_FLAGS,
  ],
  words: [0, 1],
  details:
    "Without a stream: how many dead letters each stream has. With one: its dead letters, the\n" +
    "oldest first.",
  async run(args, context) {
    const [word] = args.words;
    const reader = new FlagReader(args, NAME);
    const filter = readFilter(args, reader);
    if (word === undefined && !filter.isEmpty) reader.refuse("flags that select need a stream");
    const limit = reader.readNumber("limit", { low: 1, high: 1_000_000 }) ?? 20;
    reader.check();
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      if (word === undefined) {
        const streams = await cursor.getStreams({ signal });
        const rows = streams.filter(({ name, ready, delayed, pending }) =>
          isDeadName(name) && ready + delayed + pending > 0
        ).sort((one, other) => other.ready - one.ready);
        const none = "There are no dead letters.";
        printList({ rows, columns: STREAM_COLUMNS, none }, args, context);
        return;
      }
      const dead = deadStreamOf(word);
      const rows: PeekedMessage[] = [];
      for await (const message of findDeadLetters(cursor, dead, filter, signal)) {
        if (rows.length === limit) {
          context.note(`There are more; --limit shows them, or --from ${message.id}.`);
          break;
        }
        rows.push(message);
      }
      const none = filter.isEmpty ? `Stream "${word}" has no dead letters.` : "None matches.";
      printList({ rows, columns: COLUMNS, none, toJson }, args, context);
    });
  },
};
