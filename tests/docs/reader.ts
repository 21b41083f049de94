/**
 * Somebody who reads a page from its beginning to its end, with a fresh broker at hand, and runs
 * everything in it as it comes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import type { Cursor } from "../../client.ts";
import { type BrokerServer, serve } from "../../server.ts";
import { LineClient } from "../support/wire/line_client.ts";
import { CommandLine } from "./command_line.ts";
import { Network } from "./network.ts";
import { type Block, type Page, ROOT, type ShownProgram } from "./page.ts";
import { PATIENCE_MS, RunningProgram, USUAL_PORT } from "./program.ts";
import { checkOutput, readCommands, type ShownCommand } from "./session.ts";

/** A program that runs on until Ctrl-C, and what it shall have printed by then. */
interface Left {
  readonly program: RunningProgram;
  readonly command: ShownCommand;
}

/** Reads one page. */
export class Reader implements AsyncDisposable {
  readonly #page: Page;
  readonly #programs: readonly ShownProgram[];
  readonly #broker: BrokerServer;
  readonly #cursor: Cursor;
  readonly #directory: string;
  readonly #left: Left[] = [];
  readonly #commands: CommandLine;
  #network: Network | undefined;
  /** All programs that have run, with all that they shall have printed. */
  readonly #done: [program: RunningProgram, lines: readonly string[], what: string][] = [];

  private constructor(page: Page, broker: BrokerServer, cursor: Cursor, directory: string) {
    this.#page = page;
    this.#programs = page.programs;
    this.#broker = broker;
    this.#cursor = cursor;
    this.#directory = directory;
    this.#commands = new CommandLine(page, directory, broker.port);
  }

  /** Opens a page, with a broker of its own. */
  static async open(page: Page): Promise<Reader> {
    const names = page.programs.map(({ name }) => name);
    assertEquals(names, [...new Set(names)], `${page.path}: each program has a name of its own`);
    const directory = await Deno.makeTempDir();
    const storage = { directory: `${directory}/data` };
    const broker = await serve({ port: 0, logLevel: "error", storage });
    return new Reader(page, broker, (await broker.connect()).cursor(), directory);
  }

