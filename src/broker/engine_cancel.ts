/** What a message was when it was cancelled; it is gone now, or has begun its way to the dead letters. */
export type CancelledAs =
  /** It waited to be delivered, or for its key. */
  | "ready"
  /** It waited for a time. */
  | "delayed"
  /** A follower had it; the delivery was taken back. */
  | "pending"
  /** It was gone before: acknowledged, removed, or on its way to the dead letters. */
  | "gone";

/** How messages are cancelled. */
export interface CancelDetails {
  /** Why; followers that have one, and dead letters, are told. */
  readonly reason?: string | undefined;
  /** Whether they become dead letters, if their stream keeps any; otherwise they are removed. */
  readonly isDeadLetter?: boolean | undefined;
}

/** What became of one message. */
export interface CancelResult {
  readonly was: CancelledAs;
}

/** Which messages are cancelled in one step: those with one of these. */
export interface CancelSelection extends CancelDetails {
  readonly lane?: string | undefined;
  readonly key?: string | undefined;
  readonly dedupId?: string | undefined;
  /** How many at most. */
  readonly limit?: number | undefined;
  /** The `next` of the step before; 0 at the beginning. */
  readonly after?: number | undefined;
}

/** How many messages a step has cancelled, by what they were. */
export interface CancelCounts {
  readonly ready: number;
  readonly delayed: number;
  readonly pending: number;
  /** Where the next step goes on; absent if all messages were looked at. */
  readonly next?: number;
}

/** The part of the engine's port that takes messages out of circulation. */
export interface EngineCancel {
  /**
   * Removes a message wherever it is: one that a follower has is taken back from it for good. The answer
   * says what it was, so it decides the race with an acknowledgement. Rejects with `STREAM_NOT_FOUND`.
   */
  cancelMessage(name: string, id: number, details?: CancelDetails): Promise<CancelResult>;
  /**
   * Does the same with all messages of a lane, a key or a dedup id, in steps: each looks at some thousand
   * messages. Rejects with `STREAM_NOT_FOUND`, `BAD_REQUEST`.
   */
  cancelMessages(name: string, selection: CancelSelection): Promise<CancelCounts>;
}
