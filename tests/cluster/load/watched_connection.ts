import { connect, type Connection } from "../../../client.ts";
import type { ClusterHistory, Reign } from "../checking/history.ts";

/** Which reign it is that a client is in when it has a session at an address. */
export type FindReign = (address: string | undefined) => Reign;

/** How to connect. */
export interface WatchedConnectionOptions {
  readonly name: string;
  /** Where brokers are. */
  readonly servers: readonly string[];
  readonly history: ClusterHistory;
  readonly findReign: FindReign;
}

/** Each session of all connections has a number. */
let lastSession = 0;

/** A connection that writes down with which broker it has a session. */
export class WatchedConnection implements AsyncDisposable {
  readonly connection: Connection;
  readonly #options: WatchedConnectionOptions;
  readonly #running: Promise<void>;
  #session = 0;

  private constructor(connection: Connection, options: WatchedConnectionOptions) {
    this.connection = connection;
    this.#options = options;
    this.#running = this.#follow();
  }

  /** Connects. */
  static async open(options: WatchedConnectionOptions): Promise<WatchedConnection> {
    const { servers, name } = options;
    const connection = await connect({ servers, name, waitForBroker: true });
    return new WatchedConnection(connection, options);
  }

  /**
   * The number of the present session, or of the last one. Nothing is delivered over a session before it has
   * been told of: that takes a way to the broker and back.
   */
  get session(): number {
    return this.#session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close({ drainMs: 2000 }).catch(() => {});
    await this.#running;
  }

  async #follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === "connected") this.#open(status.broker.address);
      if (status.type === "lost" || status.type === "closed") this.#lose();
    }
  }

  #open(address: string | undefined): void {
    const { history, findReign } = this.#options;
    this.#lose();
    this.#session = ++lastSession;
    history.record({ type: "opened", session: this.#session, reign: findReign(address) });
  }

  #lose(): void {
    if (this.#session === 0) return;
    this.#options.history.record({ type: "lost", session: this.#session });
  }
}
