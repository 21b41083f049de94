import { deadline } from "@std/async/deadline";

/** A line that is waited for must come within this time, in milliseconds. */
const LINE_MS = 60_000;

/** A process must end within this time after it was told to, in milliseconds. */
const END_MS = 15_000;

/** What to start. */
export interface ChildPlan {
  /** A module of this repository, which Deno runs, or another program. */
  readonly program: URL | string;
  readonly args: readonly string[];
  /** Flags for Deno, if it runs the program. */
  readonly flags?: readonly string[];
  /** Where it runs, if not here. */
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The output whose lines are read; the other one goes where the bench's own goes. */
  readonly output: "stdout" | "stderr";
  /** Gets what comes at the other output instead. */
  readonly onOther?: (text: string) => void;
}

/** Those that are running. */
const running = new Set<Child>();

/** Ends all that are running, at once: the bench itself is about to end. */
export function killChildren(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A process that the bench has started, and ends again whatever happens. */
export class Child {
  readonly pid: number;
  readonly ended: Promise<Deno.CommandStatus>;
  /** The lines of its output. */
  readonly lines: AsyncIterableIterator<string>;
  readonly #process: Deno.ChildProcess;
  #reading: Promise<void> | undefined;

  /** Starts it. */
  constructor({ program, args, flags = [], cwd, env = {}, output, onOther }: ChildPlan) {
    const other = onOther === undefined ? "inherit" : "piped";
    const isModule = program instanceof URL;
    const process = new Deno.Command(isModule ? Deno.execPath() : program, {
      args: isModule ? ["run", "-A", ...flags, program.href, ...args] : [...args],
      env: { ...env },
      ...(cwd !== undefined && { cwd }),
      stdin: "piped",
      stdout: output === "stdout" ? "piped" : other,
      stderr: output === "stderr" ? "piped" : other,
    }).spawn();
    this.#process = process;
    if (onOther !== undefined) {
      void readAll(output === "stdout" ? process.stderr : process.stdout, onOther);
    }
    this.pid = process.pid;
    this.lines = readLines(process[output]);
    running.add(this);
    this.ended = process.status.finally(() => running.delete(this));
  }

  /** Whether it has not ended. */
  get isRunning(): boolean {
    return running.has(this);
  }

  /**
   * Reads its output up to a line; what comes after it is dropped.
   *
   * @throws {Error} If the output ends before, or it takes too long.
   */
  async findLine(pattern: RegExp): Promise<RegExpExecArray> {
    const match = await deadline(this.#find(pattern), LINE_MS);
    this.#reading = this.drain(() => {});
    return match;
  }

  /** Writes a line to its standard input. */
  async tell(line: string): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${line}\n`));
    writer.releaseLock();
  }

  /** Reads its output to the end. */
  async drain(take: (line: string) => void): Promise<void> {
    for await (const line of this.lines) take(line);
  }

  /** Ends its standard input, and waits until it has ended because of that. */
  async finish(): Promise<void> {
    await this.#process.stdin.close();
    await this.#waitForEnd();
  }

  /** Tells it to stop, and waits until it has. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    this.kill(signal);
    await this.#waitForEnd();
    if (!this.#process.stdin.locked) await this.#process.stdin.close().catch(() => {});
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
  async #waitForEnd(): Promise<void> {
    const timer = setTimeout(() => this.kill("SIGKILL"), END_MS);
    await this.ended;
    clearTimeout(timer);
    await this.#reading;
  }

  async #find(pattern: RegExp): Promise<RegExpExecArray> {
    const seen: string[] = [];
    for (;;) {
      const { done, value } = await this.lines.next();
      if (done) throw new Error(`A process ended, and had said: ${seen.join("\n") || "nothing"}`);
      const match = pattern.exec(value);
      if (match !== null) return match;
      seen.push(value);
    }
  }
}

/** Reads text line by line. */
export async function* readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, undefined> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (text + chunk).split("\n");
    text = lines.pop()!;
    yield* lines;
  }
  if (text !== "") yield text;
}

async function readAll(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (text: string) => void,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
