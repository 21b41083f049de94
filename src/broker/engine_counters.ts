import type { ErrorCode, StreamTotals } from "../../protocol.ts";
import type { Histogram } from "./collections/histogram.ts";

/**
 * What an engine has done since its start, over all streams, those included that were deleted since: no
 * figure of what has happened ever falls. They are kept where they arise, per batch, and are read as they are.
 */
export interface EngineCounters {
  readonly totals: StreamTotals;
  /** Messages that were not stored, since they, or others with their dedup ids, were stored before. */
  readonly duplicates: number;
  /** Batches that were refused, by the code of the error; a code without any is absent. */
  readonly refused: Readonly<Partial<Record<ErrorCode, number>>>;
  /** The bytes of memory that messages and notes about them take up now. */
  readonly memoryBytes: number;
  /** The most bytes that they may take up. */
  readonly memoryLimit: number;
  /** How long messages waited from being stored to their first delivery, in seconds: one of each delivery. */
  readonly deliveryWait: Histogram;
  readonly schedules: ScheduleCounters;
  readonly limits: LimitCounters;
  /** Undefined for an engine without a disk. */
  readonly journal?: JournalCounters | undefined;
  /** Counts a batch that is refused before it has come to a publisher. */
  noteRefused(code: ErrorCode): void;
}

/** What a journal has done since its start, and how large it is now. */
export interface JournalCounters {
  /** How long its flushes took, in seconds. */
  readonly flush: Histogram;
  /** The bytes that were written. */
  readonly writtenBytes: number;
  /** The number of its segments now. */
  readonly segments: number;
  /** The bytes of its segments now. */
  readonly diskBytes: number;
  /** The bytes that are free on its disk, as of the last check; undefined if the system does not tell. */
  readonly freeBytes?: number | undefined;
  /** The bytes of messages that were written again so that old segments could be removed. */
  readonly compactedBytes: number;
}

/** The schedules of an engine now, and what they have done since its start. */
export interface ScheduleCounters {
  /** How many there are. */
  readonly count: number;
  readonly paused: number;
  /** How many cannot store the message that is due, and try again. */
  readonly failing: number;
  /** How late the latest of them is, in milliseconds; 0 if nothing is due. */
  readonly lateMs: number;
  /** The messages that were stored. */
  readonly stored: number;
  /** The dates that got no message: the one before was still there, or the broker came too late. */
  readonly leftOut: {
    readonly overlap: number;
    readonly missed: number;
    readonly tooMany: number;
    readonly expired: number;
  };
}

/** The limits that streams share, as they are now. */
export interface LimitCounters {
  /** How many there are. */
  readonly count: number;
  /** How many are closed: nothing of their streams is delivered. */
  readonly closed: number;
  /** How many messages followers hold of their streams. */
  readonly pending: number;
}
