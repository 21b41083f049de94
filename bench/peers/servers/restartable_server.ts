import type { Restart } from "../../work/work.ts";
import type { PeerServer } from "../peer.ts";

/** A server that can be stopped and started again, with the same directory. */
export class RestartableServer implements PeerServer {
  readonly #start: () => Promise<PeerServer>;
  #server: PeerServer;

  private constructor(start: () => Promise<PeerServer>, server: PeerServer) {
    this.#start = start;
    this.#server = server;
  }

  /** @param start Starts a server; each time with the same directory. */
  static async start(start: () => Promise<PeerServer>): Promise<RestartableServer> {
    return new RestartableServer(start, await start());
  }

  get port(): number {
    return this.#server.port;
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Stops it as an operator would, and starts it again; resolves when it takes connections. */
  async restart(): Promise<Restart> {
    await this.#server[Symbol.asyncDispose]();
    const startedAt = Date.now();
    this.#server = await this.#start();
    return { port: this.port, pid: this.pid, startedAt };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
