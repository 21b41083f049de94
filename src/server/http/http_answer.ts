import type { HttpExchange } from "./http_acceptor.ts";
import type { HttpConnection } from "./http_connection.ts";

/** What every answer says, unless it says something else. */
const HEADERS: readonly (readonly [string, string])[] = [
  ["cache-control", "no-store"],
  ["x-content-type-options", "nosniff"],
  ["cross-origin-resource-policy", "same-origin"],
];

/** The answer to one request. */
export class HttpAnswer {
  /** Whether the connection is closed after it. */
  isLast = false;
  readonly #exchange: HttpExchange;
  readonly #connection: HttpConnection;
  #isBegun = false;

  constructor(exchange: HttpExchange, connection: HttpConnection) {
    this.#exchange = exchange;
    this.#connection = connection;
  }

  /**
   * Sends a response, part by part as the client takes it. A body that fails ends the connection, so that
   * the client does not take it for a whole one.
   */
  async send(response: Response): Promise<void> {
    const exchange = this.#exchange;
    if (this.#isBegun) {
      await response.body?.cancel();
      return exchange.abort();
    }
    this.#isBegun = true;
    // What is left of a request that nobody reads is not waited for.
    this.isLast = exchange.hasBody && !exchange.isReceived;
    const { headers, status, body } = response;
    for (const [name, value] of HEADERS) if (!headers.has(name)) headers.set(name, value);
    try {
      exchange.writeHead(status, headers, this.isLast);
    } catch (error) {
      await body?.cancel();
      throw error;
    }
    this.#connection.noteSending(exchange, 0);
    if (exchange.method === "HEAD") await body?.cancel();
    else if (body !== null) await this.#sendBody(body);
    await exchange.end();
  }

  async #sendBody(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    const stop = () => void reader.cancel().catch(() => {});
    this.#exchange.signal.addEventListener("abort", stop, { once: true });
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#connection.noteSending(this.#exchange, value.length);
        await this.#exchange.write(value);
      }
    } catch (error) {
      await reader.cancel(error).catch(() => {});
      this.#exchange.abort();
    } finally {
      this.#exchange.signal.removeEventListener("abort", stop);
    }
  }
}
