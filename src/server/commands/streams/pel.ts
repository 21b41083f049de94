import type { PendingEntry, PendingEntryList } from "../../../../protocol.ts";
import type { Cursor } from "../../../../client.ts";
import { BrokerError } from "../../../../protocol.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { type CommandBody, CommandError } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { makeDangerCommand } from "../connecting/danger_command.ts";
import { FlagReader } from "../flag_reader.ts";
import { say } from "../output/quantities.ts";
import { quoteWord } from "../output/shell_word.ts";
import { type Column, LIST_FLAGS, printList } from "../output/result_output.ts";

/** What a follower holds of one stream. */
interface Holding {
  readonly follower: string;
  readonly stream: string;
  readonly count: number;
  readonly oldest: PendingEntry;
}

const HOLDING_COLUMNS: readonly Column<Holding>[] = [
  { title: "follower", read: ({ follower }) => follower },
  { title: "stream", read: ({ stream }) => stream },
  { title: "pending", kind: "number", read: ({ count }) => count },
  { title: "oldest id", kind: "number", read: ({ oldest }) => oldest.id },
  { title: "held for", kind: "span", read: ({ oldest }) => oldest.ageMs },
  { title: "deliveries", kind: "number", read: ({ oldest }) => oldest.attempts },
  { title: "taken back at", kind: "time", read: ({ oldest }) => oldest.deadline },
];

const ENTRY_COLUMNS: readonly Column<PendingEntry>[] = [
  { title: "stream", read: ({ stream }) => stream },
  { title: "id", kind: "number", read: ({ id }) => id },
  { title: "held for", kind: "span", read: ({ ageMs }) => ageMs },
  { title: "deliveries", kind: "number", read: ({ attempts }) => attempts },
  { title: "taken back at", kind: "time", read: ({ deadline }) => deadline },
];

/** `pel ls`: lists what followers hold. */
export const pelLs: CommandBody = {
  examples: ["pel ls", "pel ls worker-1", "pel ls --stream orders --jsonl"],
  flags: [
    { name: "stream", value: "<name>", about: "Only messages of this stream" },
    { name: "limit", value: "<number>", about: "The most lines; 1000 by default" },
    ...LIST_FLAGS,
    ...QUERY_FLAGS,
  ],
  words: [0, 1],
  details:
    "Without a name: what each follower holds of each stream, held longest first. With a name:\n" +
    "the messages that the followers of that name hold.",
  async run(args, context) {
    const [follower] = args.words;
    const reader = new FlagReader(args, "pel ls");
    const limit = reader.readNumber("limit", { low: 1, high: 50_000 }) ?? 1000;
    reader.check();
    const stream = args.find("stream");
    const isOf = (entry: PendingEntry) => stream === undefined || entry.stream === stream;
    return await withBroker({ command: "pel ls" }, args, context, async ({ cursor, signal }) => {
      if (follower === undefined) {
        const rows = listHoldings(await cursor.getPels({ signal }), isOf).slice(0, limit);
        const none = "No follower holds a message.";
        printList({ rows, columns: HOLDING_COLUMNS, none }, args, context);
        return;
      }
      const list = await cursor.getPel(follower, { signal }).catch((error) =>
        hintAtStream(error, follower, cursor)
      );
      const rows = list.filter(isOf).slice(0, limit);
      printList({ rows, columns: ENTRY_COLUMNS, none: "It holds no message." }, args, context);
    });
  },
};

/** Who gives the name of a stream in the place of a follower's is told how to say that. */
async function hintAtStream(error: unknown, name: string, cursor: Cursor): Promise<never> {
  const isMissing = error instanceof BrokerError && error.code === "FOLLOWER_NOT_FOUND";
  if (!isMissing || await cursor.getStream(name).then(() => false, () => true)) throw error;
  throw new CommandError(
    `${error.message}; there is a stream of that name: "pel ls --stream ${quoteWord(name)}"`,
    { cause: error, exitCode: ExitCode.notFound },
  );
}

function listHoldings(
  lists: readonly PendingEntryList[],
  isOf: (entry: PendingEntry) => boolean,
): Holding[] {
  const holdings = lists.flatMap(({ follower, entries }) => {
    const byStream = Map.groupBy(entries.filter(isOf), ({ stream }) => stream);
    return [...byStream].map(([stream, own]) => {
      const oldest = own.reduce((one, other) => other.ageMs > one.ageMs ? other : one);
      return { follower, stream, count: own.length, oldest };
    });
  });
  return holdings.sort((one, other) => other.oldest.ageMs - one.oldest.ageMs);
}

/** `pel release`: takes back what followers hold. */
export const pelRelease: CommandBody = makeDangerCommand({
  command: "pel release",
  examples: ["pel release worker-1 --dry-run", "pel release worker-1 --yes"],
  details:
    "Its messages are ready again at once, and go to other followers. Whoever works on one\n" +
    "meanwhile does so in vain: it is done twice.",
  async find(cursor, follower, signal) {
    const { length: count } = await cursor.getPel(follower, { signal });
    const what = `take back ${say(count, "message")} from follower ${JSON.stringify(follower)}`;
    return { what, count, isHarmless: count === 0 };
  },
  async act(cursor, follower, signal) {
    const released = await cursor.releasePel(follower, { signal });
    return { json: { released }, sentence: `Took back ${say(released, "message")}.` };
  },
});
