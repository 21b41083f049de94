import type { Cursor, PeekedMessage } from "../../../../client.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { type Column, LIST_FLAGS, printList } from "../output/result_output.ts";
import { escapeControls, fitText } from "../output/shown_text.ts";
import { bodyText, toJson } from "./message_text.ts";

const NAME = "peek";

/** How wide bodies are shown, in columns, where nobody knows how wide the terminal is. */
const BODY_COLUMNS = 60;

/** `peek`: looks at messages without taking them. */
export const peek: CommandBody = {
  examples: ["peek orders", "peek orders --from 500 --limit 10", "peek orders --jsonl | jq .body"],
  flags: [
    { name: "from", value: "<id>", about: "The first id; 1 by default" },
    { name: "limit", value: "<number>", about: "The most messages; 20 by default" },
    ...LIST_FLAGS,
    ...QUERY_FLAGS,
  ],
  words: [1, 1],
  details:
    "It shows messages in the order of their ids, whatever their state, and changes nothing.\n" +
    'Bodies are cut; --jsonl and "get" show them whole.',
  async run(args, context) {
    const [stream = ""] = args.words;
    const reader = new FlagReader(args, NAME);
    const from = reader.readNumber("from", { low: 1, high: Number.MAX_SAFE_INTEGER }) ?? 1;
    const limit = reader.readNumber("limit", { low: 1, high: 1_000_000 }) ?? 20;
    reader.check();
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const rows = await peekMany(cursor, stream, { from, limit }, signal);
      const none = from > 1 ? `There is no message from ${from} on.` : "The stream is empty.";
      const now = context.now();
      const age: Column<PeekedMessage> = {
        title: "age",
        kind: "span",
        // Clocks differ.
        read: ({ storedAt }) => storedAt && Math.max(0, now - storedAt),
      };
      const hasLanes = rows.some(({ lane }) => lane !== undefined);
      const columns = COLUMNS.toSpliced(-1, 0, ...hasLanes ? [LANE] : []).toSpliced(1, 0, age);
      printList({ rows, columns, none, toJson }, args, context);
    });
  },
};

const COLUMNS: readonly Column<PeekedMessage>[] = [
  { title: "id", kind: "number", read: ({ id }) => id },
  { title: "state", read: ({ state }) => state },
  { title: "deliveries", kind: "number", read: ({ attempts }) => attempts },
  { title: "key", read: ({ key }) => key },
  { title: "body", read: ({ body }) => shortBody(body) },
];

/** Shown only if a message has one. */
const LANE: Column<PeekedMessage> = { title: "lane", read: ({ lane }) => lane };

/** The beginning of a body, for a column. */
export function shortBody(body: unknown): string {
  return fitText(escapeControls(bodyText(body)), BODY_COLUMNS).trimEnd();
}

/** Looks at messages page by page: an answer may have fewer than are asked for. */
export async function peekMany(
  cursor: Cursor,
  stream: string,
  { from, limit }: { readonly from: number; readonly limit: number },
  signal: AbortSignal,
): Promise<PeekedMessage[]> {
  const found: PeekedMessage[] = [];
  for (let next = from; found.length < limit;) {
    const options = { from: next, limit: Math.min(limit - found.length, PAGE_MAX) };
    const page = await cursor.peek(stream, options, { signal });
    if (page.length === 0) break;
    for (const message of page) found.push(message);
    next = page.at(-1)!.id + 1;
  }
  return found;
}

/** The most messages of one answer. */
const PAGE_MAX = 1000;
