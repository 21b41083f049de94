/**
 * A broker on a network, as a page shows it from nothing: certificates, users and tokens are made in an
 * empty directory, and brokers and programs are processes there.
 *
 * @module
 */

import { assert } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { ROOT, type ShownProgram } from "./page.ts";
import { PATIENCE_MS, USUAL_PORT } from "./program.ts";
import { checkOutput, type ShownCommand } from "./session.ts";

/** How a page writes a token: each is shown once, and differs in each run. */
const SHOWN_TOKEN = "smq_…";

/** A line that stands for one or more lines that a page leaves out. */
const OMISSION = "…";

const TOKEN_RULE = /smq_[\w-]{43}/g;

/** A broker that is left running, as in a terminal of its own. */
interface RunningBroker {
  readonly process: Deno.ChildProcess;
  /** All lines that it prints until it ends. */
  readonly lines: Promise<string[]>;
  readonly command: ShownCommand;
}

/** Runs commands in a directory that is empty but for the programs of a page. */
export class Network implements AsyncDisposable {
  readonly #directory: string;
  #token = SHOWN_TOKEN;
  #port = 0;
  #broker: RunningBroker | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Whether a command begins one. */
  static beginsWith(line: string): boolean {
    return /^deno run -A server\.ts (cert|user)\b/.test(line);
  }

  /** Whether a command belongs to one that was begun. */
  static includes(line: string): boolean {
    return /^SIMPLEMQ_TOKEN(_FILE)?=|^deno run -A server\.ts\b/.test(line);
  }

  /** The port of its broker, which is running. */
  get port(): number {
    assert(this.#broker !== undefined, "no broker was started after the last command");
    return this.#port;
  }

  static async open(programs: readonly ShownProgram[]): Promise<Network> {
    const directory = await Deno.makeTempDir();
    for (const { name, text } of programs) await Deno.writeTextFile(`${directory}/${name}`, text);
    return new Network(directory);
  }

  /** Runs a command. A broker goes on until the next one starts, or the page ends. */
  async run(command: ShownCommand): Promise<void> {
    if (command.outputAfterStop !== undefined) return await this.#startBroker(command);
    const process = this.#spawn(command.line);
    const [lines, { success }] = await Promise.all([readLines(process), process.status]);
    const text = lines.join("\n");
    this.#token = text.match(TOKEN_RULE)?.at(-1) ?? this.#token;
    this.#check(lines, command.output, command.line);
    assert(success, lines.join("\n"));
  }

  /** Stops the broker, as Ctrl-C does, and checks what it has printed. */
  async stopBroker(): Promise<void> {
    if (this.#broker === undefined) return;
    const { process, lines, command } = this.#broker;
    this.#broker = undefined;
    process.kill("SIGINT");
    const { output, outputAfterStop = [] } = command;
    const printed = await deadline(lines, PATIENCE_MS);
    await process.status;
    // What it logs about its clients, and when it is stopped, need not be shown.
    const count = outputAfterStop.length === 0 ? output.length : undefined;
    this.#check(printed.slice(0, count), [...output, ...outputAfterStop], command.line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#broker !== undefined) {
      this.#broker.process.kill("SIGKILL");
      await Promise.all([this.#broker.lines, this.#broker.process.status]);
    }
    await Deno.remove(this.#directory, { recursive: true });
  }

  /** A text of the page with the real token. */
  fillIn(text: string): string {
    return text.replaceAll(SHOWN_TOKEN, this.#token);
  }

  async #startBroker(command: ShownCommand): Promise<void> {
    await this.stopBroker();
    const process = this.#spawn(`${command.line} --port 0 --http-port 0`);
    const { promise, resolve } = Promise.withResolvers<number>();
    const lines = readLines(process, (line) => {
      const [, port] = /is listening .*address=\S+:(\d+)/.exec(line) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
    this.#broker = { process, lines, command };
    const ended = lines.then((all): never => {
      throw new Error(`the broker has ended:\n${all.join("\n")}`);
    });
    this.#port = await deadline(Promise.race([promise, ended]), PATIENCE_MS);
    ended.catch(() => {});
  }

  /** Starts a command of a page, with the real token, at the real port of the broker. */
  #spawn(line: string): Deno.ChildProcess {
    const [, variables, file, args] = /^(\w+=\S+ )?deno run -A (\S+)(.*)$/.exec(line) ?? [];
    assert(file !== undefined, "nobody has looked whether this works");
    const isServer = file === "server.ts";
    // In a terminal, a token is printed without being asked for.
    const flag = isServer && /^ user (add|rotate) (?!.*--token-file)/.test(args!) ? " --print" : "";
    const command = [
      `${this.fillIn(variables ?? "")}exec ${Deno.execPath()} run -A --no-lock`,
      ...isServer ? [] : ["--no-check --config", new URL("deno.json", ROOT).pathname],
      isServer ? new URL(file, ROOT).pathname : file,
      `${args}${flag} 2>&1`,
    ];
    return new Deno.Command("sh", {
      args: ["-c", command.join(" ")],
      cwd: this.#directory,
      env: { NO_COLOR: "1", SIMPLEMQ_SERVER: `localhost:${this.#port || USUAL_PORT}` },
      stdin: "null",
      stdout: "piped",
    }).spawn();
  }

  #check(printed: readonly string[], shown: readonly string[], what: string): void {
    const lines = printed.map((line) =>
      line.replaceAll(TOKEN_RULE, SHOWN_TOKEN)
        .replaceAll(/(?<=address=\S+:)\d+/g, String(USUAL_PORT))
        .replaceAll(/(?<=http=\S+:)\d+/g, "9190")
    );
    checkOutput(omit(lines, shown), shown, what);
  }
}

/** Puts the shown `…` in the place of the lines that it stands for. */
function omit(printed: readonly string[], shown: readonly string[]): string[] {
  const lines: string[] = [];
  let rest = [...printed];
  for (const [index, line] of shown.entries()) {
    if (line !== OMISSION) {
      lines.push(...rest.splice(0, 1));
      continue;
    }
    const next = shown[index + 1];
    const end = next === undefined ? rest.length : rest.indexOf(next);
    if (end <= 0) break;
    rest = rest.slice(end);
    lines.push(OMISSION);
  }
  return [...lines, ...rest];
}

/** The lines that a process prints, all of them when it has ended; each also as it comes. */
async function readLines(
  { stdout }: Deno.ChildProcess,
  onLine: (line: string) => void = () => {},
): Promise<string[]> {
  const lines: string[] = [];
  let rest = "";
  for await (const piece of stdout.pipeThrough(new TextDecoderStream())) {
    const found = (rest + piece).split("\n");
    rest = found.pop()!;
    found.forEach(onLine);
    lines.push(...found);
  }
  return rest === "" ? lines : [...lines, rest];
}
