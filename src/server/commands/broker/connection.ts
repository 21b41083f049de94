import type { ConnectionInfo, Cursor } from "../../../../client.ts";
import { BrokerError } from "../../../../protocol.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { describe } from "../../settings/found_value.ts";
import { type CommandBody, CommandError } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { parseWhole } from "../flag_reader.ts";
import type { Arguments, Flag } from "../arguments.ts";
import { confirmDanger, DANGER_FLAGS } from "../output/confirmation.ts";
import { say } from "../output/quantities.ts";
import { escapeControls } from "../output/shown_text.ts";
import { type Column, LIST_FLAGS, printList } from "../output/result_output.ts";

const COLUMNS: readonly Column<ConnectionInfo>[] = [
  { title: "id", kind: "number", read: ({ id }) => id },
  { title: "client", read: ({ client }) => client === "" ? "-" : client },
  { title: "user", read: ({ user = "-" }) => user },
  { title: "address", read: ({ address }) => address },
  { title: "protocol", read: ({ protocol }) => protocol },
  { title: "tls", read: ({ encrypted }) => encrypted },
  { title: "since", kind: "time", read: ({ connectedAt }) => connectedAt },
  { title: "received", kind: "bytes", read: ({ receivedBytes }) => receivedBytes },
  { title: "sent", kind: "bytes", read: ({ sentBytes }) => sentBytes },
  { title: "waiting", kind: "bytes", read: ({ outboundBytes }) => outboundBytes },
  { title: "publishers", kind: "number", read: ({ publishers }) => publishers },
  {
    title: "followers",
    read: ({ followers, followerNames }) => sayFollowers(followers, followerNames),
  },
];

/** How many followers there are, and the names of some. */
function sayFollowers(count: number, names: readonly string[] = []): string {
  if (names.length === 0) return String(count);
  const more = count > SHOWN_NAMES_MAX ? " …" : "";
  return `${count}: ${names.slice(0, SHOWN_NAMES_MAX).join(", ")}${more}`;
}

/** The most names of followers in a line. */
const SHOWN_NAMES_MAX = 3;

/** Which connections are meant. */
const SELECTION_FLAGS: readonly Flag[] = [
  { name: "user", value: "<name>", about: "Only those of a user" },
  { name: "client", value: "<name>", about: "Only those whose clients have this name" },
  { name: "follower", value: "<name>", about: "Only those with a follower of this name" },
];

/** `connection ls`: lists connections. */
export const ls: CommandBody = {
  examples: ["connection ls", "connection ls --user orders-app", "connection ls --jsonl"],
  flags: [...SELECTION_FLAGS, ...LIST_FLAGS, ...QUERY_FLAGS],
  words: [0, 0],
  details:
    "WAITING is what the broker has for a client that does not take it: it grows where a client\n" +
    "reads slowly. Users without the permission admin see their own connections.",
  run(args, context) {
    return withBroker({ command: "connection ls" }, args, context, async ({ cursor, signal }) => {
      const rows = (await cursor.getConnections({ signal })).filter(makeSelection(args));
      const none = "There is no such connection, or none that you may see.";
      printList({ rows, columns: COLUMNS, none }, args, context);
    });
  },
};

const CLOSE = "connection close";

/** `connection close`: closes connections. */
export const close: CommandBody = {
  examples: [
    "connection close 17",
    "connection close --client report-worker --reason 'it holds the mails'",
    "connection close --user orders-app --dry-run",
  ],
  flags: [
    ...SELECTION_FLAGS,
    { name: "reason", value: "<text>", about: "What the clients are told, at most 256 bytes" },
    ...DANGER_FLAGS,
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [0, 1000],
  details:
    'The ids are those that "connection ls" shows. What a client holds is ready for others at\n' +
    'once. A client comes back after one or two seconds; "user rm" keeps it out.',
  async run(args, context) {
    const ids = readIds(args.words);
    const isSelection = SELECTION_FLAGS.some(({ name }) => args.has(name));
    if (ids.length > 0 === isSelection) {
      throw new CommandError(
        `Cannot run "${CLOSE}": allowed are ids, or --user, --client and --follower to select connections`,
      );
    }
    return await withBroker({ command: CLOSE }, args, context, async ({ cursor, signal }) => {
      const selects = isSelection
        ? makeSelection(args)
        : ({ id }: ConnectionInfo) => ids.includes(id);
      const found = (await cursor.getConnections({ signal })).filter(selects);
      if (found.length === 0) {
        throw new CommandError("There is no such connection, or none that you may close.", {
          exitCode: ExitCode.notFound,
        });
      }
      const { length: count } = found;
      const what = `close ${say(count, "connection")}: ${nameThem(found)}`;
      if (!confirmDanger({ command: CLOSE, what, count }, args, context)) return;
      const reason = args.find("reason");
      let closed = 0;
      for (const { id } of found) {
        const options = { signal, ...reason !== undefined && { reason } };
        if (await closeOne(cursor, id, options, isSelection)) closed++;
      }
      if (args.has("json")) context.print(`${JSON.stringify({ count: closed })}\n`);
      else context.note(`Closed ${say(closed, "connection")}.`);
      const missing = ids.filter((id) => !found.some((one) => one.id === id));
      if (missing.length === 0) return;
      context.note(`Not found: ${missing.join(", ")}.`);
      return ExitCode.notFound;
    });
  },
};

/** The connections that are meant. */
function makeSelection(args: Arguments): (info: ConnectionInfo) => boolean {
  const [user, client, follower] = [args.find("user"), args.find("client"), args.find("follower")];
  return (info) =>
    (user === undefined || info.user === user) &&
    (client === undefined || info.client === client) &&
    (follower === undefined || (info.followerNames ?? []).includes(follower));
}

function readIds(words: readonly string[]): number[] {
  const mistakes: string[] = [];
  const ids = words.map((word) => {
    const id = parseWhole(word);
    if (id === undefined || id < 1) {
      mistakes.push(
        `Cannot run "${CLOSE}": found ${describe(word)}, allowed the id of a connection`,
      );
    }
    return id ?? 0;
  });
  if (mistakes.length > 0) throw new CommandError(mistakes);
  return [...new Set(ids)];
}

/** The first names of some connections. */
function nameThem(found: readonly ConnectionInfo[]): string {
  const names = found.slice(0, 3).map(({ id, client }) =>
    client === "" ? `${id}` : `${id} (${escapeControls(client)})`
  );
  const more = found.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Closes a connection; the one that asks is not closed where others are meant, too. */
async function closeOne(
  cursor: Cursor,
  id: number,
  options: { readonly signal: AbortSignal; readonly reason?: string },
  isSelection: boolean,
): Promise<boolean> {
  try {
    return await cursor.closeConnection(id, options);
  } catch (error) {
    if (isSelection && error instanceof BrokerError && error.code === "BAD_REQUEST") return false;
    throw error;
  }
}
