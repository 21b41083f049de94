import type { CancelAllOptions, CancelCounts, CancelOptions, Cursor } from "../../../../client.ts";
import type { Arguments } from "../arguments.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader, readId } from "../flag_reader.ts";
import { confirmDanger, DANGER_FLAGS } from "../output/confirmation.ts";
import { say } from "../output/quantities.ts";

const NAME = "cancel";

/** The flags that select messages, with the option of each. */
const MARKS = { lane: "lane", key: "key", "dedup-id": "dedupId" } as const;

type Mark = typeof MARKS[keyof typeof MARKS];

/** The messages that are meant. */
interface Selection {
  readonly mark: Mark;
  readonly text: string;
  readonly limit: number | undefined;
}

/** How many messages were cancelled, by what they were; those that were gone were not. */
interface Cancelled extends CancelCounts {
  readonly gone: number;
}

/** The most messages of one look. */
const PEEK_COUNT = 1000;

/** `cancel`: takes messages out of circulation, also those that followers have. */
export const cancel: CommandBody = {
  examples: [
    "cancel films 41 42",
    "cancel films 41 --reason 'the tab was closed' --dead-letter --yes",
    "cancel films --lane acme --dry-run",
    "cancel films --key film-7 --limit 100 --yes",
  ],
  flags: [
    { name: "lane", value: "<text>", about: "Cancels the messages of this lane" },
    { name: "key", value: "<text>", about: "Cancels those with this key" },
    { name: "dedup-id", value: "<text>", about: "Cancels those with this dedup id" },
    { name: "limit", value: "<number>", about: "The most of these, the oldest first" },
    { name: "reason", value: "<text>", about: "Why: followers that have one are told" },
    { name: "dead-letter", about: "Keeps them among the dead letters" },
    ...DANGER_FLAGS,
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [1, 1000],
  details: "A follower that has a message loses it, and hears of it at once. Messages that were\n" +
    "acknowledged before are gone: it is told how many.",
  async run(args, context) {
    const [stream = "", ...words] = args.words;
    const ids = words.map((word) => readId(word, NAME));
    const selection = readSelection(args, ids);
    const reason = args.find("reason");
    const details = {
      ...reason !== undefined && { reason },
      ...args.has("dead-letter") && { deadLetter: true },
    };
    const needs = { command: NAME, isEndless: true };
    return await withBroker(needs, args, context, async ({ cursor, signal }) => {
      const isAsked = args.has("dry-run") || !args.has("yes");
      const count = selection === undefined
        ? ids.length
        : isAsked
        ? await countMessages(cursor, stream, selection, signal)
        : 0;
      const what = `cancel ${say(count, "message")} of "${stream}"`;
      const danger = { command: NAME, what, count, isHarmless: isAsked && count === 0 };
      if (!confirmDanger(danger, args, context)) return;
      const options = { ...details, signal };
      const cancelled = selection === undefined
        ? await cancelEach(cursor, stream, ids, options)
        : { ...await cursor.cancelAll(stream, readAll(selection, options)), gone: 0 };
      if (args.has("json")) context.print(`${JSON.stringify(cancelled)}\n`);
      else context.note(sayCancelled(cancelled));
    });
  },
};

/** What selects messages; nothing if they are named by their ids. */
function readSelection(args: Arguments, ids: readonly number[]): Selection | undefined {
  const reader = new FlagReader(args, NAME);
  const limit = reader.readNumber("limit", { low: 1, high: Number.MAX_SAFE_INTEGER });
  const given = Object.entries(MARKS).filter(([flag]) => args.has(flag));
  const [[flag = "", mark] = []] = given;
  if (given.length + Math.min(1, ids.length) !== 1) {
    const known = Object.keys(MARKS).map((name) => `--${name}`).join(", ");
    const found = given.length === 0 ? "nothing that selects" : "several things that select";
    reader.refuse(
      `found ${
        ids.length > 0 ? "ids and flags that select" : found
      }, allowed ids, or one of ${known}`,
    );
  }
  if (limit !== undefined && ids.length > 0) reader.refuse("--limit: allowed only without ids");
  reader.check();
  return mark === undefined ? undefined : { mark, text: args.find(flag)!, limit };
}

function readAll({ mark, text, limit }: Selection, options: CancelOptions): CancelAllOptions {
  return { ...options, [mark]: text, ...limit !== undefined && { limit } };
}

/** Counts the messages that are meant, for a person who is asked. */
async function countMessages(
  cursor: Cursor,
  stream: string,
  { mark, text, limit = Infinity }: Selection,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for (let from = 1; count < limit;) {
    const page = await cursor.peek(stream, { from, limit: PEEK_COUNT }, { signal });
    if (page.length === 0) break;
    count += page.filter((message) => message[mark] === text).length;
    from = page.at(-1)!.id + 1;
  }
  return Math.min(count, limit);
}

async function cancelEach(
  cursor: Cursor,
  stream: string,
  ids: readonly number[],
  options: CancelOptions,
): Promise<Cancelled> {
  const counts = { count: 0, ready: 0, delayed: 0, pending: 0, gone: 0 };
  for (const id of ids) {
    const { was } = await cursor.cancel(stream, id, options);
    counts[was]++;
    if (was !== "gone") counts.count++;
  }
  return counts;
}

function sayCancelled({ count, ready, delayed, pending, gone }: Cancelled): string {
  const parts = [[ready, "ready"], [delayed, "delayed"], [pending, "with followers"]] as const;
  const found = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  const where = found.length === 0 ? "" : `: ${found.join(", ")}`;
  const rest = gone === 0 ? "" : ` ${gone} ${gone === 1 ? "was" : "were"} gone before.`;
  return `Cancelled ${say(count, "message")}${where}.${rest}`;
}
