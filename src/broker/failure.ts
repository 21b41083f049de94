/**
 * What went wrong with messages that were delivered and came back: the beginning of the story that
 * their dead letters will tell.
 *
 * @module
 */

/** So many reasons of one message are kept, the last ones. */
const REASONS_MAX = 10;

/** What went wrong with a message until now. */
export interface Failure {
  /** When a delivery failed for the first time, in milliseconds since 1970. */
  readonly firstAt: number;
  /** When one failed last, in milliseconds since 1970. */
  readonly lastAt: number;
  /** What was said of it, the last ten times. */
  readonly reasons: readonly string[];
  /** The name of the follower that had it last; empty if no follower ever had it. */
  readonly follower: string;
  /** How often it lost its follower, in a row until now; not there if that was not the last thing. */
  readonly losses?: number;
}

/** A delivery that failed. */
export interface FailedDelivery {
  /** When, in milliseconds since 1970. */
  readonly now: number;
  /** Why; empty if nothing was said. */
  readonly reason: string;
  /** The name of the follower that had it; empty if none did. */
  readonly follower: string;
  /** Whether its follower was lost. */
  readonly isLoss?: boolean | undefined;
}

/** Adds a failed delivery to what went wrong before. */
export function addFailure(
  before: Failure | undefined,
  { now, reason, follower, isLoss }: FailedDelivery,
): Failure {
  const at = Math.floor(now);
  const reasons = [...before?.reasons ?? [], ...reason === "" ? [] : [reason]];
  return {
    firstAt: before?.firstAt ?? at,
    lastAt: at,
    reasons: reasons.slice(-REASONS_MAX),
    follower: follower === "" ? before?.follower ?? "" : follower,
    ...isLoss && { losses: countLosses(before) + 1 },
  };
}

/** How often a message has lost its follower, in a row until now. */
export function countLosses(failure: Failure | undefined): number {
  return failure?.losses ?? 0;
}
