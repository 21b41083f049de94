import type { BreakerInfo, LaneFigures, StreamInfo, StreamTotals } from "../../../../protocol.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { formatTime, say } from "../output/quantities.ts";
import { type Column, printValue, VALUE_FLAGS } from "../output/result_output.ts";
import { OPTION_ROWS, showOption } from "./stream_option_flags.ts";

const NAME = "stream info";

const FIELDS: readonly Column<StreamInfo>[] = [
  { title: "stream", read: ({ name }) => name },
  { title: "state", read: ({ isPaused }) => isPaused ? "paused" : "running" },
  { title: "breaker", read: ({ breaker }) => breaker && sayBreaker(breaker) },
  { title: "held back by", read: ({ limitedBy }) => limitedBy },
  { title: "lanes", read: ({ lanes }) => lanes && sayLanes(lanes) },
  { title: "ready", kind: "number", read: ({ ready }) => ready },
  { title: "  oldest", kind: "span", read: ({ oldestReadyMs }) => oldestReadyMs },
  { title: "  parked", kind: "number", read: ({ parked }) => parked },
  { title: "pending", kind: "number", read: ({ pending }) => pending },
  { title: "delayed", kind: "number", read: ({ delayed }) => delayed },
  { title: "size", kind: "bytes", read: ({ bytes }) => bytes },
  { title: "followers", kind: "number", read: ({ followers }) => followers },
  { title: "next id", kind: "number", read: ({ nextId }) => nextId },
  { title: "durability", read: ({ durability }) => durability },
  { title: "since the broker's start", read: () => " " },
  { title: "  published", kind: "number", read: ({ totals }) => totals.published },
  { title: "  delivered", kind: "number", read: ({ totals }) => totals.delivered },
  { title: "  acknowledged", kind: "number", read: ({ totals }) => totals.acknowledged },
  { title: "  redelivered", kind: "number", read: ({ totals }) => totals.redelivered },
  { title: "  returned", read: ({ totals: { returned } }) => sayParts(returned) },
  { title: "  dead", read: ({ totals: { dead } }) => sayParts(dead) },
  { title: "  expired", kind: "number", read: ({ totals }) => totals.expired },
  { title: "  dropped", kind: "number", read: ({ totals }) => totals.dropped },
  { title: "  cancelled", kind: "number", read: ({ totals }) => totals.cancelled },
  { title: "  replaced", kind: "number", read: ({ totals }) => totals.replaced },
  { title: "options", read: () => " " },
  ...OPTION_ROWS.map(({ option, flag }): Column<StreamInfo> => ({
    title: `  ${flag}`,
    read: ({ options }) => showOption(option, options[option]),
  })),
];

/** `stream info`: describes a stream. */
export const info: CommandBody = {
  examples: ["stream info orders", "stream info orders --json | jq .totals"],
  flags: [...VALUE_FLAGS, ...QUERY_FLAGS],
  words: [1, 1],
  async run(args, context) {
    const [name = ""] = args.words;
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      printValue(await cursor.getStream(name, { signal }), FIELDS, args, context);
    });
  },
};

function sayLanes({ count, waiting, limited }: LaneFigures): string {
  return `${count}; ${waiting} with waiting messages, ${limited} of them held back`;
}

/** What is known of an open breaker, in a line. */
function sayBreaker({ since, probeAt, probes, failed, ended, reason }: BreakerInfo): string {
  const next = probeAt === undefined
    ? "a probe is on its way"
    : `next probe ${formatTime(probeAt)}`;
  const why = reason === "" ? "" : `, the last: ${reason}`;
  return `open since ${formatTime(since)}; ${say(probes, "probe")}, ${next}; ` +
    `${failed} of ${ended} deliveries had failed${why}`;
}

/** Figures that are not 0: `3 nack, 1 timeout`. */
function sayParts(parts: StreamTotals["returned" | "dead"]): string {
  const found = Object.entries<number>({ ...parts }).filter(([, count]) => count > 0);
  return found.length === 0 ? "0" : found.map(([name, count]) => `${count} ${name}`).join(", ");
}
