/**
 * What happens to a connection, for those who want to know: each of them has its own list of what has
 * happened and was not read yet.
 *
 * @module
 */

import { type CallOptions, whenAborted } from "../member/call_options.ts";

/** What a broker says of itself when a client comes. */
export interface BrokerInfo {
  /** The broker's version. */
  readonly version: string;
  /** The engine that holds the streams. */
  readonly engine: string;
  /** What a confirm promises. */
  readonly durability: string;
}

/** Why a connection is closed for good. */
export interface CloseReason {
  /** Why, in a sentence. */
  readonly message: string;
  /** What the broker objected to, if it did; absent when the connection was closed here. */
  readonly error?: Error;
}

/** There is a connection to the broker, the first one or again. */
export interface ConnectedStatus {
  /** What has happened. */
  readonly type: "connected";
  /** What the broker says of itself. */
  readonly broker: BrokerInfo;
}

/** The connection is lost; it is tried to get it back. */
export interface LostStatus {
  /** What has happened. */
  readonly type: "lost";
  /** Why, if more is known than that it has ended. */
  readonly error?: Error;
}

/** An attempt to get the connection back begins. */
export interface ReconnectingStatus {
  /** What has happened. */
  readonly type: "reconnecting";
  /** Which attempt it is since the connection was lost: 1, 2, 3 … */
  readonly attempt: number;
}

/** A stream is gone that one of the connection's followers took messages from. */
export interface StreamDeletedStatus {
  /** What has happened. */
  readonly type: "streamDeleted";
  /** The stream's name. */
  readonly stream: string;
  /** The follower's name. It waits for a stream of that name, and goes on with the others it has. */
  readonly follower: string;
}

/**
 * A follower waits for a stream that does not exist: its name may be wrong, or it is created later.
 * It is told when the follower is opened, and again when the connection comes back.
 */
export interface StreamMissingStatus {
  /** What has happened. */
  readonly type: "streamMissing";
  /** The stream's name. */
  readonly stream: string;
  /** The follower's name. It gets messages as soon as there is such a stream. */
  readonly follower: string;
}

/** The connection is closed for good; nothing comes after it. */
export interface ClosedStatus {
  /** What has happened. */
  readonly type: "closed";
  /** Why. */
  readonly reason: CloseReason;
}

/** Something that has happened to a connection; `type` tells what. */
export type ConnectionStatus =
  | ConnectedStatus
  | LostStatus
  | ReconnectingStatus
  | StreamDeletedStatus
  | StreamMissingStatus
  | ClosedStatus;

/** What is a state that a connection is in. An attempt and a stream that is not there are news only. */
const STATES: ReadonlySet<ConnectionStatus["type"]> = new Set(["connected", "lost", "closed"]);

/** So many events are kept for somebody who does not read them; the oldest go. */
const KEPT_MAX = 1000;

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Tells all who want to know. */
export class StatusBoard {
  readonly #readers = new Set<StatusReader>();
  #current: ConnectionStatus | undefined;

  /** Tells what has happened. */
  post(status: ConnectionStatus): void {
    if (STATES.has(status.type)) this.#current = status;
    for (const reader of this.#readers) reader.add(status);
    if (status.type === "closed") this.#readers.clear();
  }

  /** Gives somebody the state of the moment, and all that happens from now on. */
  watch({ signal }: CallOptions): AsyncIterableIterator<ConnectionStatus> {
    const reader: StatusReader = new StatusReader(() => this.#readers.delete(reader));
    if (this.#current !== undefined) reader.add(this.#current);
    if (this.#current?.type !== "closed") this.#readers.add(reader);
    if (signal !== undefined) reader.endWith(signal);
    return reader;
  }
}

/** One who wants to know. */
class StatusReader implements AsyncIterableIterator<ConnectionStatus> {
  readonly #leave: () => void;
  #events: ConnectionStatus[] = [];
  readonly #waiters: PromiseWithResolvers<IteratorResult<ConnectionStatus>>[] = [];
  #isOver = false;
  #aborted: AbortSignal | undefined;
  #forgetSignal: (() => void) | undefined;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  /** Something has happened. */
  add(status: ConnectionStatus): void {
    const isLast = status.type === "closed";
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve({ done: false, value: status });
    else if (this.#events.push(status) > KEPT_MAX) this.#events.shift();
    if (isLast) this.#end();
  }

  /** Ends the reading when the signal says so, with its reason as an error. */
  endWith(signal: AbortSignal): void {
    const abort = () => {
      this.#aborted = signal;
      this.#events = [];
      for (const { reject } of this.#waiters.splice(0)) reject(signal.reason);
      this.#end();
    };
    if (signal.aborted) abort();
    else if (!this.#isOver) this.#forgetSignal = whenAborted(signal, abort);
  }

  next(): Promise<IteratorResult<ConnectionStatus>> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#aborted !== undefined) return Promise.reject(this.#aborted.reason);
    if (this.#isOver) return Promise.resolve(done);
    const waiter = Promise.withResolvers<IteratorResult<ConnectionStatus>>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  return(): Promise<IteratorResult<ConnectionStatus>> {
    this.#events = [];
    this.#end();
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #end(): void {
    this.#isOver = true;
    this.#leave();
    this.#forgetSignal?.();
    for (const { resolve } of this.#waiters.splice(0)) resolve(done);
  }
}
