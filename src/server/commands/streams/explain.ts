import type { PendingEntryList, StreamInfo } from "../../../../protocol.ts";
import { BrokerError } from "../../../../protocol.ts";
import { deadNameOf } from "../../../protocol/messages/stream_options.ts";
import type { ConnectionInfo, Cursor, PeekedMessage } from "../../../../client.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { formatSpan, say } from "../output/quantities.ts";
import {
  type Cure,
  findCures,
  type Holder,
  HOLDERS_MAX,
  makeHolder,
} from "../../management/stuck_stream.ts";
import { escapeControls, fitText, widthOf } from "../output/shown_text.ts";
import { quoteWord } from "../output/shell_word.ts";

const NAME = "explain";

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
      const remedies = findCures({ stream, dead, holders, returned: returned?.id }).map((cure) => ({
        command: commandOf(name, cure),
        about: escapeControls(cure.about),
      }));
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
    if (own.length === 0) return [];
    const connections = all.filter(({ followerNames = [] }) => followerNames.includes(follower))
      .map(({ id, client, user, address }) => ({ id, client, ...user && { user }, address }));
    return [makeHolder(follower, own, own.length, connections)];
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

/** The command that does it. */
function commandOf(name: string, cure: Cure): string {
  switch (cure.kind) {
    case "create":
      return `stream add ${name}`;
    case "resume":
      return `stream resume ${name}`;
    case "connections":
      return "connection ls";
    case "release":
      return `pel release ${quoteWord(cure.follower)}`;
    case "close":
      return `connection close ${cure.connection}`;
    case "look":
      return `get ${name} ${cure.message}`;
    case "maxMessages":
      return `stream set ${name} --max-messages ${cure.most}`;
    case "maxBytes":
      return `stream set ${name} --max-bytes ${cure.most}`;
    case "dead":
      return `dead ls ${name}`;
    case "redrive":
      return `dead redrive ${name} --dry-run`;
    case "story":
      return `dead show ${name} ${cure.message}`;
    case "drop":
      return `dead drop ${name} --from ${cure.message} --to ${cure.message}`;
  }
}
