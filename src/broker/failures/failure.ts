/** How many of a message's last reasons are kept. */
const REASONS_MAX = 10;

/** The failures of a message so far, for its dead letter. */
export interface Failure {
  /** When a delivery failed for the first time, in milliseconds since 1970. */
  readonly firstAt: number;
  /** When one failed last, in milliseconds since 1970. */
  readonly lastAt: number;
  /** The last ten reasons. */
  readonly reasons: readonly string[];
  /** The name of its last follower; empty if it never had one. */
  readonly follower: string;
  /** How often in a row it lost its follower; undefined if the last failure was of another kind. */
  readonly losses?: number;
  /** How often it was postponed; undefined if it never was. */
  readonly postponements?: number;
}

/** The most postponements of a message; later ones count as attempts, so that none goes round for ever. */
export const POSTPONEMENTS_MAX = 1000;

export interface FailedDelivery {
  /** When, in milliseconds since 1970. */
  readonly now: number;
  /** The reason; may be empty. */
  readonly reason: string;
  /** The name of its follower; empty if it had none. */
  readonly follower: string;
  readonly isLoss?: boolean | undefined;
  /** Whether it was put off by its follower, and has not failed. */
  readonly isPostponement?: boolean | undefined;
}

export function withReasons(failure: Failure, reasons: readonly string[]): Failure {
  return { ...failure, reasons };
}

/** A failure with only its last `count` reasons. */
export function lastReasons({ reasons }: Failure, count: number): readonly string[] {
  return reasons.slice(Math.max(0, reasons.length - count));
}

/** Joins a failure as it was written with the reasons that were written before. */
export function joinFailures(
  before: Failure | undefined,
  failure: Failure,
  newReasons: number | undefined,
): Failure {
  if (newReasons === undefined || before === undefined) return failure;
  const reasons = [...before.reasons, ...lastReasons(failure, newReasons)];
  return withReasons(failure, reasons.slice(-REASONS_MAX));
}

/** Adds a failed delivery to the failures before. */
export function addFailure(
  before: Failure | undefined,
  { now, reason, follower, isLoss, isPostponement }: FailedDelivery,
): Failure {
  const at = Math.floor(now);
  const postponements = countPostponements(before) + (isPostponement ? 1 : 0);
  const reasons = [...before?.reasons ?? [], ...reason === "" ? [] : [reason]];
  return {
    firstAt: before?.firstAt ?? at,
    lastAt: at,
    reasons: reasons.slice(-REASONS_MAX),
    follower: follower === "" ? before?.follower ?? "" : follower,
    ...isLoss && { losses: countLosses(before) + 1 },
    ...postponements > 0 && { postponements },
  };
}

/** How often a message was postponed. */
export function countPostponements(failure: Failure | undefined): number {
  return failure?.postponements ?? 0;
}

/** How often in a row a message has lost its follower. */
export function countLosses(failure: Failure | undefined): number {
  return failure?.losses ?? 0;
}
