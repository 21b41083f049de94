import type { StreamOptionsInput } from "../../../protocol.ts";

/** The first piece: what is the broker's own. */
export interface CountersPiece {
  readonly piece: "counters";
  /** How far the machine's clock was ahead of the time of the rules, and when by those. */
  readonly clock?: { readonly at: number; readonly aheadMs: number };
  readonly nextStreamNumber: number;
  readonly nextPublisherNumber: number;
  /** Publishers that were lost up to this time may be forgotten, in milliseconds since 1970. */
  readonly forgottenUntil?: number;
}

export interface StreamPiece {
  readonly piece: "stream";
  readonly number: number;
  readonly name: string;
  readonly nextId: number;
  /** What is set for it, as far as that is not what all streams have. */
  readonly options?: StreamOptionsInput;
  readonly isPaused?: boolean;
}

/** Dedup ids that a stream has seen lately, the oldest first. */
export interface DedupIdsPiece {
  readonly piece: "messageIds";
  readonly stream: number;
  /** Each dedup id, with the id of its message in the stream, and when it came. */
  readonly messageIds: readonly (readonly [dedupId: string, id: number, at: number])[];
}

/** A stream has seen the same messages as one that was told of before: both were published to at once. */
export interface SameIdsPiece {
  readonly piece: "sameIds";
  readonly stream: number;
  /** The number of the other one, the last whose dedup ids were told. */
  readonly like: number;
  /** How far the ids of its messages are from those of the other one. */
  readonly shift: number;
}

export interface PublisherPiece {
  readonly piece: "publisher";
  readonly number: number;
  readonly identity: string;
  readonly lastSequence: number;
  /** It does not ask for the outcomes of messages below this number. */
  readonly settled: number;
  /** Up to this message it is not known what was stored, but for the outcomes that are told. */
  readonly doubtfulUntil?: number;
}

/** Numbers of a publisher's messages that were not stored although later ones were. */
export interface GapsPiece {
  readonly piece: "gaps";
  readonly publisher: number;
  /** Each range, from one number on up to before another. */
  readonly gaps: readonly (readonly [from: number, to: number])[];
}

/** Streams that batches of a publisher were stored in; the outcomes behind it refer to them. */
export interface PlacesPiece {
  readonly piece: "places";
  readonly publisher: number;
  /** Whether the streams of the places piece before it are meant, too. */
  readonly goesOn?: boolean;
  /** Each stream, with an id there that ids in other pieces count from. */
  readonly places: readonly (readonly [stream: string, firstId: number])[];
}

/** Batches of a publisher that were stored and may be sent again. */
export interface OutcomesPiece {
  readonly piece: "outcomes";
  readonly publisher: number;
  /** Each batch; its ids are so far from those of the places. */
  readonly batches: readonly (readonly [sequence: number, count: number, shift: number])[];
}

/**
 * What there is beside messages, the streams and the publishers, at one moment. It stands in for all
 * events up to then whose messages are gone.
 *
 * A snapshot is told in pieces, each of them small, however much there is. What belongs to a stream or to
 * a publisher comes behind it, in as many pieces as it takes.
 */
export type SnapshotPiece =
  | CountersPiece
  | StreamPiece
  | DedupIdsPiece
  | SameIdsPiece
  | PublisherPiece
  | GapsPiece
  | PlacesPiece
  | OutcomesPiece;
