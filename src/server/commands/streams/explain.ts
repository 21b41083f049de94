import type { PendingEntryList, StreamInfo } from "../../../../protocol.ts";
import { BrokerError } from "../../../../protocol.ts";
import { deadNameOf } from "../../../protocol/messages/stream_options.ts";
import type { ConnectionInfo, Cursor, PeekedMessage } from "../../../../client.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { formatSpan, say } from "../output/quantities.ts";
import { escapeControls, fitText, widthOf } from "../output/shown_text.ts";
import { quoteWord } from "../output/shell_word.ts";

const NAME = "explain";

/** A follower that holds messages of the stream. */
interface Holder {
  readonly follower: string;
  readonly count: number;
  /** The message that it has held for the longest time. */
  readonly id: number;
  readonly attempts: number;
  readonly ageMs: number;
  /** When that one is taken back, in milliseconds since 1970. */
  readonly deadline: number;
  /** The connections that have a follower of this name, if they may be seen. */
  readonly connections: readonly Pick<ConnectionInfo, "id" | "client" | "user" | "address">[];
}

/** What could be done, and the command that does it. */
interface Remedy {
  readonly command: string;
  readonly about: string;
}

/** `explain`: tells why the messages of a stream are not delivered, and what mends that. */
export const explain: CommandBody = {
  examples: ["explain orders", "explain orders --json"],
  flags: [{ name: "json", about: "Prints one JSON value, for programs" }, ...QUERY_FLAGS],
  words: [1, 1],
  async run(args, context) {
    const [name = ""] = args.words;
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const sentences = [...await cursor.explain(name, { signal })];
      const stream = await findStream(cursor, name, signal);
      const dead = await findStream(cursor, deadNameOf(name), signal);
      const holders = stream === undefined || stream.pending === 0 ? [] : findHolders(
        name,
        await cursor.getPels({ signal }),
        await listConnections(cursor, signal),
      );
      const returned = await findReturned(cursor, dead, signal);
      if (returned !== undefined) sentences.push(sayReturned(returned));
      const remedies = findRemedies(name, { stream, dead, returned }, holders);
      if (args.has("json")) {
        const value = { stream: name, sentences, holders, remedies };
        context.print(`${JSON.stringify(value, undefined, 2)}\n`);
        return;
      }
      const lines = sentences.map(escapeControls);
      for (const holder of holders.slice(0, HOLDERS_MAX)) {
        lines.push(sayHolder(holder, context.now()));
      }
      if (holders.length > HOLDERS_MAX) {
        lines.push(`${say(holders.length - HOLDERS_MAX, "other follower")} more hold messages.`);
      }
      if (remedies.length > 0) lines.push("", "What mends it:");
      const width = Math.max(0, ...remedies.map(({ command }) => widthOf(command)));
      for (const { command, about } of remedies) {
        lines.push(`  simplemq ${fitText(command, width)}  # ${about}`);
      }
      context.print(lines.map((line) => `${line}\n`).join(""));
    });
  },
};

/** The most followers that are named. */
const HOLDERS_MAX = 5;

/** How many dead letters are looked at. */
const DEAD_LOOKED_AT = 200;

/** The first dead letter that was sent back before and failed again. */
async function findReturned(
  cursor: Cursor,
  dead: StreamInfo | undefined,
  signal: AbortSignal,
): Promise<PeekedMessage | undefined> {
  if (dead === undefined || dead.ready + dead.delayed + dead.pending === 0) return undefined;
  try {
    const messages = await cursor.peek(dead.name, { limit: DEAD_LOOKED_AT }, { signal });
    return messages.find(({ deadLetter }) => deadLetter?.redrives !== undefined);
  } catch (error) {
    if (error instanceof BrokerError && error.code === "FORBIDDEN") return undefined;
    throw error;
  }
}

function sayReturned({ id, deadLetter }: PeekedMessage): string {
  const { count, firstId } = deadLetter!.redrives!;
  const times = count === 1 ? "once" : `${count} times`;
  return `Dead letter ${id}, at first message ${firstId}, was sent back ${times} and failed again.`;
}

/** A stream, if it is there and may be seen. */
async function findStream(
  cursor: Cursor,
  name: string,
  signal: AbortSignal,
): Promise<StreamInfo | undefined> {
  try {
    return await cursor.getStream(name, { signal });
  } catch (error) {
    const isHidden = error instanceof BrokerError &&
      (error.code === "STREAM_NOT_FOUND" || error.code === "FORBIDDEN");
    if (isHidden) return undefined;
    throw error;
  }
}

