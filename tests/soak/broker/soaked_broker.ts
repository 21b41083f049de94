/**
 * A broker process under a soak: asked what it holds, put forward in time, killed and started again.
 *
 * @module
 */

import { patiently } from "../../support/patience.ts";
import type { PartialSettings } from "../../../server.ts";
import type { Figures } from "../watch/figures.ts";
import { takeProcessFigures } from "../watch/process_figures.ts";
import type { Plant } from "./planted.ts";
import type { SoakBrokerPlan, SoakBrokerPorts } from "./soak_broker.ts";

const PROGRAM = new URL("./soak_broker.ts", import.meta.url);

/** Nothing that a broker is asked takes so long, in milliseconds, also on a machine that does much else. */
const PATIENCE_MS = 300_000;

/** So many complaints of a broker are kept. */
const COMPLAINTS_MAX = 20;

/** How to start it. */
export interface SoakedBrokerOptions {
  readonly settings: PartialSettings;
  readonly plant?: Plant | undefined;
}

/** A broker of which there is one process at a time. */
export class SoakedBroker implements AsyncDisposable {
  readonly #options: SoakedBrokerOptions;
  readonly #complaints: string[] = [];
  #process: Deno.ChildProcess | undefined;
  #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #answers: AsyncIterator<string> | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #ports: SoakBrokerPorts | undefined;
  #aheadMs = 0;
  /** One command at a time. */
  #asking: Promise<unknown> = Promise.resolve();

  private constructor(options: SoakedBrokerOptions) {
    this.#options = options;
  }

  /** Starts the first process. */
  static async start(options: SoakedBrokerOptions): Promise<SoakedBroker> {
    const broker = new SoakedBroker(options);
    try {
      await broker.#begin();
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where it listens: the same after each start. */
  get port(): number {
    return this.#ports!.port;
  }

  /** Where it serves HTTP, if it does. */
  get httpPort(): number | undefined {
    return this.#ports!.httpPort;
  }

  /** The first lines of its log that tell of a fault. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  /** How many clients are connected, except for HTTP. */
  countConnections(): Promise<number> {
    return this.#ask("count");
  }

  /** Puts its clock forward. */
  async leap(ms: number): Promise<void> {
    await this.#ask(`leap ${ms}`);
    this.#aheadMs += ms;
  }

  /** Tells what it holds. */
  async takeFigures(): Promise<Figures> {
    const inside: Figures = await this.#ask("figures");
    const { storage } = this.#options.settings;
    const directory = storage?.engine === "journal" ? storage.directory : undefined;
    return { ...inside, ...takeProcessFigures(this.#process!.pid, directory) };
  }

  /** Its process is gone from one moment to the next. */
  async kill(): Promise<void> {
    this.#process!.kill("SIGKILL");
    await this.#end();
  }

  /** Starts the next process, at the same ports. */
  async restart(): Promise<void> {
    await this.#begin();
  }

  /** Stops it in an orderly way. */
  async close(): Promise<void> {
    await this.#input!.close();
    await this.#end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined) await this.kill();
  }

  async #begin(): Promise<void> {
    const { settings, plant } = this.#options;
    const { port = 0, httpPort } = this.#ports ?? {};
    const plan: SoakBrokerPlan = {
      settings: {
        ...settings,
        port,
        ...typeof settings.http === "object" && { http: { ...settings.http, port: httpPort ?? 0 } },
      },
      aheadMs: this.#aheadMs,
      plant,
    };
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-prompt", "--no-lock", PROGRAM.href]
        .concat(JSON.stringify(plan)),
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdin, stdout, stderr } = this.#process;
    this.#input = stdin.getWriter();
    this.#answers = readLines(stdout)[Symbol.asyncIterator]();
    this.#reading = this.#listen(stderr);
    this.#ports = await this.#next();
  }

  async #end(): Promise<void> {
    await patiently(this.#process!.status, PATIENCE_MS);
    this.#process = undefined;
    // What is open of it here, too.
    await this.#input!.abort().catch(() => {});
    await this.#answers!.return?.();
    await this.#reading;
  }

  #ask<Answer>(command: string): Promise<Answer> {
    const asked = this.#asking.then(async () => {
      await this.#input!.write(new TextEncoder().encode(`${command}\n`));
      return await this.#next<Answer>();
    });
    this.#asking = asked.catch(() => {});
    return asked;
  }

  async #next<Answer>(): Promise<Answer> {
    const { value, done } = await patiently(this.#answers!.next(), PATIENCE_MS);
    if (!done) return JSON.parse(value);
    throw new Error(`A broker has ended: ${this.#complaints.join("\n")}`);
  }

  /** Keeps what tells of a fault; warnings are what it is attacked for. */
  async #listen(stderr: ReadableStream<Uint8Array>): Promise<void> {
    let isFault = false;
    for await (const line of readLines(stderr)) {
      // A line of the log begins with a time and a level; the stack of an error goes on in lines without.
      const [, level] = /^\d{4}-\S+ (\w+) /.exec(line) ?? [];
      if (level !== undefined) isFault = level === "error";
      if ((isFault || level === undefined) && this.#complaints.length < COMPLAINTS_MAX) {
        if (!line.startsWith("Download ")) this.#complaints.push(line);
      }
    }
  }
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncIterable<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
