import type { BackupInfo, BrokerError } from "../../protocol.ts";
import type { Pager, Segment } from "./backlog/pager.ts";
import type { ClusterSeat } from "./cluster_seat.ts";
import type { JournalCounters } from "./engine_counters.ts";
import type { Decided, Event, Stored } from "./event.ts";
import type { LiveSearch } from "./state/live_facts.ts";
import type { PieceHead } from "./events/piece_head.ts";
import type { SnapshotPiece } from "./state/snapshot.ts";

/** The storage port of the rules: makes events durable, and reads them again at the next start. */
export interface EventLog {
  readonly name: string;
  /** What a confirm promises, in a word. */
  readonly durability: string;
  /** Reads messages back; without it all of them stay in memory. */
  readonly pager?: Pager | undefined;
  /** The most bytes of messages, if it keeps them in memory. */
  readonly memoryLimit?: number | undefined;
  /** What it has done, if it has a disk. */
  readonly counters?: JournalCounters | undefined;
  /** Backups of what it keeps; without it there is nothing to back up. */
  readonly backups?: BackupSource | undefined;
  /** The place in a cluster of brokers that share it; without it nobody else appends. */
  readonly cluster?: ClusterSeat | undefined;
  /** Applies the events of the log, and those that others append; resolves to the right to append. */
  open(state: LoggedState): Promise<Appender>;
  /** Hears that the rules are ready to serve. */
  begun?(): void;
  /** The error for messages of so many bytes, if they cannot be stored. */
  findObstacle(bytes: number, bytesStored: number): BrokerError | undefined;
  /** Tends the medium; returns when to call it again, by the time of this machine. */
  tend(now: number): number;
  close(): Promise<void>;
}

/** Reads what a log keeps as files, at one position, while it goes on; as the engine's port describes it. */
export interface BackupSource {
  open(): Promise<Omit<BackupInfo, "at">>;
  read(backup: number, file: string, offset: number): Promise<Uint8Array>;
  close(backup: number): boolean;
}

/**
 * The right to append; events keep the order in which they are given. When the right is lost, messages
 * that are certainly not in the log fail, and all else stays unanswered. The log's owner is told, and
 * opens the log again into new rules, which know the events in it and nothing else.
 */
export interface Appender {
  /** The number of events it was given. */
  readonly eventCount: number;
  /** Messages count when they are durable. Their buffer may be used again when the call returns. */
  store(event: Stored, outcome: StoreOutcome): void;
  /** Other events count when they are decided; `written` is called when a snapshot must contain them. */
  commit(event: Decided, written?: () => void): void;
  /** Calls `done` when all events given so far are durable. */
  whenDurable(done: () => void): void;
}

/** Hears whether messages were stored. */
export interface StoreOutcome {
  /** They are durable; the buffer of the batch is valid during the call only. */
  stored(event: Stored): void;
  /** They are not in the log and never will be, nor are messages that were given after them. */
  failed(error: BrokerError): void;
}

/** The state that a log keeps: events make it, and a snapshot of it replaces old events. */
export interface LoggedState {
  /** The time of the rules; it goes on where the last event has ended. */
  readonly now: number;
  apply(event: Event): void;
  /** Notes a time of the rules at which another broker has decided: it does not go back behind it. */
  noteTime(at: number): void;
  restorePiece(piece: SnapshotPiece): void;
  /** Takes over what is new in a piece of a snapshot; returns false if the piece must be read for that. */
  passPiece(head: PieceHead): boolean;
  /** Notes that ids below this one were used: their messages cannot be read any more. */
  skipIds(stream: number, nextId: number): void;
  noteDamage(stream: number, explain: (name: string) => BrokerError): void;
  /** Everything but messages, as of the written events. */
  takeSnapshot(): Iterable<SnapshotPiece>;
  /** Finds messages that keep a segment of the store from being removed. */
  findLive(segment: Segment): LiveSearch;
}
