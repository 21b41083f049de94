import { Histogram } from "../../broker/collections/histogram.ts";
import type { ByteBudget } from "./byte_budget.ts";

/** Why a client was not let in. */
export type LoginFault = "token" | "certificate" | "nothing_shown" | "user";

/** What a connection speaks: nothing yet, frames, or JSON lines. */
export type ConnectionProtocol = "none" | "frames" | "lines";

/** What the sessions of a broker have done since its start; plain figures, read as they are. */
export class SessionCounters {
  /** From the arrival of a batch to its confirm, in seconds; one for each batch. */
  readonly confirm: Histogram = new Histogram();
  /** How late the broker's timer was, in seconds: how long its event loop was busy. */
  readonly eventLoopLag: Histogram = new Histogram();
  /** Open connections, by protocol. */
  readonly connections: Record<ConnectionProtocol, number> = { none: 0, frames: 0, lines: 0 };
  /** All connections since the start. */
  connectionsTotal = 0;
  /** Logins that were refused, by reason. */
  readonly authFailures: Record<LoginFault, number> = {
    token: 0,
    certificate: 0,
    nothing_shown: 0,
    user: 0,
  };
  /** Connections that were closed since their clients did not read. */
  slowReaders = 0;
  readonly #budget: ByteBudget;
  readonly #open: Iterable<{ readonly receivedBytes: number; readonly sentBytes: number }>;
  #closedReceivedBytes = 0;
  #closedSentBytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
    this.#open = [];
  }

  /** The bytes received over all connections since the start. */
  get receivedBytes(): number {
    let bytes = this.#closedReceivedBytes;
    for (const { receivedBytes } of this.#open) bytes += receivedBytes;
    return bytes;
  }

  /** The bytes sent over all connections since the start. */
  get sentBytes(): number {
    let bytes = this.#closedSentBytes;
    for (const { sentBytes } of this.#open) bytes += sentBytes;
    return bytes;
  }

  /** The bytes of batches that are not confirmed yet. */
  get unconfirmedBytes(): number {
    return this.#budget.bytes;
  }
}
