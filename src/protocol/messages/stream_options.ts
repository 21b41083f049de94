import { SPAN_MS_MAX, STREAM_NAME_RULE } from "../limits.ts";
import {
  type Check,
  checkBreaker,
  checkLaneLimits,
  checkRate,
  describeMistake,
  hintAt,
  LIMIT_COUNT_MAX,
  orNull,
  whole,
} from "../limit_options.ts";

/** The options of a stream. */
export interface StreamOptions {
  /**
   * How long a handler may have a message, in milliseconds, at least 100. After that the message counts as
   * failed, as by `nack`, and is delivered again.
   *
   * @default {1800000}
   */
  readonly ackTimeoutMs: number;
  /**
   * The most deliveries of a message, 1 to 65,535. After the last one it goes to the dead letters.
   *
   * @default {20}
   */
  readonly maxDeliveries: number;
  /**
   * The delays after the first failure, the second …, in milliseconds: 1 to 32 values, of which the last
   * applies to all later failures.
   *
   * @default {[1000, 5000, 30000, 120000, 600000]}
   */
  readonly backoffMs: readonly number[];
  /**
   * Whether messages that were rejected or delivered too often go to the stream `<name>.dead`; otherwise
   * they are discarded. A stream whose own name ends with `.dead` does neither: its messages come back
   * after the backoff, until they are acknowledged or removed.
   *
   * @default {true}
   */
  readonly deadLetter: boolean;
  /**
   * Whether expired messages go to the stream `<name>.dead`, too; otherwise they are discarded.
   *
   * @default {false}
   */
  readonly deadLetterExpired: boolean;
  /**
   * How long messages without a `ttlMs` of their own may wait to be delivered, in milliseconds from the end
   * of their delay; `null` for ever. A change applies to messages that are stored after it.
   *
   * @default {null}
   */
  readonly ttlMs: number | null;
  /**
   * How long a `dedupId` is remembered, in milliseconds, 0 to one day: another message with the same one is
   * not stored. A stream remembers its last 100,000 ids at most.
   *
   * @default {120000}
   */
  readonly dedupWindowMs: number;
  /**
   * The most messages in the stream, ready, delayed and pending together; `null` for no limit.
   *
   * @default {null}
   */
  readonly maxMessages: number | null;
  /**
   * The most bytes of messages in the stream, headers included; `null` for no limit.
   *
   * @default {null}
   */
  readonly maxBytes: number | null;
  /**
   * What happens when the stream is full. `"reject"`: new messages are refused with `STREAM_FULL`.
   * `"drop-oldest"`: the oldest messages that no follower holds are discarded. Dead letters are never
   * refused: with `"reject"` they are stored beyond the limit.
   *
   * @default {"reject"}
   */
  readonly overflow: "reject" | "drop-oldest";
  /**
   * The most messages that followers hold at a time, over all followers; `null` for no limit.
   *
   * @default {null}
   */
  readonly maxPending: number | null;
  /**
   * The most deliveries in a time; `null` for no limit.
   *
   * @default {null}
   */
  readonly rate: Rate | null;
  /**
   * The limits of each lane, unless it has limits of its own; `null` for none.
   *
   * @default {null}
   */
  readonly laneLimits: LaneLimits | null;
  /**
   * Whether a message of a higher priority goes before those of all lanes; otherwise priorities order the
   * messages of a lane.
   *
   * @default {false}
   */
  readonly priorityAcross: boolean;
  /**
   * The name of a limit that several streams share, set by `putLimit`; `null` for none.
   *
   * @default {null}
   */
  readonly sharedLimit: string | null;
  /**
   * The time of waiting in which a message gains one level of priority, in milliseconds, at least 100; `null`
   * for never.
   *
   * @default {null}
   */
  readonly priorityAgingMs: number | null;
  /**
   * When deliveries stop because too many fail; `null` for never.
   *
   * @default {null}
   */
  readonly breaker: BreakerOptions | null;
}

/** A number of deliveries in a time. After a pause, up to `count` go out at once. */
export interface Rate {
  /** How many, 1 to 1,000,000. */
  readonly count: number;
  /** In which time, in milliseconds, 1 to one day. */
  readonly perMs: number;
}

/** Limits of each lane of a stream; a missing one is none. */
export interface LaneLimits {
  /** The most messages of a lane that followers hold at a time. */
  readonly maxPending?: number | null;
  /** The most deliveries of a lane's messages in a time. */
  readonly rate?: Rate | null;
  /** The most messages of a lane in the stream; further ones are refused with `STREAM_FULL`. */
  readonly maxMessages?: number | null;
}

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  /** It opens after so many failures, 1 to 10,000 … */
  readonly failures: number;
  /**
   * … within this time, in milliseconds, 100 to one day …
   *
   * @default {10000}
   */
  readonly withinMs?: number;
  /**
   * … if they are at least this share of all outcomes, above 0 and up to 1.
   *
   * @default {0.5}
   */
  readonly share?: number;
  /**
   * How long it stays open before the next probe, in milliseconds, 100 to one day.
   *
   * @default {30000}
   */
  readonly openMs?: number;
  /**
   * Whether a stream or each of its lanes has one.
   *
   * @default {"stream"}
   */
  readonly of?: "stream" | "lane";
}

