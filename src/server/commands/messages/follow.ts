import type { Connection, Message } from "../../../../client.ts";
import { ExitCode } from "../../process/exit_code.ts";
import type { Arguments } from "../arguments.ts";
import type { CommandBody, CommandContext } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { escapeControls } from "../output/shown_text.ts";
import { readBind } from "./bind_word.ts";
import { bodyText, printRaw, toJson } from "./message_text.ts";

const NAME = "follow";

/** How many messages are held with `--ack none`, at most. */
const HELD_MAX = 4096;

const HELD_DEFAULT = 1000;

/** `follow`: receives messages. */
export const follow: CommandBody = {
  examples: [
    "follow orders",
    "follow '/^orders/' --limit 10 --jsonl",
    "follow orders --ack none --limit 5",
    "follow images --limit 1 --raw > cat.jpg",
  ],
  flags: [
    {
      name: "ack",
      value: "<auto|none>",
      about: "auto acknowledges what is printed, none gives it back at the end; auto by default",
    },
    { name: "limit", value: "<number>", about: "Ends after so many messages" },
    { name: "name", value: "<text>", about: "The follower's name, as others see it" },
    {
      name: "jsonl",
      about: "Prints a JSON object on each line, with all that is known of a message",
    },
    { name: "raw", about: "Prints bodies alone, as they are" },
    ...QUERY_FLAGS,
  ],
  words: [1, 1],
  details:
    "It is a follower like any other: what it takes, others do not get. To look at messages\n" +
    'without taking them, use "peek". With --ack none it holds 1000 messages at most, or as many\n' +
    "as --limit says, up to 4096. Without --timeout it goes on until Ctrl-C.",
  async run(args, context) {
    const reader = new FlagReader(args, NAME);
    const ack = reader.readChoice("ack", ["auto", "none"]) ?? "auto";
    const isHolding = ack === "none";
    const high = isHolding ? HELD_MAX : Number.MAX_SAFE_INTEGER;
    const limit = reader.readNumber("limit", { low: 1, high });
    if (args.has("jsonl") && args.has("raw")) reader.refuse("allowed is one of --jsonl and --raw");
    reader.check();
    const bind = await readBind(args.words[0] ?? "", NAME);
    const name = args.find("name");
    return await withBroker({ command: NAME, isEndless: true }, args, context, async (broker) => {
      const { connection, signal } = broker;
      const follower = connection.follower(bind, {
        ...name !== undefined && { name },
        ...isHolding && { prefetch: limit ?? HELD_DEFAULT },
      });
      const watching = tellChanges(connection, context);
      const held: Message[] = [];
      let count = 0;
      try {
        for await (const message of follower.getMessages({ signal })) {
          if (args.has("raw")) await printRaw(message, context);
          else context.print(formatMessage(message, args, context));
          if (isHolding) held.push(message);
          else await message.ack({ confirm: count + 1 === limit });
          if (++count < (limit ?? Infinity)) continue;
          // The last one would count an attempt, too, if the loop were left with it.
          await release(held);
          break;
        }
      } finally {
        await release(held);
        await follower.close({ drainMs: 1000 }).catch(() => {});
      }
      await connection.close({ drainMs: 1000 });
      await watching;
      return ExitCode.stopped;
    });
  },
};

/** Gives messages back without counting an attempt: nobody has worked on them. */
async function release(held: Message[]): Promise<void> {
  await Promise.all(
    held.splice(0).map((message) => message.release({ confirm: true }).catch(() => {})),
  );
}

function formatMessage(
  message: Message,
  args: Arguments,
  context: CommandContext,
): string {
  if (args.has("jsonl")) return `${JSON.stringify(toJson(message))}\n`;
  const text = bodyText(message.body);
  // A program may be reading: it gets what was sent, but for line breaks.
  const shown = context.isTerminal ? escapeControls(text) : text.replaceAll("\n", "\\n");
  return `${message.stream} ${message.id} ${shown}\n`;
}

/** Tells people what happens to the connection; ends with it. */
async function tellChanges(connection: Connection, context: CommandContext): Promise<void> {
  let wasLost = false;
  for await (const status of connection.status()) {
    if (status.type === "lost") context.note("The connection is lost; trying again.");
    if (status.type === "connected" && wasLost) context.note("The connection is restored.");
    if (status.type === "streamMissing") {
      context.note(`There is no stream "${status.stream}" yet; waiting for it.`);
    }
    if (status.type === "streamDeleted") {
      context.note(`Stream "${status.stream}" was deleted; waiting for a new one.`);
    }
    if (status.type === "streamOpen") {
      context.note(`The breaker of "${status.stream}" is open: only probes are delivered.`);
    }
    if (status.type === "streamResumed") {
      context.note(`The breaker of "${status.stream}" is closed.`);
    }
    wasLost = status.type === "lost" || wasLost && status.type === "reconnecting";
  }
}
