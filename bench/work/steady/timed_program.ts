import { Child } from "../../harness/process/child.ts";
import { readSharedClock } from "../../harness/process/monotonic.ts";
import { Tail } from "../../harness/process/tail.ts";

/** The first message is due so long after all are ready, in milliseconds: all must know when. */
const LEAD_MS = 200;

/**
 * A program that says `ready`, reads a line with the time on the shared clock at which the first message is
 * due, and prints what it has found as a line of JSON.
 */
export class TimedProgram implements AsyncDisposable {
  readonly #name: string;
  readonly #said = new Tail();
  readonly #child: Child;

  private constructor(program: URL, plan: unknown, config: string | undefined) {
    this.#name = program.pathname.split("/").at(-1)!;
    this.#child = new Child({
      program,
      args: [JSON.stringify(plan)],
      flags: ["--quiet", ...(config === undefined ? [] : ["--config", config])],
      output: "stdout",
      onOther: (text) => this.#said.add(text),
    });
  }

  /**
   * Starts it, and waits until it is ready.
   *
   * @param plan What it is told, as JSON.
   * @param config The configuration of Deno, if not that of the repository.
   */
  static async start(program: URL, plan: unknown, config?: string): Promise<TimedProgram> {
    const started = new TimedProgram(program, plan, config);
    try {
      await started.#read();
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Lets all begin at the same time; gives what each has found. */
  static async run(...programs: readonly TimedProgram[]): Promise<unknown[]> {
    const begin = String(readSharedClock() + LEAD_MS);
    return await Promise.all(programs.map(async (program) => {
      await program.#child.tell(begin);
      return JSON.parse(await program.#read());
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop("SIGKILL");
  }

  async #read(): Promise<string> {
    const { done, value } = await this.#child.lines.next();
    if (!done) return value;
    throw new Error(`${this.#name} has failed: ${this.#said}`);
  }
}
