import { findStreamNameMistake } from "../../../protocol/limits.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { describe } from "../../settings/found_value.ts";
import type { Arguments } from "../arguments.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import { type BrokerUse, withBroker } from "../connecting/broker_connection.ts";
import { CONNECTION_FLAGS } from "../connecting/broker_flags.ts";
import { readLines } from "../messages/input_lines.ts";
import { Progress } from "../output/progress.ts";
import { say } from "../output/quantities.ts";
import { readImportLine } from "./import_line.ts";
import { Importer, type RefusedLine } from "./importer.ts";
import { formatLines, LineChoice } from "./line_choice.ts";

/** The most mistakes that are told. */
const MISTAKES_MAX = 20;

/** `import`: publishes messages of an export. */
export const importCommand: CommandBody = {
  examples: [
    "import all.jsonl",
    "export orders --context old | simplemq import --context new",
    "import all.jsonl --stream orders=orders-again --dry-run",
  ],
  flags: [
    {
      name: "stream",
      value: "<old>=<new>",
      isList: true,
      about: "Gives a stream, and its dead letters, another name",
    },
    { name: "from-line", value: "<number>", about: "Begins with this line" },
    { name: "lines", value: "<list>", about: "Takes only these lines, such as 3,7-9,12-" },
    {
      name: "dedup",
      about: "Gives messages without a dedup id one, so that the same import again stores\n" +
        "nothing twice as long as the streams remember it (dedupWindowMs)",
    },
    {
      name: "no-story",
      about: "Leaves out the stories of dead letters, which only administrators import:\n" +
        "redrive cannot send such messages back",
    },
    { name: "dry-run", about: "Checks all lines, and sends nothing" },
    ...CONNECTION_FLAGS,
  ],
  words: [0, 1],
  details:
    "Without a file, standard input is read. Streams that are not there are created. Messages get new\n" +
    "ids, and keep their order, key, priority, headers, dedup id, delay, and what is left of their\n" +
    "time to live. It stops at the first group of messages with a line that is refused, and tells how\n" +
    "to go on.",
  async run(args, context) {
    const choice = readChoice(args);
    const renames = readRenames(args);
    const lines = await openLines(args.words[0], context);
    if (args.has("dry-run")) return await check(lines, choice, context);
    return await withBroker(
      { command: "import", isEndless: true },
      args,
      context,
      async (broker) => {
        using progress = new Progress(context, "messages");
        const run = new ImportRun({
          broker,
          renames,
          hasDedup: args.has("dedup"),
          isStoryless: args.has("no-story"),
          context,
          progress,
        });
        return await run.take(lines, choice);
      },
    );
  },
};

function readChoice(args: Arguments): LineChoice {
  const [from, lines] = [args.find("from-line"), args.find("lines")];
  if (from !== undefined && lines !== undefined) {
    throw new CommandError('Cannot run "import": allowed is one of --from-line and --lines');
  }
  if (lines !== undefined) return LineChoice.read(lines);
  if (from === undefined) return LineChoice.from(1);
  if (/^[1-9]\d{0,14}$/.test(from)) return LineChoice.from(Number(from));
  throw new CommandError(
    `Cannot run "import": --from-line: found ${describe(from)}, allowed is a number from 1 on`,
  );
}

function readRenames(args: Arguments): ReadonlyMap<string, string> {
  const mistakes: string[] = [];
  const renames = new Map<string, string>();
  for (const text of args.list("stream")) {
    const [, old = "", name = ""] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    const mistake = name === ""
      ? "allowed is <old>=<new>"
      : findStreamNameMistake(old) ?? findStreamNameMistake(name);
    if (mistake !== undefined) mistakes.push(`--stream: found ${describe(text)}, ${mistake}`);
    else if (renames.has(old)) mistakes.push(`--stream: found ${describe(old)} twice`);
    else renames.set(old, name);
  }
  if (mistakes.length === 0) return renames;
  throw new CommandError(mistakes.map((mistake) => `Cannot run "import": ${mistake}`));
}

/** A line of the file. */
interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

async function openLines(
  file: string | undefined,
  context: CommandContext,
): Promise<AsyncIterable<NumberedLine>> {
  if (file === undefined && context.isInteractive) {
    throw new CommandError('Cannot run "import": name a file, or give the lines on standard input');
  }
  const isInput = file === undefined || file === "-";
  return number(isInput ? context.readInput() : await openFile(file));
}

async function openFile(path: string): Promise<ReadableStream<Uint8Array>> {
  try {
    return (await Deno.open(path)).readable;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new CommandError(`Cannot import "${path}": there is no such file`, {
      cause,
      exitCode: ExitCode.notFound,
    });
  }
}

async function* number(input: ReadableStream<Uint8Array>): AsyncGenerator<NumberedLine> {
  let count = 0;
  for await (const lines of readLines(input)) {
    for (const text of lines) {
      count++;
      if (text.trim() !== "") yield { number: count, text };
    }
  }
}

/** Reads all lines, and tells all mistakes. */
async function check(
  lines: AsyncIterable<NumberedLine>,
  choice: LineChoice,
  context: CommandContext,
): Promise<ExitCode> {
  const newer = new Newer(context);
  let [messages, wrong] = [0, 0];
  for await (const { number, text } of lines) {
    if (!choice.has(number)) continue;
    const { line, unknown } = readImportLine(text);
    newer.note(unknown);
    if (!("type" in line)) {
      if (++wrong <= MISTAKES_MAX) {
        for (const one of line) context.note(`line ${number}: ${one}`);
      }
    } else if (line.type === "message") messages++;
  }
  if (wrong > 0) {
    throw new CommandError(
      `Cannot import: ${say(wrong, "line has a mistake", "lines have mistakes")}; nothing was sent`,
    );
  }
  context.print(`This would import ${say(messages, "message")}.\n`);
  return ExitCode.stopped;
}

