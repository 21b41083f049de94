import { LABEL_LENGTH_MAX, STREAM_NAME_RULE } from "./limits.ts";
import { encodeUtf8 } from "./utf8.ts";
import { checkRate, LIMIT_COUNT_MAX } from "./limit_options.ts";
import type { Rate } from "./messages/stream_options.ts";

/** What holds for one lane of a stream instead of the stream's `laneLimits`; a missing field is not set. */
export interface LaneSettings {
  /** The most messages of the lane that followers hold at a time; `null` for no limit. */
  readonly maxPending?: number | null;
  /** The most deliveries of the lane's messages in a time; `null` for no limit. */
  readonly rate?: Rate | null;
  /**
   * How many messages the lane gets for one of others, 1 to 1,000.
   *
   * @default {1}
   */
  readonly weight?: number;
  /**
   * Whether nothing of the lane is delivered.
   *
   * @default {false}
   */
  readonly isPaused?: boolean;
}

/** A limit that several streams share. */
export interface SharedLimitSettings {
  /** The most messages of all these streams together that followers hold at a time; `null` for no limit. */
  readonly maxPending?: number | null;
  /** The most deliveries of messages of all these streams together in a time; `null` for no limit. */
  readonly rate?: Rate | null;
}

/** The highest weight of a lane. */
export const WEIGHT_MAX = 1000;

/** How lanes are sorted in a list: most waiting first, most pending first, or by name. */
export type LaneOrder = "waiting" | "pending" | "name";

/** All orders of lanes. */
export const LANE_ORDERS: readonly LaneOrder[] = ["waiting", "pending", "name"];

/** Finds the first mistake in the settings of a lane; returns what is wrong. */
export function findLaneSettingsMistake(value: unknown): string | undefined {
  return findMistake(value, "the settings of a lane", {
    maxPending: checkMaxPending,
    rate: (rate) => rate === null ? undefined : checkRate(rate),
    weight: (weight) => isWithin(weight, 1, WEIGHT_MAX) ? undefined : `1 to ${WEIGHT_MAX}`,
    isPaused: (flag) => typeof flag === "boolean" ? undefined : "true or false",
  });
}

/** Finds the first mistake in the settings of a shared limit; returns what is wrong. */
export function findSharedLimitMistake(value: unknown): string | undefined {
  return findMistake(value, "the settings of a limit", {
    maxPending: checkMaxPending,
    rate: (rate) => rate === null ? undefined : checkRate(rate),
  });
}

/** Finds a mistake in the name of a lane; returns what is wrong. */
export function findLaneNameMistake(value: unknown): string | undefined {
  const bytes = typeof value === "string" ? encodeUtf8(value).length : 0;
  if (bytes >= 1 && bytes <= LABEL_LENGTH_MAX) return undefined;
  return `a lane must be a text of 1 to ${LABEL_LENGTH_MAX} bytes`;
}

/** Finds a mistake in the name of a shared limit; returns what is wrong. */
export function findLimitNameMistake(value: unknown): string | undefined {
  if (typeof value === "string" && STREAM_NAME_RULE.test(value)) return undefined;
  return "the name of a limit must be one as of a stream";
}

type Checks = { readonly [name: string]: (value: unknown) => string | undefined };

function findMistake(value: unknown, what: string, checks: Checks): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return `${what} must be an object`;
  }
  for (const [name, field] of Object.entries(value)) {
    if (!Object.hasOwn(checks, name)) {
      return `${what} are ${Object.keys(checks).join(", ")}, found "${name}"`;
    }
    const allowed = field === undefined ? undefined : checks[name]!(field);
    if (allowed !== undefined) {
      return `"${name}" must be ${allowed}, found ${JSON.stringify(field)}`;
    }
  }
  return undefined;
}

function checkMaxPending(value: unknown): string | undefined {
  if (value === null || isWithin(value, 1, LIMIT_COUNT_MAX)) return undefined;
  return `1 to ${LIMIT_COUNT_MAX} or null`;
}

function isWithin(value: unknown, low: number, high: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high;
}
