/**
 * A broker of a cluster as a process, whose place a test sets.
 *
 * @module
 */

import type { ClusterStatus } from "../../protocol.ts";

const PROGRAM = new URL("../support/cluster/seated_program.ts", import.meta.url).href;

/** The process, and the address of its page. */
export class SeatedProcess implements AsyncDisposable {
  readonly address: string;
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  private constructor(process: Deno.ChildProcess, lines: AsyncIterator<string>, port: string) {
    this.address = `http://localhost:${port}/`;
    this.#process = process;
    this.#lines = lines;
    this.#input = process.stdin.getWriter();
  }

  static async start(status: ClusterStatus): Promise<SeatedProcess> {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-prompt", "--no-lock", PROGRAM, JSON.stringify(status)],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = readLines(process.stdout);
    const { value } = await lines.next();
    return new SeatedProcess(process, lines, value);
  }

  /** Changes what it knows of its cluster. */
  async set(change: Partial<ClusterStatus>): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(change)}\n`));
  }

  /** The next line that it prints. */
  async readLine(): Promise<string> {
    return (await this.#lines.next()).value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#process.status;
    await this.#process.stdout.cancel().catch(() => {});
  }
}

async function* readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