/** The defaults of a stream's options. */
export const STREAM_OPTIONS_DEFAULT: StreamOptions = Object.freeze({
  ackTimeoutMs: 30 * 60 * 1000,
  maxDeliveries: 20,
  backoffMs: Object.freeze([1000, 5000, 30_000, 120_000, 600_000]),
  deadLetter: true,
  deadLetterExpired: false,
  ttlMs: null,
  dedupWindowMs: 2 * 60 * 1000,
  maxMessages: null,
  maxBytes: null,
  overflow: "reject",
  maxPending: null,
  rate: null,
  laneLimits: null,
  priorityAcross: false,
  sharedLimit: null,
  priorityAgingMs: null,
  breaker: null,
});

/** What a breaker does unless its options say otherwise. */
export const BREAKER_DEFAULT: Required<Omit<BreakerOptions, "failures">> = Object.freeze({
  withinMs: 10_000,
  share: 0.5,
  openMs: 30_000,
  of: "stream",
});

/** Some of a stream's options, to create or to change a stream. */
export type StreamOptionsInput = { readonly [Key in keyof StreamOptions]?: StreamOptions[Key] };

const DAY_MS = 24 * 60 * 60 * 1000;

/** The least `ackTimeoutMs`. */
const ACK_TIMEOUT_MS_MIN = 100;

/** The largest `dedupWindowMs`. */
export const DEDUP_WINDOW_MS_MAX: number = DAY_MS;

/** The most dedup ids that one stream remembers. */
export const DEDUP_COUNT_MAX = 100_000;

/** The most deliveries of one message. */
export const DELIVERIES_MAX = 65_535;

/** The most steps of a backoff. */
export const BACKOFF_COUNT_MAX = 32;

/** The end of the names of streams that hold dead letters. */
export const DEAD_SUFFIX = ".dead";

/** The name of the stream that holds a stream's dead letters. */
export function deadNameOf(stream: string): string {
  return `${stream}${DEAD_SUFFIX}`;
}

/** Whether a stream of that name holds dead letters. */
export function isDeadName(stream: string): boolean {
  return stream.endsWith(DEAD_SUFFIX);
}

const CHECKS: { readonly [Key in keyof StreamOptions]: Check } = {
  ackTimeoutMs: whole(ACK_TIMEOUT_MS_MIN, SPAN_MS_MAX),
  maxDeliveries: whole(1, DELIVERIES_MAX),
  backoffMs: (value) => {
    const isList = Array.isArray(value) && value.length >= 1 && value.length <= BACKOFF_COUNT_MAX;
    const isAllowed = isList && value.every((one) => whole(0, SPAN_MS_MAX)(one) === undefined);
    return isAllowed
      ? undefined
      : `a list of 1 to ${BACKOFF_COUNT_MAX} whole numbers from 0 to ${SPAN_MS_MAX}`;
  },
  deadLetter: flag,
  deadLetterExpired: flag,
  ttlMs: orNull(whole(1, SPAN_MS_MAX)),
  dedupWindowMs: whole(0, DEDUP_WINDOW_MS_MAX),
  maxMessages: orNull(whole(1, Number.MAX_SAFE_INTEGER)),
  maxBytes: orNull(whole(1, Number.MAX_SAFE_INTEGER)),
  overflow: (value) =>
    value === "reject" || value === "drop-oldest" ? undefined : `"reject" or "drop-oldest"`,
  maxPending: orNull(whole(1, LIMIT_COUNT_MAX)),
  rate: orNull(checkRate),
  laneLimits: orNull(checkLaneLimits),
  priorityAcross: flag,
  sharedLimit: orNull((value) =>
    typeof value === "string" && STREAM_NAME_RULE.test(value) ? undefined : "a name as of a stream"
  ),
  priorityAgingMs: orNull(whole(100, SPAN_MS_MAX)),
  breaker: orNull(checkBreaker),
};

function flag(value: unknown): string | undefined {
  return typeof value === "boolean" ? undefined : "true or false";
}

/** What to do about an existing stream with other options. */
export type DifferenceWay = "keep" | "update" | "fail";

/** Every {@linkcode DifferenceWay}. */
export const DIFFERENCE_WAYS: readonly DifferenceWay[] = ["keep", "update", "fail"];

/** The result of creating a stream. */
export interface StreamCreation {
  /** Whether it was created; `false` if it existed. */
  readonly created: boolean;
  /** The given options that have other values in the existing stream. */
  readonly differs: readonly (keyof StreamOptions)[];
}

/** Lists the given options that have other values in the stream. */
export function findDifferences(
  options: StreamOptions,
  wished: StreamOptionsInput,
): (keyof StreamOptions)[] {
  const keys = Object.keys(wished) as (keyof StreamOptions)[];
  return keys.filter((key) =>
    wished[key] !== undefined && JSON.stringify(wished[key]) !== JSON.stringify(options[key])
  );
}

/** The message of `STREAM_DIFFERS`. */
export function explainDifferences(
  name: string,
  options: StreamOptions,
  wished: StreamOptionsInput,
): string {
  const found = findDifferences(options, wished).map((key) =>
    `${key} is ${JSON.stringify(options[key])}, not ${JSON.stringify(wished[key])}`
  );
  return `Cannot create stream "${name}": there is one with other options, ${found.join("; ")}`;
}

/** Describes the first mistake in a stream's options, with the allowed values. */
export function findStreamOptionsMistake(options: unknown): string | undefined {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    return "a stream's options must be an object";
  }
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, key)) {
      return `there is no option "${key}" of a stream: ${hintAt(key, Object.keys(CHECKS))}`;
    }
    if (value === undefined) continue;
    const mistake = describeMistake(key, value, CHECKS[key as keyof StreamOptions]);
    if (mistake !== undefined) return mistake;
  }
  return undefined;
}
