/**
 * A broker as users run it, `deno run -A server.ts`, on a free port of this machine.
 *
 * @module
 */

import { Child, type ChildPlan } from "./process/child.ts";
import { readResidentBytes } from "./process/resident_memory.ts";

/** The only address that is used: nobody else can connect. */
export const HOSTNAME = "127.0.0.1";

/** Where the program is. */
const PROGRAM = new URL("../../server.ts", import.meta.url);

/** What it says when it is ready. */
const READY = /is listening address=\S*:(\d+)/;

/** What holds a broker's streams. */
export type EngineName = "journal" | "memory";

/** Flags that make Deno tell how it goes, and who gets what it tells. */
export type Watching = Pick<ChildPlan, "flags" | "onOther">;

/** A broker in a process of its own. */
export class BrokerProcess implements AsyncDisposable {
  /** The port that it listens at. */
  readonly port: number;
  /** Where its journal is. */
  readonly directory: string;
  /** Its process id. */
  readonly pid: number;
  readonly #child: Child;
  #isStopping = false;

  private constructor(child: Child, port: number, directory: string) {
    this.#child = child;
    this.pid = child.pid;
    this.port = port;
    this.directory = directory;
  }

  /**
   * Starts a broker; resolves when it says that it is listening. All settings but its address, its
   * engine and its directory are what they would be if somebody started it here: from the file and
   * the environment. The directory is a new one below the one that the bench is started in, so that
   * its disk can be chosen; it goes with the broker.
   *
   * @param engine What holds its streams.
   * @param parent Where to make its directory, if not here.
   * @param watching How to watch it work.
   */
  static async start(
    engine: EngineName,
    parent: string = ".",
    watching: Watching = {},
  ): Promise<BrokerProcess> {
    const directory = await Deno.makeTempDir({ dir: parent, prefix: "simplemq-bench-" });
    const args = ["--host", HOSTNAME, "--port", "0", "--log-level", "info"]
      .concat("--storage-engine", engine, "--storage-directory", directory);
    const child = new Child({ program: PROGRAM, args, output: "stderr", ...watching });
    try {
      const [, port] = await child.findLine(READY);
      return new BrokerProcess(child, Number(port), directory);
    } catch (cause) {
      child.kill("SIGKILL");
      await child.ended;
      await Deno.remove(directory, { recursive: true });
      throw new Error("The broker did not start", { cause });
    }
  }

  /** Never resolves; rejects if the process ends without being told to. */
  async watch(): Promise<never> {
    const { code, signal } = await this.#child.ended;
    if (this.#isStopping) return await new Promise<never>(() => {});
    throw new Error(`The broker ended, with ${signal ?? `exit code ${code}`}`);
  }

  /** How many bytes of memory it occupies, where the system tells. */
  readResidentBytes(): number | undefined {
    return readResidentBytes(this.pid);
  }

  /** Stops it as an operator would. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#child.stop();
    await Deno.remove(this.directory, { recursive: true });
  }
}
