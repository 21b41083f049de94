import { HttpAcceptor, type HttpExchange, writeBareHead } from "./http_acceptor.ts";
import type { Caller } from "../flow/speaker.ts";
import { Tally } from "../front_door/tally.ts";
import type { Log } from "../log.ts";
import { HttpConnection, type HttpDeadlines } from "./http_connection.ts";
import { HttpMemory } from "./http_memory.ts";

/** The part of all connections that HTTP may take. */
const PART = 1 / 10;

/** The least number of connections that HTTP may have, unless that were more than half of all. */
const LEAST = 16;

/** How long an idle connection is kept although others have no room, in milliseconds. */
const IDLE_MS_MIN = 500;

/** How long a connection that waits for its client is kept although others have no room, in milliseconds. */
const WAITING_MS_MIN = 1000;

/** The parts of {@linkcode HttpConnections}. */
export interface HttpConnectionsOptions {
  readonly deadlines: HttpDeadlines;
  readonly now: () => number;
  readonly log: Log;
  /** The most connections of the broker, of all kinds. */
  readonly connectionsMax: number;
  /** How many others there are. */
  readonly countOthers: () => number;
  /** Takes a number for a connection. */
  readonly takeNumber: () => number;
  /** Whether memory for received bytes is short. */
  readonly isThrifty: () => boolean;
  /** The most bytes that bodies and answers take up, over all connections. */
  readonly heldBytesMax: number;
  readonly onExchange: (exchange: HttpExchange, connection: HttpConnection) => void;
}

/** All connections of HTTP: limits their number, and closes those whose time is over. */
export class HttpConnections {
  readonly #options: HttpConnectionsOptions;
  readonly #acceptor = new HttpAcceptor();
  /** In the order in which they were opened. */
  readonly #open = new Set<HttpConnection>();
  readonly #most: number;
  readonly #turnedAway: Tally;
  readonly #faults: Tally;
  readonly #memory: HttpMemory;
  readonly #full: Tally;
  /** Resolved when the last one is closed. */
  #onEmpty: (() => void) | undefined;
  /** All since the start. */
  total = 0;
  #closedReceivedBytes = 0;
  #closedSentBytes = 0;

  constructor(options: HttpConnectionsOptions) {
    const { log, now, connectionsMax } = options;
    this.#options = options;
    const most = Math.max(LEAST, Math.ceil(connectionsMax * PART));
    this.#most = Math.max(1, Math.min(most, Math.floor(connectionsMax / 2)));
    this.#turnedAway = new Tally("a connection of HTTP was turned away", log, now);
    this.#faults = new Tally("what came over a connection is no HTTP", log, now);
    const full = new Tally("a connection of HTTP kept too much memory", log, now);
    this.#full = full;
    this.#memory = new HttpMemory(options.heldBytesMax, (holder) => {
      full.note({ peer: (holder as HttpConnection).caller.peer });
    });
  }

  get count(): number {
    return this.#open.size;
  }

  /** The bytes received over all connections since the start. */
  get receivedBytes(): number {
    return this.#open.values().reduce(
      (sum, one) => sum + one.receivedBytes,
      this.#closedReceivedBytes,
    );
  }

  /** The bytes sent over all connections since the start. */
  get sentBytes(): number {
    return this.#open.values().reduce((sum, one) => sum + one.sentBytes, this.#closedSentBytes);
  }

  list(): Iterable<HttpConnection> {
    return this.#open;
  }

  /** Serves a connection, or turns it away when there are too many. */
  open(caller: Caller): void {
    const { countOthers, connectionsMax, isThrifty } = this.#options;
    const isFull = this.count >= this.#most || this.count + countOthers() >= connectionsMax;
    if (isFull && !this.#giveWay()) {
      this.#turnedAway.note({ peer: caller.peer });
      const { duplex } = caller;
      // A handshake of TLS would cost more than the answer is worth.
      if (caller.encryption !== undefined) return duplex.close();
      const answer = new TextEncoder().encode(writeBareHead("503 Service Unavailable"));
      return void duplex.write(answer).catch(() => {}).finally(() => duplex.close());
    }
    const { deadlines, now, onExchange, takeNumber } = this.#options;
    const connection: HttpConnection = new HttpConnection(this.#acceptor, {
      caller,
      number: takeNumber(),
      deadlines,
      now,
      onExchange,
      memory: this.#memory,
      onFault: (code) => {
        if (code.startsWith("HPE_")) this.#faults.note({ peer: caller.peer, code });
      },
      onClosed: () => {
        this.#open.delete(connection);
        this.#closedReceivedBytes += connection.receivedBytes;
        this.#closedSentBytes += connection.sentBytes;
        if (this.#open.size === 0) this.#onEmpty?.();
      },
    }, isThrifty);
    this.#open.add(connection);
    this.total++;
  }

  /** Closes connections whose time is over. */
  sweep(now: number): void {
    this.#turnedAway.sweep();
    this.#faults.sweep();
    this.#full.sweep();
    for (const connection of this.#open) connection.sweep(now);
  }

  /** Closes all; resolves when they are closed. */
  async close(): Promise<void> {
    const empty = new Promise<void>((resolve) => this.#onEmpty = resolve);
    for (const connection of this.#open) connection.close();
    if (this.#open.size > 0) await empty;
    this.#turnedAway.end();
    this.#faults.end();
    this.#full.end();
  }

  /**
   * Closes a connection for another one, if there is one to give way: an idle one, otherwise one that waits for
   * its client, so that nobody keeps probes out by sending half of requests. It is the one that has waited longest.
   */
  #giveWay(): boolean {
    const longest = this.#findLongest(IDLE_MS_MIN, (connection) => connection.isIdle) ??
      this.#findLongest(WAITING_MS_MIN, (connection) => connection.isWaiting);
    longest?.close();
    // It is gone before its stream says so.
    return longest !== undefined && this.#open.delete(longest);
  }

  #findLongest(
    leastMs: number,
    mayGo: (connection: HttpConnection) => boolean,
  ): HttpConnection | undefined {
    const latest = this.#options.now() - leastMs;
    let longest: HttpConnection | undefined;
    for (const connection of this.#open) {
      if (connection.since > latest || !mayGo(connection)) continue;
      if (longest === undefined || connection.since < longest.since) longest = connection;
    }
    return longest;
  }
}
