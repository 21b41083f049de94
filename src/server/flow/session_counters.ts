import type { BrokerError } from "../../../protocol.ts";
import { Histogram } from "../../broker/collections/histogram.ts";
import { type LoginFault, LoginRefusal } from "../access/login_refusal.ts";
import type { ByteBudget } from "./byte_budget.ts";

/** What a connection speaks: nothing yet, frames, or JSON lines. */
export type ConnectionProtocol = "none" | "frames" | "lines";

/** A connection, as far as its bytes go. */
export interface CountedConnection {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** What the sessions of a broker have done since its start; plain figures, read as they are. */
export class SessionCounters {
  /** From the arrival of a batch to its confirm, in seconds; one for each batch. */
  readonly confirm: Histogram = new Histogram();
  /** How late the timer of the broker was, in seconds: its event loop was busy for so long. */
  readonly eventLoopLag: Histogram = new Histogram();
  /** Open connections, by protocol; those of HTTP are counted elsewhere. */
  readonly connections: Record<ConnectionProtocol, number> = { none: 0, frames: 0, lines: 0 };
  /** All connections since the start. */
  connectionsTotal = 0;
  /** Logins that were refused, by what was wrong. */
  readonly authFailures: Record<LoginFault, number> = {
    token: 0,
    password: 0,
    certificate: 0,
    nothing_shown: 0,
    user: 0,
  };
  /** Connections that were closed since their clients did not read. */
  slowReaders = 0;
  readonly #budget: ByteBudget;
  readonly #open = new Set<CountedConnection>();
  #closedReceivedBytes = 0;
  #closedSentBytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /** The bytes received over all connections since the start; takes time for each open one. */
  get receivedBytes(): number {
    let bytes = this.#closedReceivedBytes;
    for (const { receivedBytes } of this.#open) bytes += receivedBytes;
    return bytes;
  }

  /** The bytes sent over all connections since the start; takes time for each open one. */
  get sentBytes(): number {
    let bytes = this.#closedSentBytes;
    for (const { sentBytes } of this.#open) bytes += sentBytes;
    return bytes;
  }

  /** The bytes of batches that are not confirmed yet. */
  get unconfirmedBytes(): number {
    return this.#budget.bytes;
  }

  noteOpened(connection: CountedConnection): void {
    this.#open.add(connection);
    this.connectionsTotal++;
    this.connections.none++;
  }

  /** Notes that a connection speaks a protocol. */
  noteProtocol(protocol: ConnectionProtocol): void {
    this.connections.none--;
    this.connections[protocol]++;
  }

  /** Notes the end of a connection that has spoken a protocol. */
  noteClosed(connection: CountedConnection, protocol: ConnectionProtocol): void {
    this.#open.delete(connection);
    this.#closedReceivedBytes += connection.receivedBytes;
    this.#closedSentBytes += connection.sentBytes;
    this.connections[protocol]--;
  }

  /** Notes that a client was not let in. */
  noteLoginFailure(error: BrokerError): void {
    // What is no refusal of a login was found in the certificate.
    this.authFailures[error instanceof LoginRefusal ? error.fault : "certificate"]++;
  }
}
