/** Why a message is in a dead-letter stream. */
export type DeadLetterCause = "rejected" | "maxDeliveries" | "expired" | "cancelled";

/** How often a message was sent back from the dead letters, and what it was at first. */
export interface Redrives {
  /** How often it was sent back. */
  readonly count: number;
  /** The id that it had in its stream before it was sent back for the first time. */
  readonly firstId: number;
  /** When a delivery of it failed for the first time of all, in milliseconds since 1970. */
  readonly firstAt: number;
}

/** What a message that was sent back from the dead letters keeps in the place of a story. */
export interface Redriven {
  readonly redrives: Redrives;
}

/** The history of a message before it came into a dead-letter stream. */
export interface DeadLetter {
  /** The stream that it was in. */
  readonly stream: string;
  /** Its id there. */
  readonly id: number;
  /** The number of its deliveries there. */
  readonly attempts: number;
  /** Why it is here: `rejected`, delivered `maxDeliveries` times, `expired`, or `cancelled` by a cursor. */
  readonly cause: DeadLetterCause;
  /** When a delivery failed for the first time, in milliseconds since 1970. */
  readonly firstAt: number;
  /** When it came here, in milliseconds since 1970. */
  readonly lastAt: number;
  /** The reasons of its failures: the last ten, in their order. */
  readonly reasons: readonly string[];
  /** The name of the last follower that had it; absent if no follower ever had it. */
  readonly follower?: string;
  /** How often it was sent back from the dead letters before; absent if it never was. */
  readonly redrives?: Redrives;
  /** The trace that the message belongs to; absent if it has no valid header `traceparent`. */
  readonly traceId?: string;
}

/** The causes, as they are written. */
const CAUSES: readonly unknown[] = [
  "rejected",
  "maxDeliveries",
  "expired",
  "cancelled",
] satisfies DeadLetterCause[];

/** The largest story of an imported dead letter as JSON, in bytes: much more than any has. */
export const STORY_BYTES_MAX: number = 16 * 1024;

/** What a dead letter keeps of its story when it is sent back. */
export function keepRedrives({ id, firstAt, redrives }: DeadLetter): Redriven {
  const { count, ...first } = redrives ?? { count: 0, firstId: id, firstAt };
  return { redrives: { count: count + 1, ...first } };
}

/** Describes the mistake in the story of a dead letter that is imported, if there is one. */
export function findStoryMistake(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "the story of a dead letter must be an object";
  }
  const story = value as { readonly [Name in keyof DeadLetter]?: unknown };
  const isCount = (count: unknown) => Number.isSafeInteger(count) && Number(count) >= 0;
  const isText = (text: unknown) => typeof text === "string";
  const isRight = {
    stream: isText(story.stream),
    id: isCount(story.id),
    attempts: isCount(story.attempts),
    cause: CAUSES.includes(story.cause),
    firstAt: isCount(story.firstAt),
    lastAt: isCount(story.lastAt),
    reasons: Array.isArray(story.reasons) && story.reasons.every(isText),
    follower: story.follower === undefined || isText(story.follower),
    redrives: story.redrives === undefined || areRedrives(story.redrives, isCount),
  };
  const [wrong] = Object.entries(isRight).find(([, isRight]) => !isRight) ?? [];
  return wrong === undefined
    ? undefined
    : `"${wrong}" in the story of a dead letter is missing, or not allowed`;
}

function areRedrives(value: unknown, isCount: (count: unknown) => boolean): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { count, firstId, firstAt } = value as { readonly [Name in keyof Redrives]?: unknown };
  return isCount(count) && isCount(firstId) && isCount(firstAt);
}
