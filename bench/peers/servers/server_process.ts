import { delay } from "@std/async/delay";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { Child } from "../../harness/process/child.ts";
import { Tail } from "../../harness/process/tail.ts";
import type { PeerServer } from "../peer.ts";

/** A server must take connections within this time, in milliseconds. */
const START_MS = 60_000;

/** So long between two attempts to connect, in milliseconds. */
const ATTEMPT_MS = 20;

/** A server to start. */
export interface ServerPlan {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The port that it will listen at. */
  readonly port: number;
  /** Where it runs. */
  readonly directory: string;
  /** What tells it to stop; `SIGTERM` if not set. */
  readonly stopSignal?: Deno.Signal;
}

/** A port that nobody listens at now. */
export function findFreePort(): number {
  using listener = Deno.listen({ hostname: HOSTNAME, port: 0 });
  return listener.addr.port;
}

/** A server of another product: a program that listens at a port of this machine. */
export class ServerProcess implements PeerServer {
  readonly pid: number;
  readonly port: number;
  readonly #child: Child;
  readonly #stopSignal: Deno.Signal;

  private constructor(child: Child, port: number, stopSignal: Deno.Signal) {
    this.#child = child;
    this.#stopSignal = stopSignal;
    this.pid = child.pid;
    this.port = port;
  }

  /**
   * Starts a server; resolves when it takes connections.
   *
   * @throws {Error} If it ends before, or takes too long; its output is part of the message.
   */
  static async start(
    { directory, port, stopSignal = "SIGTERM", ...program }: ServerPlan,
  ): Promise<ServerProcess> {
    const said = new Tail();
    const child = new Child({
      ...program,
      cwd: directory,
      output: "stdout",
      onOther: (text) => said.add(text),
    });
    void child.drain((line) => said.add(`${line}\n`));
    const server = new ServerProcess(child, port, stopSignal);
    try {
      await server.#waitForPort();
      return server;
    } catch (cause) {
      await server[Symbol.asyncDispose]();
      throw new Error(`${program.program} did not start: ${said}`, { cause });
    }
  }

  /** Tells it to stop, waits until it has, and ends it by force if that takes too long. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop(this.#stopSignal);
  }

  async #waitForPort(): Promise<void> {
    const end = performance.now() + START_MS;
    while (!await canConnect(this.port)) {
      if (!this.#child.isRunning) throw new Error("It has ended");
      if (performance.now() > end) throw new Error("It takes no connections");
      await delay(ATTEMPT_MS);
    }
  }
}

async function canConnect(port: number): Promise<boolean> {
  try {
    using _connection = await Deno.connect({ hostname: HOSTNAME, port });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}
