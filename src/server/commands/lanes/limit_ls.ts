import type { SharedLimitInfo } from "../../../../protocol.ts";
import { formatDate } from "../../date_text.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { type Column, LIST_FLAGS, printList } from "../output/result_output.ts";
import { formatRate } from "../streams/limit_values.ts";

const COLUMNS: readonly Column<SharedLimitInfo>[] = [
  { title: "limit", read: ({ name }) => name },
  { title: "max pending", read: ({ settings }) => `${settings.maxPending ?? "none"}` },
  {
    title: "rate",
    read: ({ settings: { rate = null } }) => rate === null ? "none" : formatRate(rate),
  },
  { title: "pending", kind: "number", read: ({ pending }) => pending },
  { title: "streams", read: ({ streams }) => streams.join(", ") },
  {
    title: "held back",
    read: ({ limitedBy, limitedUntil }) =>
      limitedUntil === undefined ? limitedBy : `${limitedBy} until ${formatDate(limitedUntil)}`,
  },
];

/** `limit ls`: lists the shared limits. */
export const limitLs: CommandBody = {
  examples: ["limit ls", "limit ls --jsonl | jq .pending"],
  flags: [...LIST_FLAGS, ...QUERY_FLAGS],
  words: [0, 0],
  details: "A stream goes by one if its option --shared-limit names it.",
  async run(args, context) {
    return await withBroker({ command: "limit ls" }, args, context, async (broker) => {
      const rows = await broker.cursor.getLimits({ signal: broker.signal });
      const none = 'There are no shared limits; "simplemq limit put" sets one.';
      printList({ rows, columns: COLUMNS, none, toJson: (limit) => limit }, args, context);
    });
  },
};
