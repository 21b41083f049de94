/**
 * A broker process that is started again and again, at the same port and on the same directory.
 *
 * @module
 */

import { BrokerProcess, type EndedProcess } from "../support/broker/broker_process.ts";
import type { Random } from "../support/random.ts";

/** Ports from here on, so many, are not given to clients by the system. */
const PORT_MIN = 20_000;
const PORT_COUNT = 12_000;

/** How to start it. */
export interface RestartingBrokerOptions {
  /** Where its journal is. */
  readonly directory: string;
  /** Flags beside the port and the directory. */
  readonly flags?: readonly string[];
  /** Chooses a port. */
  readonly random: Random;
}

/** Those that are in use. */
const brokers = new Set<RestartingBroker>();

/** Kills all processes, for good. */
export async function killBrokers(): Promise<void> {
  for (const broker of brokers) await broker[Symbol.asyncDispose]();
}

/** A broker of which there is one process at a time. */
export class RestartingBroker implements AsyncDisposable {
  readonly #options: RestartingBrokerOptions;
  readonly #port: number;
  #process: BrokerProcess | undefined;
  #isOver = false;

  private constructor(options: RestartingBrokerOptions) {
    this.#options = options;
    this.#port = findPort(options.random);
    brokers.add(this);
  }

  /** Starts the first one. */
  static async start(options: RestartingBrokerOptions): Promise<RestartingBroker> {
    const broker = new RestartingBroker(options);
    try {
      await broker.restart();
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where it listens, or will. */
  get port(): number {
    return this.#port;
  }

  /** What it has logged since it was started. */
  get lines(): readonly string[] {
    return this.#process?.lines ?? [];
  }

  /** Starts the next one, and waits until it listens. */
  async restart(): Promise<void> {
    await this.#begin();
    await this.#process!.waitForLine("is listening");
  }

  /** Kills it; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#process!.kill("SIGKILL");
    await this.waitForEnd();
  }

  /** Stops it in an orderly way. */
  async stop(): Promise<EndedProcess> {
    this.#process!.kill("SIGTERM");
    return await this.waitForEnd();
  }

  /** Resolves when it has ended. */
  async waitForEnd(): Promise<EndedProcess> {
    return await this.#process!.waitForEnd();
  }

  /**
   * Starts the next one; resolves while it reads its journal, when it has touched files so often, or
   * when it listens if that comes first.
   */
  async startUntil(touchCount: number): Promise<void> {
    using watcher = Deno.watchFs(this.#options.directory);
    await this.#begin();
    const touched = waitForTouches(watcher, touchCount);
    await Promise.race([touched, this.#process!.waitForLine("is listening")]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    brokers.delete(this);
    await this.#process?.[Symbol.asyncDispose]();
  }

  async #begin(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    const { directory, flags = [] } = this.#options;
    const args = ["--port", String(this.#port), "--storage-directory", directory];
    // On a busy machine clients need long for what a broker that is stopped waits for; that one of them
    // stays is found, since it is waited for longer than for the process.
    args.push("--shutdown-timeout-ms", "600000", "--handshake-timeout-ms", "20000", ...flags);
    this.#process = await BrokerProcess.start(args);
    if (!this.#isOver) return;
    await this.#process[Symbol.asyncDispose]();
    throw new Error("There is no broker any more");
  }
}

async function waitForTouches(watcher: Deno.FsWatcher, count: number): Promise<void> {
  let left = count;
  for await (const { kind } of watcher) if (kind !== "access" && --left <= 0) return;
}

/** Finds a port that nobody listens at. */
function findPort(random: Random): number {
  for (;;) {
    const port = PORT_MIN + random.below(PORT_COUNT);
    try {
      using _ = Deno.listen({ hostname: "localhost", port });
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
