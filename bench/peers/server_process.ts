/**
 * A server of somebody else: a program that is started on a port of this machine, and ended again by
 * its process id.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { PeerServer } from "./peer.ts";

/** The only address that is used: nobody else can connect. */
export const HOSTNAME = "127.0.0.1";

/** A server must take connections within this time, in milliseconds. */
const START_MS = 60_000;

/** A server must end within this time after it was told to, in milliseconds. */
const END_MS = 15_000;

/** So long between two looks whether it takes connections, in milliseconds. */
const LOOK_MS = 20;

/** What to start. */
export interface ServerPlan {
  /** The program. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** What is added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The port that it will listen at. */
  readonly port: number;
  /** Where it runs, and where its output goes. */
  readonly directory: string;
  /** Resolves when it can be used, where taking connections is not enough. */
  readonly waitUntilReady?: () => Promise<void>;
}

/** Those that are running. */
const running = new Set<ServerProcess>();

/** Ends all that are running, at once: the bench itself is about to end. */
export function killServers(): void {
  for (const server of running) server.kill("SIGKILL");
}

/** A port that nobody listens at now. */
export function findFreePort(): number {
  using listener = Deno.listen({ hostname: HOSTNAME, port: 0 });
  return listener.addr.port;
}

/** A running server. */
export class ServerProcess implements PeerServer {
  /** Its process id. */
  readonly pid: number;
  /** The port that it listens at. */
  readonly port: number;
  readonly #process: Deno.ChildProcess;
  readonly #ended: Promise<Deno.CommandStatus>;

  private constructor(process: Deno.ChildProcess, port: number) {
    this.#process = process;
    this.pid = process.pid;
    this.port = port;
    running.add(this);
    this.#ended = process.status.finally(() => running.delete(this));
  }

  /**
   * Starts a server; resolves when it takes connections.
   *
   * @throws {Error} If it ends before, or takes too long; its output is part of the message.
   */
  static async start(plan: ServerPlan): Promise<ServerProcess> {
    const process = new Deno.Command(plan.program, {
      args: [...plan.args],
      env: { ...plan.env },
      cwd: plan.directory,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const server = new ServerProcess(process, plan.port);
    const output = collectOutput(process);
    try {
      await server.#waitForPort();
      await plan.waitUntilReady?.();
      return server;
    } catch (cause) {
      await server[Symbol.asyncDispose]();
      throw new Error(`${plan.program} did not start: ${output()}`, { cause });
    }
  }

  /** Sends it a signal, if it is there. */
  kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended by itself.
    }
  }

  /** Tells it to stop, waits until it has, and ends it by force if that takes too long. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), END_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  async #waitForPort(): Promise<void> {
    const end = performance.now() + START_MS;
    while (!await canConnect(this.port)) {
      if (!running.has(this)) throw new Error("It has ended");
      if (performance.now() > end) throw new Error("It takes no connections");
      await delay(LOOK_MS);
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

/** Reads what a process says, to the end; gives the last of it. */
function collectOutput(process: Deno.ChildProcess): () => string {
  let text = "";
  for (const stream of [process.stdout, process.stderr]) {
    const write = (chunk: string) => {
      text = (text + chunk).slice(-2_000);
    };
    stream.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write }))
      .catch(() => {});
  }
  return () => text.trim();
}
