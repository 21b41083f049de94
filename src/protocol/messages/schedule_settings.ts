import { findStreamNameMistake, SPAN_MS_MAX, STREAM_NAME_RULE } from "../limits.ts";
import { TIME_MAX } from "./properties.ts";

/** The most schedules of a broker. */
export const SCHEDULES_MAX = 10_000;

/** The shortest interval of a schedule, in milliseconds. */
export const SCHEDULE_MS_MIN = 1000;

/** The longest name of a schedule, in characters: a dedup id has room for it and for a date. */
export const SCHEDULE_NAME_LENGTH_MAX = 94;

/** The most bytes of a schedule's message, with its headers. */
export const SCHEDULE_BYTES_MAX: number = 16 * 1024;

/** The longest cron expression, in characters. */
export const CRON_LENGTH_MAX = 256;

/** The longest jitter, in milliseconds: a day. */
export const JITTER_MS_MAX: number = 24 * 60 * 60 * 1000;

/** The longest name of a time zone, in characters. */
const ZONE_LENGTH_MAX = 64;

/** What becomes of dates that have passed while no broker was there to look at them. */
export const MISSED_WAYS: readonly MissedWay[] = ["one", "skip", "all"];

/** What becomes of dates that have passed: one message for the last, none, or one for each. */
export type MissedWay = "one" | "skip" | "all";

/** What becomes of a date whose last message is still in the stream. */
export const OVERLAP_WAYS: readonly OverlapWay[] = ["skip", "allow", "replace"];

/** What a date does while the last message is still there: nothing, one more, or one in its place. */
export type OverlapWay = "skip" | "allow" | "replace";

/** When a schedule stores which message. */
export interface ScheduleSettings {
  /** The stream that its messages go to. */
  readonly stream: string;
  /** The message: an entry as in a batch, in base64, without dates and without a dedup id. */
  readonly entry: string;
  /** Five fields of cron, or six with seconds in front; absent if it has an interval. */
  readonly cron?: string;
  /** The time zone of the cron expression: a name of IANA. */
  readonly timeZone?: string;
  /** The interval in milliseconds; absent if it has a cron expression. */
  readonly everyMs?: number;
  /** What missed dates get. */
  readonly missed: MissedWay;
  /** What a date does while the last message is still in the stream. */
  readonly overlap: OverlapWay;
  /** How much later than its date a message may come, in milliseconds. */
  readonly jitterMs: number;
  /** The last date, in milliseconds since 1970; null for none. */
  readonly until: number | null;
  /** How many messages it stores in all; null for no limit. */
  readonly limit: number | null;
}

/** The settings as a client sends them: those that are missing have their defaults. */
export type ScheduleInput =
  & Pick<ScheduleSettings, "stream" | "entry">
  & Partial<Omit<ScheduleSettings, "stream" | "entry">>
  & {
    /** Whether it stores a message at once, if it is new. */
    readonly now?: boolean;
  };

/** Completes settings in which {@linkcode findScheduleMistake} finds no mistake. */
export function completeSchedule(input: ScheduleInput): ScheduleSettings {
  const { stream, entry, cron, everyMs, missed = "one", jitterMs = 0 } = input;
  const { timeZone = "UTC", overlap = missed === "all" ? "allow" : "skip" } = input;
  return {
    stream,
    entry,
    ...cron === undefined ? { everyMs: everyMs! } : { cron: cron.trim(), timeZone },
    missed,
    overlap,
    jitterMs,
    until: input.until ?? null,
    limit: input.limit ?? null,
  };
}

/** Describes the mistake in the name of a schedule, if there is one. */
export function findScheduleNameMistake(name: unknown): string | undefined {
  const isName = typeof name === "string" && name.length <= SCHEDULE_NAME_LENGTH_MAX &&
    STREAM_NAME_RULE.test(name);
  if (isName) return undefined;
  return `the name of a schedule must have 1 to ${SCHEDULE_NAME_LENGTH_MAX} of the characters ` +
    `A-Z a-z 0-9 . _ - and begin with a letter or a digit, found ${JSON.stringify(name)}`;
}

/** Describes the mistake in the settings of a schedule, if there is one. */
export function findScheduleMistake(input: Readonly<Record<string, unknown>>): string | undefined {
  const { stream, entry, missed, overlap, jitterMs, until, limit, now } = input;
  const nameMistake = findStreamNameMistake(stream);
  if (nameMistake !== undefined) return nameMistake;
  if (typeof entry !== "string") return "entry must be a string";
  return findTimingMistake(input) ?? findWayMistake("missed", missed, MISSED_WAYS) ??
    findWayMistake("overlap", overlap, OVERLAP_WAYS) ??
    (missed === "all" && overlap !== undefined && overlap !== "allow"
      ? 'missed "all" stores several messages at once: it needs overlap "allow"'
      : undefined) ??
    findNumberMistake("jitterMs", jitterMs, [0, JITTER_MS_MAX]) ??
    findNumberMistake("until", until ?? undefined, [0, TIME_MAX]) ??
    findNumberMistake("limit", limit ?? undefined, [1, Number.MAX_SAFE_INTEGER]) ??
    (now === undefined || typeof now === "boolean" ? undefined : "now must be true or false");
}

function findTimingMistake(
  { cron, everyMs, timeZone }: Readonly<Record<string, unknown>>,
): string | undefined {
  if ((cron === undefined) === (everyMs === undefined)) {
    return "either cron or everyMs must be given, and not both";
  }
  if (cron === undefined) {
    if (timeZone !== undefined) return "timeZone is for cron: an interval is the same everywhere";
    return findNumberMistake("everyMs", everyMs, [SCHEDULE_MS_MIN, SPAN_MS_MAX]);
  }
  if (typeof cron !== "string" || cron.length > CRON_LENGTH_MAX) {
    return `cron must be a string of at most ${CRON_LENGTH_MAX} characters`;
  }
  const isZone = timeZone === undefined || typeof timeZone === "string" && timeZone.length > 0 &&
      timeZone.length <= ZONE_LENGTH_MAX;
  return isZone ? undefined : 'timeZone must be the name of a zone, such as "Europe/Berlin"';
}

function findWayMistake(
  name: string,
  way: unknown,
  ways: readonly string[],
): string | undefined {
  if (way === undefined || ways.includes(way as string)) return undefined;
  return `${name} must be one of ${ways.join(", ")}, found ${JSON.stringify(way)}`;
}

function findNumberMistake(
  name: string,
  value: unknown,
  [low, high]: readonly [number, number],
): string | undefined {
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high) {
    return undefined;
  }
  return `${name} must be a whole number from ${low} to ${high}, found ${value}`;
}
