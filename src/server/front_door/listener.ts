import { delay } from "@std/async/delay";
import { setImmediate } from "node:timers";
import {
  type AcceptedSocket,
  isShortage,
  type OpenPort,
  openPort,
} from "../../transport/deno_sockets.ts";
import type { Log } from "../log.ts";

/**
 * The connections, or failures, after which the event loop gets a turn: accepting does not yield while
 * connections wait.
 */
const ACCEPTED_PER_TURN = 16;

/** How long to wait after a shortage, in milliseconds; it doubles up to the maximum. */
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1000;

/** The parts of a listener. */
export interface ListenerOptions {
  readonly hostname: string;
  /** The port, or 0 for any that is free. */
  readonly port: number;
  /** Takes a connection; if it throws, the connection is closed. */
  readonly onConnection: (connection: AcceptedSocket) => void;
  /** The log for failed accepts. */
  readonly log: Log;
  /** Opens the port. */
  readonly listen?: typeof openPort;
}

/** An open port, which accepts connections. */
export class Listener {
  readonly #listener: OpenPort;
  readonly #options: ListenerOptions;
  readonly #closing = new AbortController();
  readonly #accepting: Promise<void>;

  /** Opens the port; throws what {@linkcode openPort} throws. */
  constructor(options: ListenerOptions) {
    const { hostname, port, listen = openPort } = options;
    this.#options = options;
    this.#listener = listen({ hostname, port });
    this.#accepting = this.#acceptAll();
  }

  get address(): OpenPort["addr"] {
    return this.#listener.addr;
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort();
      this.#listener.close();
    }
    await this.#accepting;
  }

  #take(connection: AcceptedSocket): void {
    const { onConnection, log } = this.#options;
    try {
      onConnection(connection);
    } catch (error) {
      // Most likely its client has left already; accepting others goes on.
      log.debug("cannot use a connection", { error: String(error) });
      connection.close();
    }
  }

  async #acceptAll(): Promise<void> {
    let retryMs = RETRY_MS_MIN;
    const { signal } = this.#closing;
    for (let count = 1; !signal.aborted; count++) {
      try {
        const connection = await this.#listener.accept();
        retryMs = RETRY_MS_MIN;
        this.#take(connection);
      } catch (error) {
        if (signal.aborted) return;
        if (isShortage(error)) {
          await this.#waitOut(error, retryMs);
          retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
        } else {
          // Its client left before it was accepted; others need not wait for that.
          this.#options.log.debug("a connection was gone already", { error: String(error) });
        }
      }
      if (count % ACCEPTED_PER_TURN === 0) {
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
    }
  }

  /** Waits, since accepting again at once would fail in a tight loop. */
  async #waitOut(error: unknown, retryMs: number): Promise<void> {
    this.#options.log.warning("cannot accept a connection", { error: String(error), retryMs });
    await delay(retryMs, { signal: this.#closing.signal }).catch(() => {});
  }
}
