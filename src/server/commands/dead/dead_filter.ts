import type { Cursor, PeekedMessage } from "../../../../client.ts";
import { BrokerError, type StreamInfo } from "../../../../protocol.ts";
import { DEAD_SUFFIX, deadNameOf, isDeadName } from "../../../protocol/messages/stream_options.ts";
import type { Arguments, Flag } from "../arguments.ts";
import type { FlagReader } from "../flag_reader.ts";

const CAUSES = ["rejected", "maxDeliveries", "expired", "cancelled"] as const;

/** The flags that select dead letters. */
export const FILTER_FLAGS: readonly Flag[] = [
  { name: "cause", value: `<${CAUSES.join("|")}>`, about: "Only those with this cause" },
  {
    name: "reason",
    value: "<text>",
    about: "Only those with a reason that contains this, in any case",
  },
  { name: "follower", value: "<name>", about: "Only those that this follower had last" },
  { name: "key", value: "<text>", about: "Only those with this key" },
  { name: "from", value: "<id>", about: "Only those from this id in the dead-letter stream on" },
  { name: "to", value: "<id>", about: "Only those up to this id" },
];

/** Which dead letters are meant. */
export interface DeadFilter {
  readonly from: number;
  readonly to: number;
  /** Whether nothing but ids, or nothing at all, narrows the choice. */
  readonly isEmpty: boolean;
  matches(message: PeekedMessage): boolean;
}

/** Reads the flags. */
export function readFilter(args: Arguments, reader: FlagReader): DeadFilter {
  const ids = { low: 1, high: Number.MAX_SAFE_INTEGER };
  const from = reader.readNumber("from", ids) ?? 1;
  const to = reader.readNumber("to", ids) ?? Infinity;
  const cause = reader.readChoice("cause", CAUSES);
  const [reason, follower, key] = [
    args.find("reason")?.toLowerCase(),
    args.find("follower"),
    args.find("key"),
  ];
  if (to < from) reader.refuse(`--to: found ${to}, allowed ${from} or more, as --from says`);
  return {
    from,
    to,
    isEmpty: FILTER_FLAGS.every(({ name }) => !args.has(name)),
    matches: ({ id, deadLetter, key: found }) =>
      id >= from && id <= to &&
      (cause === undefined || deadLetter?.cause === cause) &&
      (reason === undefined ||
        (deadLetter?.reasons ?? []).some((text) => text.toLowerCase().includes(reason))) &&
      (follower === undefined || deadLetter?.follower === follower) &&
      (key === undefined || found === key),
  };
}

/** The dead-letter stream that is meant by its own name, or by the name of its stream. */
export function deadStreamOf(word: string): string {
  return isDeadName(word) ? word : deadNameOf(word);
}

/** A dead-letter stream; `undefined` where nothing has failed yet, so that there is none. */
export async function findDeadStream(
  cursor: Cursor,
  stream: string,
  signal: AbortSignal,
): Promise<StreamInfo | undefined> {
  try {
    return await cursor.getStream(stream, { signal });
  } catch (error) {
    const isMissing = error instanceof BrokerError && error.code === "STREAM_NOT_FOUND";
    if (!isMissing) throw error;
  }
  // The stream itself must exist, though.
  await cursor.getStream(stream.slice(0, -DEAD_SUFFIX.length), { signal });
  return undefined;
}

/** The most messages of one answer. */
const PAGE_MAX = 1000;

/** Looks through dead letters; the search ends behind the last id that can match. */
export async function* findDeadLetters(
  cursor: Cursor,
  stream: string,
  filter: DeadFilter,
  signal: AbortSignal,
): AsyncGenerator<PeekedMessage> {
  if (await findDeadStream(cursor, stream, signal) === undefined) return;
  for (let next = filter.from; next <= filter.to;) {
    const page = await cursor.peek(stream, { from: next, limit: PAGE_MAX }, { signal });
    if (page.length === 0) return;
    yield* page.filter((message) => filter.matches(message));
    next = page.at(-1)!.id + 1;
  }
}