/** Warns of what a later version has written, once of each. */
class Newer {
  readonly #context: CommandContext;
  readonly #names = new Set<string>();

  constructor(context: CommandContext) {
    this.#context = context;
  }

  note(names: readonly string[]): void {
    for (const name of names) {
      if (this.#names.has(name) || this.#names.size >= MISTAKES_MAX) continue;
      this.#names.add(name);
      this.#context.note(`warning: this version does not know ${name}; it is left out`);
    }
  }
}

interface ImportRunOptions {
  readonly broker: BrokerUse;
  readonly renames: ReadonlyMap<string, string>;
  readonly hasDedup: boolean;
  readonly isStoryless: boolean;
  readonly context: CommandContext;
  readonly progress: Progress;
}

class ImportRun {
  readonly #options: ImportRunOptions;
  readonly #newer: Newer;
  #importer: Importer | undefined;
  /** The time of the export, which the dedup ids are made with. */
  #seed = "";
  #hasHead = false;
  #hasEnd = false;

  constructor(options: ImportRunOptions) {
    this.#options = options;
    this.#newer = new Newer(options.context);
  }

  async take(lines: AsyncIterable<NumberedLine>, choice: LineChoice): Promise<ExitCode> {
    const { broker: { signal }, progress } = this.#options;
    for await (const { number, text } of lines) {
      const { line, unknown } = readImportLine(text);
      // The head is needed even if only later lines are meant.
      const isHead = "type" in line && line.type === "export";
      if (!choice.has(number) && !isHead) continue;
      if (!("type" in line)) throw await this.#stop(number, line);
      this.#newer.note(unknown);
      if (signal.aborted) return await this.#interrupt(number);
      if (line.type === "export") {
        this.#hasHead = true;
        this.#seed = line.at;
      } else if (line.type === "end") this.#hasEnd = true;
      else if (line.type === "stream") {
        await this.#finish(number);
        await this.#importerOf().addStream(line).catch(async (error) => {
          throw await this.#stop(number, [messageOf(error)]);
        });
      } else if (line.type === "message") {
        const isFull = await this.#importerOf().addMessage(number, line, text.length);
        if (isFull) await this.#finish(number + 1);
        progress.show(this.#importerOf().counts.messages);
      }
    }
    await this.#finish(undefined);
    return this.#report();
  }

  /** Made when the head is read. */
  #importerOf(): Importer {
    const { broker, renames, hasDedup, isStoryless, context } = this.#options;
    this.#importer ??= new Importer({
      connection: broker.connection,
      cursor: broker.cursor,
      signal: broker.signal,
      renames,
      dedupSeed: hasDedup ? this.#seed : undefined,
      isStoryless,
      now: context.now,
      note: (line) => context.note(line),
    });
    return this.#importer;
  }

  /** Finishes the group; throws if some of it was refused. */
  async #finish(next: number | undefined): Promise<void> {
    const refused = await this.#importer?.finish() ?? [];
    if (refused.length > 0) throw this.#refuse(refused, next);
  }

  /** Somebody wants it to stop. */
  async #interrupt(number: number): Promise<ExitCode> {
    await this.#finish(number);
    this.#options.context.note(`${this.#tellCounts()}; go on with --from-line ${number}`);
    return ExitCode.interrupted;
  }

  /** A line that cannot be imported: what is before it is finished, nothing behind it is begun. */
  async #stop(number: number, mistakes: readonly string[]): Promise<CommandError> {
    await this.#finish(number);
    const all = mistakes.map((mistake) => `line ${number}: ${mistake}`);
    return new CommandError(
      [
        ...all,
        `${this.#tellCounts()}. Lines before ${number} are done: mend it, and go on with ` +
        `--from-line ${number}`,
      ],
      { exitCode: ExitCode.fault },
    );
  }

  #refuse(refused: readonly RefusedLine[], next: number | undefined): CommandError {
    const numbers = refused.map(({ number }) => number);
    const told = refused.slice(0, MISTAKES_MAX).map(({ number, error }) => {
      return `line ${number}: ${messageOf(error)}`;
    });
    const end = next === undefined ? "all others" : `all other lines before ${next}`;
    const rest = formatLines(numbers, next);
    return new CommandError(
      [...told, `${this.#tellCounts()}: ${end} are done; go on with --lines ${rest}`],
      { exitCode: ExitCode.fault },
    );
  }

  #tellCounts(): string {
    const { messages, duplicates, expired, streams } = this.#importerOf().counts;
    const more = [
      ...streams > 0 ? [`${say(streams, "stream")} created`] : [],
      ...duplicates > 0 ? [`${say(duplicates, "was", "were")} there already`] : [],
      ...expired > 0 ? [`${say(expired, "has", "have")} expired`] : [],
    ];
    return [`imported ${say(messages, "message")}`, ...more].join(", ");
  }

  #report(): ExitCode {
    const { context } = this.#options;
    context.print(`${this.#tellCounts()}\n`);
    if (!this.#hasHead || this.#hasEnd) return ExitCode.stopped;
    context.note(
      "warning: the export has no end line: it is not complete, or only a part was taken",
    );
    return ExitCode.fault;
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? `${error.message} (${error.code})` : error.message;
}
