import type { MessageBody, Publisher, SendOptions } from "../../../../client.ts";
import { ExitCode } from "../../process/exit_code.ts";
import type { Arguments } from "../arguments.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { Progress } from "../output/progress.ts";
import { say } from "../output/quantities.ts";
import { BODY_KINDS, makeBody, MESSAGE_FLAGS, readMessageOptions } from "./message_options.ts";
import { readBind } from "./bind_word.ts";
import { readLines } from "./input_lines.ts";
import { ReceiptSum } from "./receipt_sum.ts";

const NAME = "publish";

/** What is to be sent. */
interface Sending {
  /** One body, to be sent so many times. */
  readonly one?: { readonly body: MessageBody; readonly count: number };
  /** Lines of standard input or of a file, each of which is a body. */
  readonly lines?: {
    readonly file: string | undefined;
    readonly isJson: boolean;
    /** Whether it was not said that lines come: then none is a mistake. */
    readonly isGuess: boolean;
  };
  readonly options: SendOptions;
}

/** `publish`: sends messages. */
export const publish: CommandBody = {
  examples: [
    "publish orders 'a pizza'",
    "publish orders '{\"pizza\": 1}' --as json --key ann --delay 10m",
    "publish index changed --coalesce doc-7 --quiet 5s",
    "publish orders - < lines.txt",
    "publish orders --file orders.ndjson --ndjson",
    "publish images --file cat.jpg --as bytes --header type=image/jpeg",
  ],
  flags: [
    {
      name: "file",
      value: "<path>",
      about: "Sends the content of a file; with --ndjson or --lines, each line of it",
    },
    { name: "ndjson", about: "Each line of standard input or of the file is a body in JSON" },
    { name: "lines", about: "Each line of the file is a body; of standard input it always is" },
    {
      name: "as",
      value: `<${BODY_KINDS.join("|")}>`,
      about: "What one body is: text by default",
    },
    { name: "count", value: "<number>", about: "How often the body is sent; 1 by default" },
    ...MESSAGE_FLAGS,
    {
      name: "dedup-id",
      value: "<text>",
      about: "A message with an id that the stream remembers is not stored again",
    },
    {
      name: "coalesce",
      value: "<id>",
      about: "It takes the place of the one of this id that waits",
    },
    {
      name: "quiet",
      value: "<span>",
      about: "With --coalesce, it waits until so long nothing came",
    },
    {
      name: "at-most",
      value: "<span>",
      about: "With --quiet, it waits so long at most; 12 times that",
    },
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [1, 2],
  details:
    "The stream is a name, or /a pattern/ for all streams that match. Each confirmed message\n" +
    "is durable; the ids that it got are printed. With - or without a body, each line of standard\n" +
    "input is sent as it comes.",
  async run(args, context) {
    const sending = await readSending(args);
    const bind = await readBind(args.words[0] ?? "", NAME);
    const isEndless = sending.lines !== undefined;
    return await withBroker({ command: NAME, isEndless }, args, context, async (broker) => {
      const publisher = broker.connection.publisher(bind, {
        whenFull: isEndless ? "wait" : "error",
      });
      const sum = new ReceiptSum();
      try {
        if (sending.one !== undefined) await sendOne(publisher, sending, sum, broker.signal);
        else await sendLines(publisher, sending, { sum, context, signal: broker.signal });
      } finally {
        if (isEndless) context.note(`Confirmed: ${say(sum.count, "message")}.`);
      }
      if (args.has("json")) context.print(`${JSON.stringify(sum.toJson())}\n`);
      else context.print(sum.toText());
      if (sum.duplicates > 0) {
        context.note(`Not stored again: a message with this dedup id was stored before.`);
      }
      if (sum.replacedCount > 0) context.note("It takes the place of an older one that waited.");
      return ExitCode.stopped;
    });
  },
};

async function readSending(args: Arguments): Promise<Sending> {
  const reader = new FlagReader(args, NAME);
  const [, word] = args.words;
  const file = args.find("file");
  const isJson = args.has("ndjson");
  const hasLines = isJson || args.has("lines") ||
    file === undefined && (word === undefined || word === "-");
  if (file !== undefined && word !== undefined) {
    reader.refuse("found a body and --file, allowed one");
  }
  if (hasLines && word !== undefined && word !== "-") {
    reader.refuse("found a body, and flags for lines of standard input; allowed one of both");
  }
  const dedupId = args.find("dedup-id");
  const options = {
    ...readMessageOptions(args, reader),
    ...dedupId !== undefined && { dedupId },
    ...readCoalesce(args, reader),
  };
  const count = reader.readNumber("count", { low: 1, high: 10_000_000 }) ?? 1;
  const kind = reader.readChoice("as", BODY_KINDS) ?? "text";
  for (const flag of hasLines ? ["count", "as", "dedup-id", "coalesce"] : []) {
    if (args.has(flag)) reader.refuse(`--${flag}: allowed only with one body`);
  }
  for (const flag of count > 1 ? ["dedup-id", "coalesce"] : []) {
    if (args.has(flag)) reader.refuse(`--${flag}: allowed only without --count`);
  }
  reader.check();
  if (hasLines) {
    const isGuess = file === undefined && word === undefined && !isJson && !args.has("lines");
    return { lines: { file, isJson, isGuess }, options };
  }
  const bytes = file === undefined ? new TextEncoder().encode(word) : await readBytes(file);
  const body = makeBody(bytes, kind, reader);
  reader.check();
  return { one: { body, count }, options };
}

function readCoalesce(args: Arguments, reader: FlagReader): Pick<SendOptions, "coalesce"> {
  const id = args.find("coalesce");
  const [quietMs, atMostMs] = [reader.readSpan("quiet"), reader.readSpan("at-most")];
  if (id === undefined) {
    for (const flag of ["quiet", "at-most"]) {
      if (args.has(flag)) reader.refuse(`--${flag}: allowed only with --coalesce`);
    }
    return {};
  }
  const times = {
    ...quietMs !== undefined && { quietMs },
    ...atMostMs !== undefined && { atMostMs },
  };
  return { coalesce: { id, ...times } };
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw explainFile(path, cause);
  }
}

