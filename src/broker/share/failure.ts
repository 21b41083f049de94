/** How many reasons of one message are kept, the last ones. */
const REASONS_MAX = 10;

/** What went wrong with a message that was delivered and came back: its dead letter will tell. */
export interface Failure {
  /** When a delivery failed for the first time, in milliseconds since 1970. */
  readonly firstAt: number;
  /** When one failed last, in milliseconds since 1970. */
  readonly lastAt: number;
  /** What was said of it, the last ten times. */
  readonly reasons: readonly string[];
  /** The name of the follower that had it last; empty if no follower ever had it. */
  readonly follower: string;
  /** How often in a row it lost its follower; undefined if the last failure was another one. */
  readonly losses?: number;
}

export interface FailedDelivery {
  /** When, in milliseconds since 1970. */
  readonly now: number;
  /** Why; empty if nothing was said. */
  readonly reason: string;
  /** The name of the follower that had it; empty if none did. */
  readonly follower: string;
  readonly isLoss?: boolean | undefined;
}

export function withReasons(failure: Failure, reasons: readonly string[]): Failure {
  // A getter in the failure table.
  return { ...failure, lastAt: failure.lastAt, reasons };
}

/** So many of the reasons of a failure, the last ones. */
export function lastReasons({ reasons }: Failure, count: number): readonly string[] {
  return reasons.slice(Math.max(0, reasons.length - count));
}

/** Joins a failure as it was written with what was written before. */
export function joinFailures(
  before: Failure | undefined,
  failure: Failure,
  newReasons: number | undefined,
): Failure {
  if (newReasons === undefined || before === undefined) return failure;
  const reasons = [...before.reasons, ...lastReasons(failure, newReasons)];
  return withReasons(failure, reasons.slice(-REASONS_MAX));
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
