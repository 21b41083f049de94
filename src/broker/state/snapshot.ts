import type { OpenBreaker } from "../breaker/breaker.ts";
import type { StreamOptionsInput } from "../../../protocol.ts";
import type { LanesPiece, LimitsPiece } from "../lanes/lane_event.ts";
import type { SchedulesPiece } from "../schedules/table/schedule_event.ts";

/** The first piece: facts about the broker itself. */
export interface CountersPiece {
  readonly piece: "counters";
  /** How far the machine's clock was ahead of the time of the rules, and at which time of the rules. */
  readonly clock?: { readonly at: number; readonly aheadMs: number };
  readonly nextStreamNumber: number;
  readonly nextPublisherNumber: number;
  /** Publishers that were lost up to this time may be forgotten, in milliseconds since 1970. */
  readonly forgottenUntil?: number;
  /** The same by user, if there are users; null stands for publishers that may be anybody's. */
  readonly forgottenBy?: readonly (readonly [owner: string | null, until: number])[];
}

export interface StreamPiece {
  readonly piece: "stream";
  readonly number: number;
  readonly name: string;
  readonly nextId: number;
  /** Its options that are not the defaults. */
  readonly options?: StreamOptionsInput;
  readonly isPaused?: boolean;
}

/** Dedup ids that a stream has seen lately, the oldest first; journals have them under an older name. */
export interface DedupIdsPiece {
  readonly piece: "messageIds";
  readonly stream: number;
  /** Each dedup id, with the id of its message in the stream, and when it came. */
  readonly messageIds: readonly (readonly [dedupId: string, id: number, at: number])[];
}

/** A stream with the same dedup ids as an earlier one: messages were published to both at once. */
export interface SameIdsPiece {
  readonly piece: "sameIds";
  readonly stream: number;
  /** The number of the other stream, the last whose dedup ids were given. */
  readonly like: number;
  /** The distance of its messages' ids from those of the other stream. */
  readonly shift: number;
}

/** The open breakers of a stream. */
export interface BreakersPiece {
  readonly piece: "breakers";
  readonly stream: number;
  /** Each with its lane, if the stream has one for each lane. */
  readonly breakers: readonly { readonly lane?: string; readonly open: OpenBreaker }[];
}

/** The lanes of a stream that are held back. */
export interface HeldLanesPiece {
  readonly piece: "heldLanes";
  readonly stream: number;
  readonly held: readonly (readonly [lane: string, until: number])[];
}

export interface PublisherPiece {
  readonly piece: "publisher";
  readonly number: number;
  readonly identity: string;
  /** The user that opened it first. */
  readonly owner?: string;
  readonly lastSequence: number;
  /** It no longer asks for outcomes of messages below this number. */
  readonly settled: number;
  /** Up to this message, only the outcomes that follow are known. */
  readonly doubtfulUntil?: number;
}

/** Numbers of a publisher's messages that were not stored although later ones were. */
export interface GapsPiece {
  readonly piece: "gaps";
  readonly publisher: number;
  /** Each range: its first number, and the number behind its last. */
  readonly gaps: readonly (readonly [from: number, to: number])[];
}

/** Streams that batches of a publisher were stored in; the outcomes behind it refer to them. */
export interface PlacesPiece {
  readonly piece: "places";
  readonly publisher: number;
  /** Whether the streams of the preceding places piece are included. */
  readonly goesOn?: boolean;
  /**
   * Each stream, with the id from which ids in other pieces count, and the id of the message that was
   * replaced there; -1 if the one with the first id stays in its place.
   */
  readonly places: readonly (readonly [stream: string, firstId: number, replaced?: number])[];
}

/** Batches of a publisher that were stored and may be sent again. */
export interface OutcomesPiece {
  readonly piece: "outcomes";
  readonly publisher: number;
  /** Each batch, with the distance of its ids from those of the places. */
  readonly batches: readonly (readonly [sequence: number, count: number, shift: number])[];
}

/**
 * The streams and the publishers at one moment, without messages. It replaces all events up to then whose
 * messages are gone.
 *
 * A snapshot comes in small pieces. The details of a stream or a publisher follow it, in as many pieces as
 * they take.
 */
export type SnapshotPiece =
  | CountersPiece
  | StreamPiece
  | SchedulesPiece
  | LanesPiece
  | LimitsPiece
  | DedupIdsPiece
  | SameIdsPiece
  | BreakersPiece
  | HeldLanesPiece
  | PublisherPiece
  | GapsPiece
  | PlacesPiece
  | OutcomesPiece;
