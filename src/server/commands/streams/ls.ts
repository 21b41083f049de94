import type { StreamInfo } from "../../../../protocol.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { type Column, LIST_FLAGS, printList } from "../output/result_output.ts";
import { describe } from "../../settings/found_value.ts";

const NAME = "stream ls";

const ORDERS = ["name", "ready", "pending", "delayed", "bytes", "oldest"] as const;

const COLUMNS: readonly Column<StreamInfo>[] = [
  { title: "stream", read: ({ name }) => name },
  { title: "ready", kind: "number", read: ({ ready }) => ready },
  { title: "oldest", kind: "span", read: ({ oldestReadyMs }) => oldestReadyMs },
  { title: "parked", kind: "number", read: ({ parked }) => parked },
  { title: "pending", kind: "number", read: ({ pending }) => pending },
  { title: "delayed", kind: "number", read: ({ delayed }) => delayed },
  { title: "followers", kind: "number", read: ({ followers }) => followers },
  { title: "size", kind: "bytes", read: ({ bytes }) => bytes },
  { title: "state", read: stateOf },
];

/** `stream ls`: lists streams. */
export const ls: CommandBody = {
  examples: ["stream ls", "stream ls 'orders*' --sort oldest", "stream ls --jsonl | jq .name"],
  flags: [
    {
      name: "sort",
      value: `<${ORDERS.join("|")}>`,
      about: "The order: by name, or the largest first",
    },
    { name: "limit", value: "<number>", about: "The most streams to list" },
    ...LIST_FLAGS,
    ...QUERY_FLAGS,
  ],
  words: [0, 1],
  details:
    "The pattern is a name in which * stands for any characters, or /a regular expression/.\n" +
    "OLDEST is how long the oldest ready message has been stored, PARKED how many ready ones\n" +
    "wait for another one of their key.",
  async run(args, context) {
    const reader = new FlagReader(args, NAME);
    const order = reader.readChoice("sort", ORDERS) ?? "name";
    const limit = reader.readNumber("limit", { low: 1, high: 1_000_000 });
    const matches = readPattern(args.words[0], reader);
    reader.check();
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const streams = await cursor.getStreams({ signal });
      const rows = streams.filter(({ name }) => matches.test(name))
        .sort((one, other) => figureOf(other, order) - figureOf(one, order));
      const none = streams.length === 0
        ? 'There are no streams, or none that you may see; "simplemq stream add" creates one.'
        : `No stream matches, of ${streams.length}.`;
      printList({ rows: rows.slice(0, limit), columns: COLUMNS, none }, args, context);
    });
  },
};

/** What keeps a stream from being delivered. */
function stateOf({ isPaused, breaker, limitedBy }: StreamInfo): string | undefined {
  if (isPaused) return "paused";
  if (breaker !== undefined) return "breaker open";
  return limitedBy && `limited: ${limitedBy}`;
}

/** What streams are sorted by; names are sorted already. */
function figureOf(stream: StreamInfo, order: typeof ORDERS[number]): number {
  if (order === "name") return 0;
  return order === "oldest" ? stream.oldestReadyMs ?? -1 : stream[order];
}

function readPattern(pattern: string | undefined, reader: FlagReader): RegExp {
  if (pattern === undefined) return /^/;
  const source = /^\/(.+)\/$/s.exec(pattern)?.[1];
  if (source === undefined) {
    const parts = pattern.split("*").map((part) => part.replaceAll(/[^\w-]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`);
  }
  try {
    return new RegExp(source);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    reader.refuse(`the pattern: found ${describe(pattern)}, allowed a regular expression`);
    return /^/;
  }
}
