import { LANE_ORDERS } from "../../../protocol/lane_settings.ts";
import type { LaneInfo, LaneSettings } from "../../../../protocol.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { formatSpan } from "../output/quantities.ts";
import { type Column, LIST_FLAGS, printList } from "../output/result_output.ts";
import { formatDate } from "../../date_text.ts";
import { formatRate } from "../streams/limit_values.ts";

const COLUMNS: readonly Column<LaneInfo>[] = [
  { title: "lane", read: ({ name }) => name ?? "(none)" },
  { title: "ready", kind: "number", read: ({ ready }) => ready },
  { title: "delayed", kind: "number", read: ({ delayed }) => delayed },
  { title: "pending", kind: "number", read: ({ pending }) => pending },
  {
    title: "oldest",
    read: ({ oldestReadyMs: ms }) => ms === undefined ? undefined : formatSpan(ms),
  },
  { title: "held back", read: describeLimit },
  { title: "settings", read: ({ settings }) => settings && describeSettings(settings) },
];

/** `lane ls`: lists lanes. */
export const ls: CommandBody = {
  examples: ["lane ls thumbnails", "lane ls thumbnails --by pending --limit 10"],
  flags: [
    {
      name: "by",
      value: `<${LANE_ORDERS.join("|")}>`,
      about: "Which come first: those with the most waiting, by default",
    },
    { name: "limit", value: "<number>", about: "How many lanes; 50 by default, at most 1,000" },
    { name: "after", value: "<lane>", about: "With --by name: the lane behind which to begin" },
    ...LIST_FLAGS,
    ...QUERY_FLAGS,
  ],
  words: [1, 1],
  details: "HELD BACK tells which limit is reached, and until when if it is a rate.",
  async run(args, context) {
    const [stream = ""] = args.words;
    const reader = new FlagReader(args, "lane ls");
    const by = reader.readChoice("by", LANE_ORDERS);
    const limit = reader.readNumber("limit", { low: 1, high: 1000 }) ?? 50;
    const after = args.find("after");
    reader.check();
    return await withBroker({ command: "lane ls" }, args, context, async (broker) => {
      const { cursor, signal } = broker;
      const options = { limit, signal, ...by && { by }, ...after !== undefined && { after } };
      const rows = await cursor.getLanes(stream, options);
      const none = `Stream "${stream}" has no messages with lanes.`;
      printList({ rows, columns: COLUMNS, none, toJson: (lane) => lane }, args, context);
    });
  },
};

function describeLimit({ limitedBy, limitedUntil }: LaneInfo): string | undefined {
  if (limitedBy === undefined || limitedUntil === undefined) return limitedBy;
  return `${limitedBy} until ${formatDate(limitedUntil)}`;
}

function describeSettings({ maxPending, rate, weight, isPaused }: LaneSettings): string {
  const parts = [
    ...maxPending === undefined ? [] : [`max-pending ${maxPending ?? "none"}`],
    ...rate === undefined ? [] : [`rate ${rate === null ? "none" : formatRate(rate)}`],
    ...weight === undefined ? [] : [`weight ${weight}`],
    ...isPaused ? ["paused"] : [],
  ];
  return parts.join(", ");
}
