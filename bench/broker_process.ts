/**
 * A broker as users run it, `deno run -A server.ts`, on a free port of this machine.
 *
 * @module
 */

import { Child } from "./child.ts";
import { readResidentBytes } from "./resident_memory.ts";

/** The only address that is used: nobody else can connect. */
export const HOSTNAME = "127.0.0.1";

/** Where the program is. */
const PROGRAM = new URL("../server.ts", import.meta.url);

/** What it says when it is ready. */
const READY = /is listening address=\S*:(\d+)/;

/** A broker in a process of its own. */
export class BrokerProcess implements AsyncDisposable {
  /** The port that it listens at. */
  readonly port: number;
  readonly #child: Child;
  #isStopping = false;

  private constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
  }

  /**
   * Starts a broker; resolves when it says that it is listening. All settings but the address are
   * what they would be if somebody started it here: from the file and the environment.
   */
  static async start(): Promise<BrokerProcess> {
    const args = ["--host", HOSTNAME, "--port", "0", "--log-level", "info"];
    const child = new Child({ program: PROGRAM, args, output: "stderr" });
    try {
      const [, port] = await child.findLine(READY);
      return new BrokerProcess(child, Number(port));
    } catch (cause) {
      child.kill("SIGKILL");
      await child.ended;
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
    return readResidentBytes(this.#child.pid);
  }

  /** Stops it as an operator would. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#child.stop();
  }
}
