import type { MessageBody, ScheduleOptions } from "../../../../client.ts";
import { MISSED_WAYS, OVERLAP_WAYS } from "../../../protocol/messages/schedule_settings.ts";
import { parseDate } from "../../date_text.ts";
import { describe } from "../../settings/found_value.ts";
import type { Arguments } from "../arguments.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";

const NAME = "schedule put";

const KINDS = ["text", "json"] as const;

/** `schedule put`: creates or changes a schedule. */
export const put: CommandBody = {
  examples: [
    "schedule put nightly-report reports daily --cron '30 3 * * *' --time-zone Europe/Berlin",
    "schedule put poll feeds '{\"source\": 1}' --as json --every 1m --jitter 10s",
  ],
  flags: [
    { name: "cron", value: "<expression>", about: "Five fields, or six with seconds in front" },
    { name: "time-zone", value: "<name>", about: "The zone of --cron; UTC by default" },
    { name: "every", value: "<span>", about: "The interval, in the place of --cron; 1s or more" },
    {
      name: "missed",
      value: `<${MISSED_WAYS.join("|")}>`,
      about: "How many messages missed dates get; one by default",
    },
    {
      name: "overlap",
      value: `<${OVERLAP_WAYS.join("|")}>`,
      about: "What a date does while the message before is still there; skip by default",
    },
    { name: "jitter", value: "<span>", about: "By how much messages may come later" },
    { name: "until", value: "<date>", about: "The last date, such as 2027-12-31" },
    { name: "limit", value: "<number>", about: "How many messages are stored in all" },
    { name: "now", about: "Stores a message at once, if there was no such schedule" },
    { name: "as", value: `<${KINDS.join("|")}>`, about: "What the body is: text by default" },
    { name: "key", value: "<text>", about: "The key: messages of one key are worked on in order" },
    { name: "priority", value: "<0-9>", about: "The priority; 4 by default, higher goes first" },
    { name: "lane", value: "<text>", about: "Whose messages they are" },
    { name: "ttl", value: "<span>", about: "How long a message may wait, from when it is due" },
    {
      name: "header",
      value: "<name=value>",
      isList: true,
      about: "A header; the flag may come again",
    },
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [3, 3],
  details:
    "The same settings again change nothing, the next date included. Each message has the\n" +
    "header scheduledAt, and a dedup id of the schedule's name and that date.",
  async run(args, context) {
    const [name = ""] = args.words;
    const options = readOptions(args);
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const { changed } = await cursor.putSchedule(name, options, { signal });
      if (args.has("json")) context.print(`${JSON.stringify({ changed })}\n`);
      else if (changed) {
        context.note(`Schedule "${name}" is put; "simplemq schedule ls" tells more.`);
      } else context.note(`Schedule "${name}" is so already.`);
    });
  },
};

function readOptions(args: Arguments): ScheduleOptions {
  const reader = new FlagReader(args, NAME);
  const [, stream = "", word = ""] = args.words;
  const headers: Record<string, string> = {};
  for (const header of args.all("header")) {
    const at = header.indexOf("=");
    if (at > 0) headers[header.slice(0, at)] = header.slice(at + 1);
    else reader.refuse(`--header: found ${describe(header)}, allowed name=value`);
  }
  if (args.has("cron") === args.has("every")) reader.refuse("allowed one of --cron and --every");
  const given = {
    cron: args.find("cron"),
    timeZone: args.find("time-zone"),
    everyMs: reader.readSpan("every"),
    missed: reader.readChoice("missed", MISSED_WAYS),
    overlap: reader.readChoice("overlap", OVERLAP_WAYS),
    jitterMs: reader.readSpan("jitter"),
    until: readUntil(args.find("until"), reader),
    limit: reader.readNumber("limit", { low: 1, high: Number.MAX_SAFE_INTEGER }),
    key: args.find("key"),
    priority: reader.readNumber("priority", { low: 0, high: 9 }),
    lane: args.find("lane"),
    ttlMs: reader.readSpan("ttl"),
  };
  const body = readBody(word, reader.readChoice("as", KINDS) ?? "text", reader);
  reader.check();
  const options = Object.entries(given).filter(([, value]) => value !== undefined);
  return { stream, body, headers, now: args.has("now"), ...Object.fromEntries(options) };
}

function readUntil(date: string | undefined, reader: FlagReader): number | undefined {
  if (date === undefined) return undefined;
  const at = parseDate(date);
  if (at === undefined) reader.refuse(`--until: found ${describe(date)}, allowed a date`);
  return at;
}

function readBody(word: string, kind: typeof KINDS[number], reader: FlagReader): MessageBody {
  if (kind === "text") return word;
  try {
    return JSON.parse(word);
  } catch (error) {
    reader.refuse(`the body: found no JSON: ${error instanceof Error ? error.message : error}`);
    return "";
  }
}