/** The connections that may be seen; an older broker tells of none. */
async function listConnections(cursor: Cursor, signal: AbortSignal): Promise<ConnectionInfo[]> {
  try {
    return await cursor.getConnections({ signal });
  } catch (error) {
    if (error instanceof BrokerError) return [];
    throw error;
  }
}

/** Who holds messages of a stream, the one with the oldest delivery first. */
function findHolders(
  stream: string,
  lists: readonly PendingEntryList[],
  all: readonly ConnectionInfo[],
): Holder[] {
  return lists.flatMap(({ follower, entries }) => {
    const own = entries.filter((entry) => entry.stream === stream);
    const [first] = own.toSorted((one, other) => other.ageMs - one.ageMs);
    if (first === undefined) return [];
    const { id, attempts, ageMs, deadline } = first;
    const connections = all.filter(({ followerNames = [] }) => followerNames.includes(follower))
      .map(({ id, client, user, address }) => ({ id, client, ...user && { user }, address }));
    return [{ follower, count: own.length, id, attempts, ageMs, deadline, connections }];
  }).sort((one, other) => other.ageMs - one.ageMs);
}

function sayHolder(
  { follower, count, id, attempts, ageMs, deadline, connections }: Holder,
  now: number,
): string {
  const left = deadline <= now
    ? "it is about to be taken back"
    : `it is taken back in ${formatSpan(deadline - now)}`;
  const attempt = attempts > 1 ? `, delivery ${attempts}` : "";
  const [connection] = connections;
  const where = connection === undefined
    ? ""
    : `, at ${
      escapeControls(connection.client)
    }, ${connection.address}, connection ${connection.id},`;
  return `Follower ${escapeControls(JSON.stringify(follower))}${where} has held ` +
    `${say(count, "message")}, number ${id} for ${formatSpan(ageMs)}${attempt}: ${left}.`;
}

/** A follower that hangs gets what is taken from it again, unless there are others or it is gone. */
function addRelease(
  { follower, count, connections }: Holder,
  { followers }: StreamInfo,
  add: (command: string, about: string) => void,
): void {
  const what = `take back ${say(count, "message")}`;
  const then = followers > 1 ? "others get them" : "it is the only follower, and gets them again";
  add(`pel release ${quoteWord(follower)}`, `${what}; ${then}`);
  for (const { id, client } of connections.slice(0, 1)) {
    const others = followers > 1 ? "others get its messages" : "its messages wait for a follower";
    add(
      `connection close ${id}`,
      `end it if ${escapeControls(client)} hangs: ${others}; restart that`,
    );
  }
}

/** The commands that could help, by what is found. */
function findRemedies(
  name: string,
  { stream, dead, returned }: {
    readonly stream: StreamInfo | undefined;
    readonly dead: StreamInfo | undefined;
    readonly returned: PeekedMessage | undefined;
  },
  holders: readonly Holder[],
): Remedy[] {
  const remedies: Remedy[] = [];
  const add = (command: string, about: string) => remedies.push({ command, about });
  if (stream === undefined) {
    add(`stream add ${name}`, "create it, if the name is right");
    return remedies;
  }
  if (stream.isPaused) add(`stream resume ${name}`, "go on with deliveries");
  const waiting = stream.ready;
  if (stream.followers === 0 && waiting > 0) {
    add("connection ls", "see which programs are here, and start the one that follows");
  }
  // Those who hold messages are in the way where others wait.
  if (waiting > 0 || stream.followers > 0 && holders.length > 0) {
    for (const holder of holders.slice(0, HOLDERS_MAX)) addRelease(holder, stream, add);
  }
  const [oldest] = holders;
  if (oldest !== undefined) add(`get ${name} ${oldest.id}`, "look at the message held longest");
  const { maxMessages, maxBytes } = stream.options;
  const depth = stream.ready + stream.delayed + stream.pending;
  if (maxMessages !== null && depth >= maxMessages) {
    add(`stream set ${name} --max-messages ${maxMessages * 2}`, "make room");
  }
  if (maxBytes !== null && stream.bytes >= maxBytes) {
    add(`stream set ${name} --max-bytes ${maxBytes * 2}`, "make room");
  }
  const deadCount = (dead?.ready ?? 0) + (dead?.delayed ?? 0) + (dead?.pending ?? 0);
  if (deadCount > 0) {
    add(`dead ls ${name}`, "see why messages failed");
    if (returned === undefined) {
      add(`dead redrive ${name} --dry-run`, "count what could be sent back");
    } else {
      const { id } = returned;
      add(`dead show ${name} ${id}`, "see the story of one that came back");
      add(`dead drop ${name} --from ${id} --to ${id}`, "remove it, if it can never succeed");
    }
  }
  return remedies;
}
