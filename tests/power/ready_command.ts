/**
 * A command of `xfs_io` that is ready to be carried out at once: starting a program takes so long that
 * a broker flushes several times meanwhile.
 *
 * @module
 */

/** Those that have not ended yet. */
const commands = new Set<ReadyCommand>();

/** Ends all that wait for their command: while they do, their file system cannot be unmounted. */
export async function endCommands(): Promise<void> {
  for (const command of commands) await command[Symbol.asyncDispose]();
}

/** A process of `xfs_io` that waits for its command. */
export class ReadyCommand implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #words: Promise<[output: string, errors: string]>;
  #isOver = false;

  /**
   * Starts the process.
   *
   * @param args Arguments of `xfs_io`: which file it is about, and how it is opened.
   */
  constructor(...args: readonly string[]) {
    const command = new Deno.Command("xfs_io", {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    this.#process = command.spawn();
    commands.add(this);
    this.#input = this.#process.stdin.getWriter();
    this.#words = Promise.all([
      new Response(this.#process.stdout).text(),
      new Response(this.#process.stderr).text(),
    ]);
  }

  /** Carries a command out; resolves when it is done, and rejects if it fails. */
  async run(command: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${command}\nquit\n`));
    const [, errors] = await this.#words;
    await this[Symbol.asyncDispose]();
    if (errors !== "") throw new Error(`xfs_io ${command}: ${errors.trim()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    commands.delete(this);
    // It ends with its input, if it has not ended yet.
    await this.#input.close().catch(() => {});
    await Promise.all([this.#words, this.#process.status]);
  }
}
