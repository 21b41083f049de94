/**
 * A process that the bench has started, and ends again whatever happens.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";

/** A line that is waited for must come within this time, in milliseconds. */
const LINE_MS = 60_000;

/** A process must end within this time after it was told to, in milliseconds. */
const END_MS = 15_000;

/** What to start. */
export interface ChildPlan {
  /** The program, a module of this repository. */
  readonly program: URL;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Which of its outputs is read here; the other one goes where the bench's own goes. */
  readonly output: "stdout" | "stderr";
  /** Flags for Deno itself. */
  readonly flags?: readonly string[];
  /** Gets what comes at the other output, which otherwise goes where the bench's own goes. */
  readonly onOther?: (text: string) => void;
  /** A line that is waited for must come within this time, in milliseconds, if not the usual one. */
  readonly lineMs?: number;
}

/** Those that are running. */
const running = new Set<Child>();

/** Ends all that are running, at once: the bench itself is about to end. */
export function killChildren(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A process with a program of this repository. */
export class Child {
  /** Its process id. */
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #process: Deno.ChildProcess;
  readonly #chunks: AsyncIterator<string>;
  readonly #lineMs: number;
  #reading: Promise<void> | undefined;

  /** Starts it. */
  constructor({ program, args, output, flags = [], onOther, lineMs }: ChildPlan) {
    const other = onOther === undefined ? "inherit" : "piped";
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...flags, program.href, ...args],
      stdin: "piped",
      stdout: output === "stdout" ? "piped" : other,
      stderr: output === "stderr" ? "piped" : other,
    }).spawn();
    if (onOther !== undefined) {
      const { stdout, stderr } = this.#process;
      void readAll(output === "stdout" ? stderr : stdout, onOther);
    }
    this.pid = this.#process.pid;
    this.#lineMs = lineMs ?? LINE_MS;
    this.#chunks = this.#process[output].pipeThrough(new TextDecoderStream())[
      Symbol.asyncIterator
    ]();
    running.add(this);
    this.ended = this.#process.status.finally(() => running.delete(this));
  }

  /**
   * Reads its output up to a line; what comes after it is dropped.
   *
   * @param pattern What to look for.
   * @throws {Error} If the output ends before, or it takes too long.
   */
  async findLine(pattern: RegExp): Promise<RegExpExecArray> {
    const match = await this.#limit(this.#find(pattern));
    this.#reading = this.#readToEnd();
    return match;
  }

  async #limit<T>(promise: Promise<T>): Promise<T> {
    return this.#lineMs === Infinity ? await promise : await deadline(promise, this.#lineMs);
  }

  /** Ends its standard input, and waits until it has ended because of that. */
  async finish(): Promise<void> {
    await this.#process.stdin.close();
    await this.#wait();
  }

  /** Tells it to stop, and waits until it has. */
  async stop(): Promise<void> {
    this.kill("SIGTERM");
    await this.#wait();
  }

  /** Sends it a signal, if it is there. */
  kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended by itself.
    }
  }

  /** Waits until it has ended, and ends it by force if that takes too long. */
  async #wait(): Promise<void> {
    const timer = setTimeout(() => this.kill("SIGKILL"), END_MS);
    await this.ended;
    clearTimeout(timer);
    await this.#reading;
  }

  async #find(pattern: RegExp): Promise<RegExpExecArray> {
    let text = "";
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done) throw new Error(`A process ended, and had said: ${text.trim() || "nothing"}`);
      text += value;
      const match = pattern.exec(text.slice(0, text.lastIndexOf("\n") + 1));
      if (match !== null) return match;
    }
  }

  async #readToEnd(): Promise<void> {
    while (!(await this.#chunks.next()).done);
  }
}

async function readAll(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (text: string) => void,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
