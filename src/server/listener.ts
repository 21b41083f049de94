/**
 * Accepts connections, and nothing else.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { Log } from "./log.ts";

/** How long to wait after a failed accept, in milliseconds; it doubles up to the maximum. */
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1000;

/** What a listener needs. */
export interface ListenerOptions {
  /** The address to listen at. */
  readonly hostname: string;
  /** The port, or 0 for any that is free. */
  readonly port: number;
  /** Takes a connection; one that it throws for is closed. */
  readonly onConnection: (connection: Deno.TcpConn) => void;
  /** Where failed accepts are told. */
  readonly log: Log;
}

/** An open port. */
export class Listener {
  readonly #listener: Deno.TcpListener;
  readonly #options: ListenerOptions;
  readonly #closing = new AbortController();
  readonly #accepting: Promise<void>;

  /** Opens the port; throws what `Deno.listen` throws. */
  constructor(options: ListenerOptions) {
    const { hostname, port } = options;
    this.#options = options;
    this.#listener = Deno.listen({ hostname, port });
    this.#accepting = this.#acceptAll();
  }

  /** The address that is listened at. */
  get address(): Deno.NetAddr {
    return this.#listener.addr;
  }

  /** Accepts no more. */
  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort();
      this.#listener.close();
    }
    await this.#accepting;
  }

  #take(connection: Deno.TcpConn): void {
    const { onConnection, log } = this.#options;
    try {
      onConnection(connection);
    } catch (error) {
      // Its client has left again already, most likely; that is no reason to accept others later.
      log.warning("cannot use a connection", { error: String(error) });
      connection.close();
    }
  }

  async #acceptAll(): Promise<void> {
    let retryMs = RETRY_MS_MIN;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const connection = await this.#listener.accept();
        retryMs = RETRY_MS_MIN;
        this.#take(connection);
      } catch (error) {
        if (signal.aborted) return;
        // Out of descriptors, most likely: accepting again at once would fail as fast as it can.
        this.#options.log.warning("cannot accept a connection", { error: String(error), retryMs });
        await delay(retryMs, { signal }).catch(() => {});
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
  }
}