  /** Reads on to the end of the page. */
  async readAll(): Promise<void> {
    const shown = this.#page.blocks.filter(({ language }) => language === "console");
    const started = new Set(shown.flatMap(readCommands).map(({ line }) => findProgram(line)?.name));
    for (const block of this.#page.blocks) {
      if (block.language === "console") await this.#play(block);
      if (block.language !== "ts") continue;
      const [, name] = /^\/\/ (\S+)/.exec(block.text)!;
      // It is run where its output is shown, or prints nothing.
      if (!started.has(name)) await this.#runCommand(silent(`deno run -A ${name}`));
    }
    for (const one of this.#left) await this.#finish(one);
    await this.#network?.stopBroker();
    for (const [program, lines, what] of this.#done) checkOutput(program.lines, lines, what);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { program } of this.#left) await program.interrupt().catch(() => {});
    await this.#network?.[Symbol.asyncDispose]();
    await this.#broker.close();
    await Deno.remove(this.#directory, { recursive: true });
  }

  /** Does what a terminal shows. Only its last command may go on beside what comes behind it. */
  async #play(block: Block): Promise<void> {
    const commands = readCommands(block);
    for (const [index, command] of commands.entries()) {
      try {
        const left = await this.#runCommand(command);
        if (left === undefined) continue;
        if (index === commands.length - 1) this.#left.push(left);
        else await this.#finish(left);
      } catch (cause) {
        const place = `${this.#page.path}:${block.line}: $ ${command.line}`;
        throw new Error(`${place}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
  }

  async #runCommand(command: ShownCommand): Promise<Left | undefined> {
    const { line, output } = command;
    if (Network.beginsWith(line)) this.#network ??= await Network.open(this.#programs);
    if (this.#network !== undefined && Network.includes(line)) {
      await this.#network.run(command);
      return undefined;
    }
    if (/^(\w+=\S+ )*deno run -A server\.ts\b/.test(line)) return await this.#runBroker(command);
    if (CommandLine.takes(line)) {
      await this.#commands.run(command);
      return undefined;
    }
    const found = findProgram(line);
    if (found !== undefined) return await this.#runProgram(command, found);
    if (line === `nc localhost ${USUAL_PORT}`) return await this.#talk(output);
    assert(/^(LC_ALL=\S+ )?(cat|wc) [\w. /-]+$/.test(line), "nobody has looked whether this works");
    const shell = new Deno.Command("sh", { args: ["-c", line], cwd: ROOT });
    const { stdout } = await shell.output();
    checkOutput(new TextDecoder().decode(stdout).trim().split("\n"), output, line);
    return undefined;
  }

  async #runProgram(
    command: ShownCommand,
    { name, args, isTest }: FoundProgram,
  ): Promise<Left | undefined> {
    assert(this.#programs.some((one) => one.name === name), `the page shows no ${name}`);
    const place = {
      port: this.#broker.port,
      directory: this.#directory,
      programs: this.#programs,
    };
    const before = await this.#countFollowers();
    const program = new RunningProgram(name, args, place, isTest);
    if (command.outputAfterStop !== undefined) {
      await this.#waitUntilSettled(program, before);
      return { program, command };
    }
    await program.end();
    const shown = isTest ? command.output.map(withoutDuration) : command.output;
    checkOutput(program.lines, shown, command.line);
    this.#done.push([program, shown, command.line]);
    return undefined;
  }

  /** Waits until a program that will not end follows a stream, or has printed and goes no further. */
  async #waitUntilSettled(program: RunningProgram, before: number): Promise<void> {
    let idle = 0;
    await until("it waits for messages, or has printed something", async () => {
      if (program.isEnded) await program.end();
      const isFollowing = await this.#countFollowers() > before;
      await program.hearFromBroker();
      if (program.lines.length > 0) idle++;
      return isFollowing || idle > 10;
    });
  }

  /** Waits until no message goes anywhere any more: what is printed too much is seen. */
  async #waitUntilQuiet(program: RunningProgram): Promise<void> {
    let last = "";
    let sameCount = 0;
    const end = performance.now() + PATIENCE_MS / 4;
    await until("messages are at rest", async () => {
      await program.hearFromBroker();
      const streams = await this.#cursor.getStreams();
      // Followers that are at work will take what is ready, unless the stream is paused, say.
      const isWaiting = streams.some(({ ready, followers }) => ready > 0 && followers > 0);
      if (isWaiting && performance.now() < end) return false;
      const state = streams.map(({ ready, pending, nextId }) => [ready, pending, nextId]).join();
      sameCount = state === last ? sameCount + 1 : 0;
      last = state;
      return sameCount > 10;
    });
  }

  async #countFollowers(): Promise<number> {
    const streams = await this.#cursor.getStreams();
    return streams.reduce((sum, { followers }) => sum + followers, 0);
  }

  /** Waits until a program has printed what it shall, and ends it. */
  async #finish({ program, command }: Left): Promise<void> {
    const { line, output, outputAfterStop = [] } = command;
    try {
      await until("all is printed", () => program.lines.length >= output.length || program.isEnded);
    } catch {
      checkOutput(program.lines, output, line);
    }
    await this.#waitUntilQuiet(program);
    await program.interrupt();
    const all = [...output, ...outputAfterStop];
    checkOutput(program.lines, all, line);
    this.#done.push([program, all, line]);
  }

  /** Runs the broker of the repository, or a command of it, as a process. */
  async #runBroker({ line, output, outputAfterStop }: ShownCommand): Promise<undefined> {
    const isBroker = outputAfterStop !== undefined;
    const free = isBroker
      ? ` --port 0 --http-port 0 --storage-directory ${this.#directory}/other`
      : "";
    const server = new URL("server.ts", ROOT).pathname;
    const command = line.replace("server.ts", `${server}${free}`)
      .replace("deno", `exec ${Deno.execPath()}`);
    await using process = new Deno.Command("sh", {
      args: ["-c", `${command} 2>&1`],
      cwd: this.#directory,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
    }).spawn();
    let text = "";
    let isStopped = false;
    for await (const piece of process.stdout.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (!isBroker || isStopped || !text.includes("is listening")) continue;
      // Once: a second signal would not let it finish, and may find no process any more.
      isStopped = true;
      process.kill("SIGINT");
    }
    await process.status;
    const lines = text.trimEnd().replaceAll(/http=localhost:\d+/g, "http=localhost:9190")
      .replaceAll(/(?<!http=)localhost:\d+/g, `localhost:${USUAL_PORT}`);
    const printed = lines.split("\n");
    // What it logs when it is stopped need not be shown.
    const shown = printed.slice(0, outputAfterStop?.length === 0 ? output.length : undefined);
    checkOutput(shown, [...output, ...outputAfterStop ?? []], line);
    return undefined;
  }

  /** A session in JSON lines: what the broker says has `SERVER` in it, or is an error. */
  async #talk(lines: readonly string[]): Promise<undefined> {
    const { port } = this.#network ?? this.#broker;
    await using client = await LineClient.connect(port);
    for (const line of lines) {
      const isAnswer = /"SERVER"|^\{"error"/.test(line);
      if (isAnswer) assertEquals(await client.nextText(), line);
      else await client.send(`${this.#network?.fillIn(line) ?? line}\n`);
    }
    await client.closeWrite();
    await client.expectEnd();
  }
}

/** A program that a command runs. */
interface FoundProgram {
  readonly name: string;
  readonly args: readonly string[];
  readonly isTest: boolean;
}

/** The program of a page that a command runs, if it does. */
function findProgram(line: string): FoundProgram | undefined {
  const [, verb, name, rest] =
    /^(?:SIMPLEMQ_\w+=\S+ )?deno (run|test) -A ([\w-]+\.ts)((?: \S+)*)$/.exec(line) ?? [];
  if (name === undefined || name === "server.ts") return undefined;
  return { name, args: rest!.split(" ").filter((arg) => arg !== ""), isTest: verb === "test" };
}

/** A command that prints nothing, and ends. */
function silent(line: string): ShownCommand {
  return { line, output: [], outputAfterStop: undefined };
}

/** How long a test takes is not to be shown: it is never the same. */
function withoutDuration(line: string): string {
  return line.replace(/\(\d+(ms|s)\)$/, "(0ms)");
}

/** Lets the event loop turn until something is true. */
async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!await isTrue()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => void setImmediate(resolve));
  }
}
