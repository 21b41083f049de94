import { whenAborted } from "../member/abort_listener.ts";
import type { CallOptions } from "../member/call_options.ts";

/** A broker's description of itself, received when a client connects. */
export interface BrokerInfo {
  /** The broker's version. */
  readonly version: string;
  /** The engine that holds the streams: `journal` or `memory`. */
  readonly engine: string;
  /** The guarantee of a confirm: how durable the message is. */
  readonly durability: string;
  /** The user that this connection acts for; `local` if the broker has no users. */
  readonly user: string;
  /** Where it is, as this client reaches it: `host:port`; absent inside the broker's process. */
  readonly address?: string;
  /** The addresses of all brokers of its cluster, as it has told them; none if it is in no cluster. */
  readonly brokers: readonly string[];
}

/** Why a connection is closed for good. */
export interface CloseReason {
  /** The reason, as a sentence. */
  readonly message: string;
  /** The error that closed the connection; absent if `close()` was called. */
  readonly error?: Error;
}

/** The connection is established, for the first time or again, with this broker or another one of its cluster. */
export interface ConnectedStatus {
  /** The kind of event. */
  readonly type: "connected";
  /** The broker's description of itself. */
  readonly broker: BrokerInfo;
}

/** The connection is lost; the client tries to restore it. */
export interface LostStatus {
  /** The kind of event. */
  readonly type: "lost";
  /** Why it was lost, if that is known. */
  readonly error?: Error;
}

/** An attempt to restore the connection begins. */
export interface ReconnectingStatus {
  /** The kind of event. */
  readonly type: "reconnecting";
  /** The number of the attempt since the connection was lost: 1, 2, 3 … */
  readonly attempt: number;
  /** Why the attempt before has failed; absent for the first one. */
  readonly error?: Error;
}

/** A stream that a follower took messages from was deleted. */
export interface StreamDeletedStatus {
  /** The kind of event. */
  readonly type: "streamDeleted";
  /** The stream's name. */
  readonly stream: string;
  /** The follower's name. It waits for a new stream of that name, and goes on with its other streams. */
  readonly follower: string;
}

/**
 * A follower waits for a stream that does not exist: the name may be wrong, or the stream is created
 * later. Reported when the follower is opened, and again after each reconnect.
 */
export interface StreamMissingStatus {
  /** The kind of event. */
  readonly type: "streamMissing";
  /** The stream's name. */
  readonly stream: string;
  /** The follower's name. It gets messages as soon as the stream exists. */
  readonly follower: string;
}

/**
 * The breaker of a stream that a follower takes messages from is open: too many of them have failed, and only
 * probes are delivered. Also reported when the follower is opened meanwhile.
 */
export interface StreamOpenStatus {
  /** The kind of event. */
  readonly type: "streamOpen";
  /** The stream's name. */
  readonly stream: string;
  /** The follower's name. */
  readonly follower: string;
}

/** The breaker of a stream is closed again: all messages are delivered. */
export interface StreamResumedStatus {
  /** The kind of event. */
  readonly type: "streamResumed";
  /** The stream's name. */
  readonly stream: string;
  /** The follower's name. */
  readonly follower: string;
}

/** The connection is closed for good; this is the last event. */
export interface ClosedStatus {
  /** The kind of event. */
  readonly type: "closed";
  /** Why it was closed. */
  readonly reason: CloseReason;
}

/** An event of a connection; `type` tells its kind. */
export type ConnectionStatus =
  | ConnectedStatus
  | LostStatus
  | ReconnectingStatus
  | StreamDeletedStatus
  | StreamMissingStatus
  | StreamOpenStatus
  | StreamResumedStatus
  | ClosedStatus;

/** The events that are states; an attempt and a missing stream are only news. */
const STATES: ReadonlySet<ConnectionStatus["type"]> = new Set(["connected", "lost", "closed"]);

/** The most unread events that are kept for a reader; the oldest are dropped. */
const KEPT_MAX = 1000;

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** The events of a connection, for all its readers. */
export class StatusBoard {
  readonly #readers = new Set<StatusReader>();
  #current: ConnectionStatus | undefined;

  post(status: ConnectionStatus): void {
    if (STATES.has(status.type)) this.#current = status;
    for (const reader of this.#readers) reader.add(status);
    if (status.type === "closed") this.#readers.clear();
  }

  /** Returns the present state, and all events from now on. */
  watch({ signal }: CallOptions): AsyncIterableIterator<ConnectionStatus> {
    const reader: StatusReader = new StatusReader(() => this.#readers.delete(reader));
    if (this.#current !== undefined) reader.add(this.#current);
    if (this.#current?.type !== "closed") this.#readers.add(reader);
    if (signal !== undefined) reader.endWith(signal);
    return reader;
  }
}

/** One loop over events, with its own list of unread ones. */
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

  add(status: ConnectionStatus): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve({ done: false, value: status });
    else if (this.#events.push(status) > KEPT_MAX) this.#events.shift();
    if (status.type === "closed") this.#end();
  }

  /** Ends the loop when the signal is aborted, with its reason as an error. */
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
