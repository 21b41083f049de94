// HTTP/1.1 of Node, over connections of any kind.

import { type IncomingMessage, Server, type ServerResponse } from "node:http";
import type { Duplex } from "../../transport/duplex.ts";
import { DuplexStream } from "../../transport/duplex_stream.ts";

/** The most bytes in the head of a request. */
const HEAD_BYTES_MAX = 16 * 1024;

/** The most requests of one connection that wait for each other. */
const PIPELINED_MAX = 16;

/** Hears of one connection. */
export interface HttpOwner {
  /** Takes a request. */
  handle(exchange: HttpExchange): void;
  /** So many bytes of an answer, or the end of it, have left. */
  handleSent(exchange: HttpExchange, bytes: number): void;
  /** What came is no HTTP; the client is told, if that is possible. */
  handleFault(code: string): void;
  /** The connection is closed. */
  handleClosed(): void;
}

/** One connection, as a stream of the HTTP server. */
class HttpStream extends DuplexStream {
  readonly owner: HttpOwner;
  /** The requests that are not answered. */
  readonly open = new Set<HttpExchange>();
  /** Whether the last answer is given before its request has come as a whole. */
  isCutShort = false;

  constructor(duplex: Duplex, owner: HttpOwner, isThrifty?: () => boolean) {
    super(duplex, undefined, isThrifty);
    this.owner = owner;
  }
}

/** An open connection of HTTP. */
export interface HttpConnectionHandle {
  /** Ends it at once. */
  close(): void;
}

/** Speaks HTTP/1.1 over connections. It sets no deadlines: those are the owner's. */
export class HttpAcceptor {
  readonly #server: Server;

  constructor() {
    const options = { maxHeaderSize: HEAD_BYTES_MAX, keepAliveTimeout: 0, requestTimeout: 0 };
    this.#server = new Server({ ...options, headersTimeout: 0 });
    // Connections come to it from outside. If it did not listen, it would end each after the first answer.
    Object.defineProperty(this.#server, "listening", { value: true });
    // A request that asks for another protocol is answered in this one.
    Object.assign(this.#server, { shouldUpgradeCallback: () => false });
    this.#server.on("request", (message: IncomingMessage, response: ServerResponse) => {
      const stream = message.socket as unknown as HttpStream;
      const exchange = new HttpExchange(message, response, stream.owner);
      stream.open.add(exchange);
      response.on("close", () => void stream.open.delete(exchange));
      if (stream.open.size > PIPELINED_MAX) return void stream.destroy();
      stream.owner.handle(exchange);
    });
    this.#server.on("clientError", (error: Error & { code?: unknown }, socket: unknown) => {
      const stream = socket as HttpStream;
      const code = String(error.code);
      stream.owner.handleFault(code);
      // Beside an answer that has begun there is no room for another one.
      if (!code.startsWith("HPE_") || stream.open.size > 0) return void stream.destroy();
      const status = code === "HPE_HEADER_OVERFLOW"
        ? "431 Request Header Fields Too Large"
        : "400 Bad Request";
      stream.write(writeBareHead(status), () => stream.destroy());
    });
  }

  /**
   * Serves a connection.
   *
   * @param duplex The connection; closed in the end.
   * @param owner Hears of it.
   * @param isThrifty Whether memory for received bytes is short.
   */
  accept(duplex: Duplex, owner: HttpOwner, isThrifty?: () => boolean): HttpConnectionHandle {
    const stream = new HttpStream(duplex, owner, isThrifty);
    // Whoever does not keep the connection has been sent everything.
    stream.on("finish", () => {
      // Bytes that nobody reads would make the system drop the answer.
      if (stream.isCutShort) stream.resume();
      else stream.destroy();
    });
    stream.on("close", () => {
      owner.handleClosed();
      for (const exchange of stream.open) exchange.handleClosed();
    });
    this.#server.emit("connection", stream);
    return { close: () => void stream.destroy() };
  }
}

/** A head of an answer without a body, after which the connection is closed. */
export function writeBareHead(status: string): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
}

/** A request, and the answer to it. */
export class HttpExchange {
  /** Whether a part of the answer waits for the client. */
  isSending = false;
  /** The bytes that are kept for it: of the body that came, and of the answer. */
  heldBytes = 0;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #owner: HttpOwner;
  readonly #closing = new AbortController();

  constructor(message: IncomingMessage, response: ServerResponse, owner: HttpOwner) {
    this.#message = message;
    this.#response = response;
    this.#owner = owner;
    // What goes wrong on the way ends the connection, and reading with it.
    message.on("error", () => {});
    response.on("error", () => {});
  }

  get method(): string {
    return this.#message.method ?? "";
  }

  /** What stands behind the method, as it came. */
  get target(): string {
    return this.#message.url ?? "";
  }

  /** Names and values of all headers, in turn, as they came. */
  get rawHeaders(): readonly string[] {
    return this.#message.rawHeaders;
  }

  /** Whether all of the request has come. */
  get isReceived(): boolean {
    return this.#message.complete;
  }

  /** Whether the client expects a body. */
  get hasBody(): boolean {
    const { headers } = this.#message;
    return headers["transfer-encoding"] !== undefined || Number(headers["content-length"]) > 0;
  }

  /** Aborted when the connection is closed. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** The body of the request, as it comes; fails if the connection is closed before its end. */
  readBody(): AsyncIterable<Uint8Array> {
    return this.#message;
  }

  /**
   * Writes the head of the answer.
   *
   * @param headers Names and values.
   * @param isLast Whether the connection is closed after it.
   */
  writeHead(status: number, headers: Iterable<readonly [string, string]>, isLast: boolean): void {
    const response = this.#response;
    for (const [name, value] of headers) response.appendHeader(name, value);
    if (isLast) response.setHeader("connection", "close");
    if (!this.isReceived) (this.#message.socket as unknown as HttpStream).isCutShort = true;
    response.writeHead(status);
  }

  /** Writes a part of the body; resolves when it has left, rejects when the connection is closed. */
  write(bytes: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = () => reject(new Error("the client has left"));
    if (this.signal.aborted) fail();
    this.signal.addEventListener("abort", fail, { once: true });
    this.#response.write(bytes, (error) => {
      this.signal.removeEventListener("abort", fail);
      if (error) return reject(error);
      this.#owner.handleSent(this, bytes.length);
      resolve();
    });
    return promise;
  }

  /** Ends the answer; resolves when it has left, or will not leave any more. */
  end(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.signal.aborted) resolve();
    this.#response.once("close", resolve);
    this.#response.end();
    return promise.then(() => this.#owner.handleSent(this, 0));
  }

  /** Closes the connection. */
  abort(): void {
    this.#message.socket.destroy();
  }

  handleClosed(): void {
    this.#closing.abort();
  }
}
