/** Why a message is in a dead-letter stream. */
export type DeadLetterCause = "rejected" | "maxDeliveries" | "expired";

/** The history of a message before it came into a dead-letter stream. */
export interface DeadLetter {
  /** The stream that it was in. */
  readonly stream: string;
  /** Its id there. */
  readonly id: number;
  /** The number of its deliveries there. */
  readonly attempts: number;
  /** Why it is here: `rejected`, delivered `maxDeliveries` times, or `expired`. */
  readonly cause: DeadLetterCause;
  /** When a delivery failed for the first time, in milliseconds since 1970. */
  readonly firstAt: number;
  /** When it came here, in milliseconds since 1970. */
  readonly lastAt: number;
  /** The reasons of its failures: the last ten, in their order. */
  readonly reasons: readonly string[];
  /** The name of the last follower that had it; absent if no follower ever had it. */
  readonly follower?: string;
  /** The trace that the message belongs to; absent if it has no valid header `traceparent`. */
  readonly traceId?: string;
}
