import type { Cursor, PeekedMessage, StreamInfo } from "../../../../client.ts";
import { PEEK_COUNT_MAX } from "../../../protocol/limits.ts";
import { DEAD_SUFFIX, isDeadName } from "../../../protocol/messages/stream_options.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { CONNECTION_FLAGS } from "../connecting/broker_flags.ts";
import { readBind } from "../messages/bind_word.ts";
import { Progress } from "../output/progress.ts";
import { say } from "../output/quantities.ts";
import { formatEnd, formatHead, formatMessage, formatStream } from "./export_line.ts";

/** Lines are written in pieces of about this many characters. */
const PIECE_LENGTH = 64 * 1024;

/** `export`: writes messages as JSON lines. */
export const exportCommand: CommandBody = {
  examples: ["export > all.jsonl", "export orders /^mail/ > some.jsonl"],
  flags: [
    { name: "no-dead", about: "Leaves out the dead letters of the streams" },
    ...CONNECTION_FLAGS,
  ],
  words: [0, 1000],
  details:
    "A word is a stream or a /pattern/; without one, all streams are written. Nothing is taken out\n" +
    "of them. Each is as it was when its turn came: what is stored later is not in it, and what was\n" +
    "acknowledged meanwhile may or may not be. Messages that followers hold are written, too.",
  async run(args, context) {
    const isMeant = await readStreams(args.words, !args.has("no-dead"));
    return await withBroker(
      { command: "export", isEndless: true },
      args,
      context,
      async (broker) => {
        const { cursor, signal } = broker;
        const all = await cursor.getStreams({ signal });
        const streams = all.filter(({ name }) => isMeant(name));
        requireAll(args.words, all);
        using progress = new Progress(context, "messages");
        const output = new LineOutput(context);
        await output.write(formatHead(context.version, context.now()));
        let count = 0;
        const total = streams.reduce((sum, { ready, delayed, pending }) => {
          return sum + ready + delayed + pending;
        }, 0);
        for (const { name } of streams) {
          for await (const message of readStream(cursor, name, { output, signal })) {
            await output.write(formatMessage(message));
            progress.show(++count, total);
          }
        }
        await output.write(formatEnd(streams.length, count));
        await output.flush();
        context.note(`wrote ${say(count, "message")} of ${say(streams.length, "stream")}`);
      },
    );
  },
};

/** The streams that some words mean; a stream's dead letters belong to it. */
async function readStreams(
  words: readonly string[],
  withDead: boolean,
): Promise<(name: string) => boolean> {
  const binds = await Promise.all(words.map((word) => readBind(word, "export")));
  const isNamed = (name: string) =>
    binds.some(({ bindType, routeString, ignoreCase }) =>
      bindType === "direct"
        ? routeString === name
        : new RegExp(routeString, ignoreCase ? "i" : "").test(name)
    );
  return (name) => {
    if (!isDeadName(name)) return binds.length === 0 || isNamed(name);
    const origin = name.slice(0, -DEAD_SUFFIX.length);
    return isNamed(name) || withDead && (binds.length === 0 || isNamed(origin));
  };
}

/** Nobody should believe to have exported a stream whose name has a mistake. */
function requireAll(words: readonly string[], streams: readonly StreamInfo[]): void {
  const names = new Set(streams.map(({ name }) => name));
  const missing = words.filter((word) => !word.startsWith("/") && !names.has(word));
  if (missing.length === 0) return;
  throw new CommandError(
    missing.map((name) =>
      `Cannot export "${name}": there is no such stream, or you may not see it`
    ),
    { exitCode: ExitCode.notFound },
  );
}

/** Writes the line of a stream, and reads its messages, up to those that are stored later. */
async function* readStream(
  cursor: Cursor,
  name: string,
  { output, signal }: { readonly output: LineOutput; readonly signal: AbortSignal },
): AsyncGenerator<PeekedMessage> {
  const info = await cursor.getStream(name, { signal });
  await output.write(formatStream(info));
  for (let from = 1; from < info.nextId;) {
    const messages = await cursor.peek(name, { from, limit: PEEK_COUNT_MAX }, { signal });
    if (messages.length === 0) return;
    for (const message of messages) if (message.id < info.nextId) yield message;
    from = messages.at(-1)!.id + 1;
  }
}

/** Lines to standard output: who reads slowly slows the reading from the broker down. */
class LineOutput {
  readonly #context: CommandContext;
  #text = "";

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async write(line: string): Promise<void> {
    this.#text += `${line}\n`;
    if (this.#text.length >= PIECE_LENGTH) await this.flush();
  }

  async flush(): Promise<void> {
    const bytes = new TextEncoder().encode(this.#text);
    this.#text = "";
    await this.#context.writeBytes(bytes);
  }
}
