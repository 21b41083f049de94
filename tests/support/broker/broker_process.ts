/**
 * A broker as a process of its own, as people run it.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";

/** Nothing in a test that passes waits for so long, in milliseconds, also on a machine that does much else. */
const PATIENCE_MS = 60_000;

/** The program that the README starts. */
const SERVER = new URL("../../../server.ts", import.meta.url);

/** The command line: it does the same, and loads only what is needed. */
const COMMAND_LINE = new URL("../../../cli.ts", import.meta.url);

/** How to start it. */
export interface ProcessOptions {
  /** Variables of its environment, beside the usual ones. */
  readonly env?: Record<string, string>;
  /** The text of a `settings.yaml` in the directory that it is started in. */
  readonly settings?: string;
  /** What a shell does before it becomes the broker, such as `ulimit -n 100`. */
  readonly before?: string;
  /** What it may do, as flags of Deno; everything if nothing is said. */
  readonly permissions?: readonly string[];
  /** What runs: `server.ts`, or `cli.ts` for what ends by itself, if nothing is said. */
  readonly program?: URL;
  /** What a shell redirects, such as `2>/dev/full`. */
  readonly redirection?: string;
}

/** What is left of a process that has ended. */
export interface EndedProcess {
  readonly code: number;
  readonly stdout: string;
  /** Standard error, line by line. */
  readonly lines: readonly string[];
}

/** One broker process. */
export class BrokerProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #directory: string;
  readonly #stderr: ReadableStreamDefaultReader<Uint8Array>;
  readonly #lines: string[] = [];
  readonly #ended: Promise<EndedProcess>;
  #isOver = false;
  #wakes: (() => void)[] = [];

  private constructor(process: Deno.ChildProcess, directory: string) {
    this.#process = process;
    this.#directory = directory;
    this.#stderr = process.stderr.getReader();
    this.#ended = this.#follow();
  }

  /** Starts a broker with these flags, in a directory of its own. */
  static async start(
    args: readonly string[],
    options: ProcessOptions = {},
  ): Promise<BrokerProcess> {
    const directory = await Deno.makeTempDir();
    if (options.settings !== undefined) {
      await Deno.writeTextFile(`${directory}/settings.yaml`, options.settings);
    }
    const { before = ":", redirection = "", env = {}, permissions = ["-A"] } = options;
    const { href: program } = options.program ?? SERVER;
    const command = new Deno.Command("sh", {
      args: ["-c", `${before}; exec "$0" "$@" ${redirection}`, Deno.execPath()]
        .concat("run", "--no-prompt", permissions, "--no-lock", program, args),
      cwd: directory,
      // Brokers of tests that run at the same time would take the port from each other.
      env: { NO_COLOR: "1", SIMPLEMQ_HTTP: "false", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    return new BrokerProcess(command.spawn(), directory);
  }

  /** Starts a broker on a free port and waits until it listens. */
  static async listen(
    args: readonly string[],
    options?: ProcessOptions,
  ): Promise<BrokerProcess> {
    const broker = await BrokerProcess.start(["--port", "0", ...args], options);
    await broker.waitForLine("is listening");
    return broker;
  }

  /** Runs a broker that ends by itself. */
  static async run(args: readonly string[], options?: ProcessOptions): Promise<EndedProcess> {
    await using broker = await BrokerProcess.start(args, { program: COMMAND_LINE, ...options });
    return await broker.waitForEnd();
  }

  /** What it has logged so far. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The port that it has said it listens at. */
  get port(): number {
    const line = this.#lines.find((line) => line.includes("is listening"));
    const [, port] = /address=\S+:(\d+)/.exec(line ?? "") ?? [];
    return Number(port);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Resolves to the first line with this text in it. */
  async waitForLine(text: string): Promise<string> {
    for (;;) {
      const line = this.#lines.find((line) => line.includes(text));
      if (line !== undefined) return line;
      if (this.#isOver) throw new Error(`It ended without "${text}": ${this.#lines.join("\n")}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakes.push(resolve);
      await deadline(promise, PATIENCE_MS);
    }
  }

  /** Asks it to stop. */
  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Resolves when it has ended. */
  waitForEnd(): Promise<EndedProcess> {
    return deadline(this.#ended, PATIENCE_MS);
  }

  /** Reads its standard error no more, so that it cannot write there any more. */
  async closeStandardError(): Promise<void> {
    await this.#stderr.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) this.#process.kill("SIGKILL");
    await this.#ended;
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #follow(): Promise<EndedProcess> {
    const [stdout, { code }] = await Promise.all([
      new Response(this.#process.stdout).text(),
      this.#process.status,
      this.#collectLines(),
    ]);
    this.#isOver = true;
    this.#wake();
    return { code, stdout, lines: this.#lines };
  }

  async #collectLines(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { value, done } = await this.#stderr.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      // The first program in a new cache tells what it downloads.
      this.#lines.push(...lines.filter((line) => !line.startsWith("Download ")));
      this.#wake();
    }
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }
}
