import type {
  HttpAcceptor,
  HttpConnectionHandle,
  HttpExchange,
  HttpOwner,
} from "./http_acceptor.ts";
import type { BrokerError, ConnectionInfo } from "../../../protocol.ts";
import type { ManagedConnection } from "../management/management.ts";
import { CountedDuplex } from "./counted_duplex.ts";
import type { HttpMemory } from "./http_memory.ts";
import type { Caller } from "../flow/speaker.ts";

/** How long a connection may be kept without a request, in milliseconds. */
const IDLE_MS = 60_000;

/** How long a request may take to come, in milliseconds. */
const REQUEST_MS = 30_000;

/** How long a connection is kept after its last answer, while the client still sends, in milliseconds. */
const LINGER_MS = 1000;

/** The deadlines of connections. */
export interface HttpDeadlines {
  /** How long the first request may take to come, with a handshake of TLS, in milliseconds. */
  readonly firstMs: number;
  /** How long a client may read nothing, in milliseconds. */
  readonly slowReaderMs: number;
}

/** What a connection tells its table. */
export interface HttpConnectionOptions {
  readonly caller: Caller;
  /** Its number among all connections of the broker. */
  readonly number: number;
  readonly deadlines: HttpDeadlines;
  readonly now: () => number;
  readonly onExchange: (exchange: HttpExchange, connection: HttpConnection) => void;
  readonly onFault: (code: string) => void;
  readonly onClosed: () => void;
  readonly memory: HttpMemory;
}

/** One connection of HTTP, with its deadline. */
export class HttpConnection implements HttpOwner, ManagedConnection {
  readonly caller: Caller;
  readonly number: number;
  /** Since when it waits for a request, or was last seen to read. */
  since: number;
  /** The user of the last request, for the list of connections. */
  userName: string | undefined;
  readonly #connectedAt = Date.now();
  readonly #duplex: CountedDuplex;
  readonly #options: HttpConnectionOptions;
  readonly #handle: HttpConnectionHandle;
  /** The requests that are being answered. */
  #open = 0;
  /** The request that has not come as a whole. */
  #arriving: HttpExchange | undefined;
  /** The answers of which something waits for the client. */
  #sendingCount = 0;
  #hasRequested = false;
  #isLingering = false;

  /** @param isThrifty Whether memory for received bytes is short. */
  constructor(acceptor: HttpAcceptor, options: HttpConnectionOptions, isThrifty: () => boolean) {
    this.#options = options;
    this.caller = options.caller;
    this.number = options.number;
    this.since = options.now();
    this.#duplex = new CountedDuplex(options.caller.duplex);
    this.#handle = acceptor.accept(this.#duplex, this, isThrifty);
  }

  get receivedBytes(): number {
    return this.#duplex.receivedBytes;
  }

  get sentBytes(): number {
    return this.#duplex.sentBytes;
  }

  describe(): ConnectionInfo {
    const { number: id, userName, caller, receivedBytes, sentBytes } = this;
    return {
      id,
      client: "",
      ...userName !== undefined && { user: userName },
      address: caller.peer,
      protocol: "http",
      encrypted: caller.encryption !== undefined,
      connectedAt: this.#connectedAt,
      receivedBytes,
      sentBytes,
      outboundBytes: 0,
      publishers: 0,
      followers: 0,
    };
  }

  /** Ends it; there is nobody to tell why, since the client asks again over another connection. */
  endWith(_error: BrokerError): void {
    this.close();
  }

  /** Whether it waits for a request: then it can be closed for another one. */
  get isIdle(): boolean {
    return this.#open === 0;
  }

  /** Whether it waits for its client: for the rest of a request, or to have an answer read. */
  get isWaiting(): boolean {
    return this.#arriving?.isReceived === false || this.#sendingCount > 0;
  }

  /** When it is closed unless something happens before. */
  get dueAt(): number {
    const { firstMs, slowReaderMs } = this.#options.deadlines;
    if (this.#isLingering) return this.since + LINGER_MS;
    if (this.#arriving?.isReceived === false) return this.since + REQUEST_MS;
    if (this.#sendingCount > 0) return this.since + slowReaderMs;
    if (this.#open > 0) return Infinity;
    return this.since + (this.#hasRequested ? IDLE_MS : firstMs);
  }

  /** Closes it if its time is over. */
  sweep(now: number): void {
    if (now >= this.dueAt) this.close();
  }

  close(): void {
    this.#handle.close();
  }

  handle(exchange: HttpExchange): void {
    this.#hasRequested = true;
    this.#open++;
    this.#arriving = exchange;
    this.since = this.#options.now();
    this.#options.onExchange(exchange, this);
  }

  /** Notes bytes that are kept for a request until it is answered, or until they have left. */
  hold(exchange: HttpExchange, bytes: number): void {
    exchange.heldBytes += bytes;
    this.#options.memory.take(this, bytes);
  }

  /** Notes that so many bytes of an answer, or its head, are on their way to the client. */
  noteSending(exchange: HttpExchange, bytes: number): void {
    this.hold(exchange, bytes);
    if (exchange.isSending) return;
    exchange.isSending = true;
    if (this.#sendingCount++ === 0) this.since = this.#options.now();
  }

  handleSent(exchange: HttpExchange, bytes: number): void {
    this.since = this.#options.now();
    exchange.heldBytes -= bytes;
    this.#options.memory.free(this, bytes);
    if (!exchange.isSending) return;
    exchange.isSending = false;
    this.#sendingCount--;
  }

  /** A request is answered. */
  noteAnswered(exchange: HttpExchange, isLast: boolean): void {
    this.#open--;
    this.#isLingering = isLast;
    this.handleSent(exchange, exchange.heldBytes);
  }

  handleFault(code: string): void {
    this.#isLingering = true;
    this.since = this.#options.now();
    this.#options.onFault(code);
  }

  handleClosed(): void {
    this.#options.memory.free(this, Infinity);
    this.#options.onClosed();
  }
}
