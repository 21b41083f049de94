/**
 * A log of records that several brokers share: one appends, all read. Sequences are 1, 2, 3 … without gaps; other
 * numbers than these are a `RangeError`. Each call is settled within seconds, whatever the log does.
 */
export interface Log {
  /**
   * Appends a record if `expected` is the log's last sequence; resolves to its own, `expected + 1`. Rejects with a
   * {@linkcode RefusedError} if it was refused, and will not be stored; after any other error it may be stored or
   * not, now or later. The record must not change until the answer.
   */
  append(expected: number, record: Uint8Array): Promise<number>;
  /** Reads a record. `undefined`: it is not there, by a node that may lag behind. */
  read(sequence: number): Promise<Uint8Array | undefined>;
  /** Hands over the records from a sequence on, in order, without gaps or doubles, until it is stopped. */
  follow(from: number, reader: LogReader): LogFollowing;
  /** What the node that leads the log knows. Rejects with {@linkcode LeaderlessError} if there is none. */
  bounds(): Promise<LogBounds>;
  /** Removes the records before a sequence, all of them at most: one behind the end is a `RangeError`. */
  trim(below: number): Promise<void>;
  /** Leaves the node in use for another one, if there is one: its answers do not come. */
  changeNode(): Promise<void>;
  /** Tells the other brokers something, without a promise that it arrives. */
  announce(text: string): void;
  /** Hears what other brokers, and this one, announce. */
  listen(heard: (text: string) => void): void;
  close(): Promise<void>;
}

export interface LogReader {
  /** A record; its bytes are valid during the call only. */
  take(sequence: number, record: Uint8Array): void;
  /** The log does not have the sequence any more: its first one is `first`. Nothing more is handed over. */
  trimmed(first: number): void;
  /** The log, by the node that leads it, ends before what was handed over already. */
  shorter(last: number): void;
}

export interface LogFollowing {
  stop(): void;
}

export interface LogBounds {
  /** The first sequence, and the last; an empty log's first is its last plus one. */
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  /** The most bytes it may have; `undefined` without a limit. */
  readonly bytesMax: number | undefined;
  /** The node that leads it, and how many nodes have all of it; for people. */
  readonly leader: string | undefined;
  readonly replicas: number | undefined;
  /** `false` if the node that leads hears too few of the others: it answers, and nobody can append. */
  readonly hasMajority?: boolean;
}

/** The record was not stored: another one is where it was to be, or the log is shorter (`last`), or full. */
export class RefusedError extends Error {
  constructor(message: string, readonly why: "sequence" | "full", readonly last?: number) {
    super(message);
    this.name = "RefusedError";
  }
}

/** The log can be reached, and no node leads it: nobody can append. */
export class LeaderlessError extends Error {
  override readonly name = "LeaderlessError";
}
