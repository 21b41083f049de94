import type { Schedule } from "../../../../client.ts";
import { formatDate } from "../../date_text.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { formatSpan } from "../output/quantities.ts";
import { type Column, LIST_FLAGS, printList } from "../output/result_output.ts";

const COLUMNS: readonly Column<Schedule>[] = [
  { title: "schedule", read: ({ name }) => name },
  { title: "stream", read: ({ stream }) => stream },
  { title: "when", read: describeDates },
  { title: "next", read: ({ next }) => next[0] === undefined ? undefined : formatDate(next[0]) },
  { title: "stored", kind: "number", read: ({ count }) => count },
  { title: "last", read: ({ last }) => last && formatDate(last.at) },
  { title: "state", read: describeState },
];

/** `schedule ls`: lists schedules. */
export const ls: CommandBody = {
  examples: ["schedule ls", "schedule ls reports", "schedule ls --jsonl | jq .next"],
  flags: [...LIST_FLAGS, ...QUERY_FLAGS],
  words: [0, 1],
  details:
    "With a stream, those of that stream. STATE tells why a message that is due cannot be\n" +
    "stored, or why the last date got none. All dates are in UTC.",
  async run(args, context) {
    const [stream] = args.words;
    return await withBroker({ command: "schedule ls" }, args, context, async (broker) => {
      const all = await broker.cursor.getSchedules({ signal: broker.signal });
      const rows = all.filter((schedule) => stream === undefined || schedule.stream === stream);
      const none = all.length === 0
        ? 'There are no schedules, or none that you may see; "simplemq schedule put" makes one.'
        : `No schedule is of "${stream}", of ${all.length}.`;
      printList({ rows, columns: COLUMNS, none, toJson }, args, context);
    });
  },
};

function describeDates({ cron, timeZone, everyMs = 0 }: Schedule): string {
  return cron === undefined ? `every ${formatSpan(everyMs)}` : `${cron} ${timeZone}`;
}

function describeState({ isPaused, problem, next, leftOut, last }: Schedule): string | undefined {
  if (isPaused) return "paused";
  if (problem !== undefined) return `failing: ${problem}`;
  if (leftOut !== undefined && leftOut.at > (last?.at ?? 0)) {
    return `left out ${formatDate(leftOut.at)}: ${leftOut.why}`;
  }
  return next.length === 0 ? "ended" : undefined;
}

/** Bytes are not JSON. */
function toJson(schedule: Schedule): unknown {
  const { body } = schedule;
  return body instanceof Uint8Array ? { ...schedule, body: `${body.length} bytes` } : schedule;
}
