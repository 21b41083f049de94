/**
 * A program of a page as a process of its own, with a broker at any port.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { Page, ROOT } from "./page.ts";
import { PATIENCE_MS } from "./program.ts";

/** Writes the programs of a page to a directory, for brokers at the port in `SIMPLEMQ_PORT`. */
export async function writePrograms(path: string, directory: string): Promise<void> {
  await Deno.writeTextFile(
    `${directory}/-client.ts`,
    `export * from "${new URL("mod.ts", ROOT)}";
import { connect as open, type Connection, type ConnectOptions } from "${new URL(
      "client.ts",
      ROOT,
    )}";
const port = Number(Deno.env.get("SIMPLEMQ_PORT"));
export const connect = (options?: ConnectOptions): Promise<Connection> => open({ port, ...options });
`,
  );
  for (const { name, text } of Page.read(path)!.programs) {
    const source = text.replaceAll('from "@simplemq/simplemq"', 'from "./-client.ts"');
    await Deno.writeTextFile(`${directory}/${name}`, source);
  }
}

/** A program that is running. */
export class ProgramProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #ended: Promise<Deno.CommandStatus>;
  #text = "";
  #isEnded = false;
  #changed = Promise.withResolvers<void>();

  /** Starts a program in a file, with a broker at `port`. */
  constructor(file: string, port: number, ...args: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", new URL("deno.json", ROOT).pathname, file]
        .concat(args),
      env: { SIMPLEMQ_PORT: String(port), NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#ended = this.#run();
  }

  /** All that it has printed. */
  get text(): string {
    return this.#text;
  }

  /** Waits until it has printed a text. */
  async waitFor(text: string): Promise<void> {
    while (!this.#text.includes(text)) {
      if (this.#isEnded) throw new Error(`It ended without "${text}": ${this.#text}`);
      await deadline(this.#changed.promise, PATIENCE_MS);
    }
  }

  /** Waits until it ends by itself, without an error; returns what it has printed. */
  async end(): Promise<string> {
    const { success } = await deadline(this.#ended, PATIENCE_MS);
    if (!success) throw new Error(`It ended with an error: ${this.#text}`);
    return this.#text;
  }

  /** Sends it a signal. */
  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Kills it, without giving it the time to say anything to anybody. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isEnded) this.#process.kill("SIGKILL");
    await this.#ended;
  }

  async #run(): Promise<Deno.CommandStatus> {
    const { stdout, stderr, status } = this.#process;
    await Promise.all([this.#read(stdout), this.#read(stderr)]);
    const result = await status;
    this.#isEnded = true;
    this.#changed.resolve();
    return result;
  }

  async #read(output: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of output) {
      this.#text += decoder.decode(bytes, { stream: true });
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}