function explainFile(path: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof Deno.errors.NotCapable) return cause;
  return new CommandError(`Cannot read ${path}: ${cause.message}`, { cause });
}

/** The most bodies of one call, so that a large count needs no large memory. */
const CALL_MAX = 4096;

async function sendOne(
  publisher: Publisher,
  { one, options }: Sending,
  sum: ReceiptSum,
  signal: AbortSignal,
): Promise<void> {
  const { body, count } = one!;
  if (count === 1) {
    sum.addOne(await publisher.sendMessage(body, { ...options, signal }));
    return;
  }
  const { dedupId: _, coalesce: _none, ...all } = options;
  for (let sent = 0; sent < count; sent += CALL_MAX) {
    const bodies = Array<MessageBody>(Math.min(CALL_MAX, count - sent)).fill(body);
    sum.addBatch(await publisher.sendMessages(bodies, { ...all, signal }));
  }
}

async function sendLines(
  publisher: Publisher,
  { lines, options: { dedupId: _, coalesce: _none, ...options } }: Sending,
  { sum, context, signal }: {
    readonly sum: ReceiptSum;
    readonly context: CommandContext;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { file, isJson, isGuess } = lines!;
  using progress = new Progress(context, "messages");
  let number = 0;
  let hasSome = false;
  for await (const some of readLines(await openInput(file, context, signal))) {
    const bodies = some.map((line): MessageBody => isJson ? parseLine(line, ++number) : line);
    for (let at = 0; at < bodies.length; at += CALL_MAX) {
      const call = bodies.slice(at, at + CALL_MAX);
      sum.addBatch(await publisher.sendMessages(call, { ...options, signal }));
      progress.show(sum.count);
    }
    hasSome = true;
  }
  if (isGuess && !hasSome) {
    throw new CommandError(
      `Cannot run "${NAME}": found no body and an empty standard input, allowed a body behind the ` +
        "stream, or - if there may be no line",
    );
  }
}

function parseLine(line: string, number: number): MessageBody {
  try {
    return JSON.parse(line);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause;
    throw new CommandError(
      `Cannot send line ${number}: found no JSON: ${why}; the lines before it are stored`,
      { cause },
    );
  }
}

/** Opens what lines are read from; it ends when somebody stops the command. */
async function openInput(
  file: string | undefined,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const input = file === undefined ? context.readInput() : await openFile(file);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  input.pipeTo(writable, { signal }).catch(() => {});
  return readable;
}

async function openFile(path: string): Promise<ReadableStream<Uint8Array>> {
  try {
    return (await Deno.open(path)).readable;
  } catch (cause) {
    throw explainFile(path, cause);
  }
}
