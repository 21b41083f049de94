import type { BrokerError } from "../../protocol.ts";
import type { Pager, Segment } from "./backlog/pager.ts";
import type { Decided, Event, Stored } from "./event.ts";
import type { LiveSearch } from "./state/live_facts.ts";
import type { SnapshotPiece } from "./state/snapshot.ts";

/** The storage port of the rules: makes events durable, and reads them again at the next start. */
export interface EventLog {
  readonly name: string;
  /** What a confirm promises, in a word. */
  readonly durability: string;
  /** Reads messages back; without it all of them stay in memory. */
  readonly pager?: Pager | undefined;
  /** Applies what is in the log, and what others append, until it resolves to the right to append. */
  open(state: LoggedState): Promise<Appender>;
  /** Tells why so many more bytes of messages cannot be stored, if they cannot. */
  findObstacle(bytes: number, bytesStored: number): BrokerError | undefined;
  /** Does what is due on the medium; returns when to call it again, by the time of this machine. */
  tend(now: number): number;
  close(): Promise<void>;
}

/**
 * The right to append; events keep the order in which they are given. When it is lost, messages fail
 * that are certainly not in the log, all else stays unanswered, and the log's owner is told: the log is
 * opened again into new rules, which know what is in it and nothing else.
 */
export interface Appender {
  /** How many events it was given. */
  readonly eventCount: number;
  /** Messages count when they are durable. Their buffer may be used again when the call returns. */
  store(event: Stored, outcome: StoreOutcome): void;
  /** All else counts when it is decided; `written` hears when a snapshot must contain it. */
  commit(event: Decided, written?: () => void): void;
  /** Calls `done` as soon as everything is durable that was given until now. */
  whenDurable(done: () => void): void;
}

/** What became of messages that were to be stored. */
export interface StoreOutcome {
  /** They are durable; the buffer of the batch is valid during the call only. */
  stored(event: Stored): void;
  /** They are not in the log and never will be, nor is anything that was to be stored after them. */
  failed(error: BrokerError): void;
}

/** The state that a log keeps: it is made of events, and a snapshot of it replaces old ones. */
export interface LoggedState {
  /** The time of the rules; it goes on where the last event has ended. */
  readonly now: number;
  apply(event: Event): void;
  restorePiece(piece: SnapshotPiece): void;
  /** Notes that ids below this one were used: their messages cannot be read any more. */
  skipIds(stream: number, nextId: number): void;
  noteDamage(stream: number, explain: (name: string) => BrokerError): void;
  /** Everything beside messages, as far as it is written. */
  takeSnapshot(): Iterable<SnapshotPiece>;
  /** Finds messages that keep a segment of the store from being removed. */
  findLive(segment: Segment): LiveSearch;
}
