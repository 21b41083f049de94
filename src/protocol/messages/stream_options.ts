import { SPAN_MS_MAX } from "./properties.ts";

/** What can be set for a stream. */
export interface StreamOptions {
  /**
   * How long a follower may work on a delivery, in milliseconds, from 100 on: then the message comes
   * back, as if it had been given back by `nack`.
   *
   * @default {1800000}
   */
  readonly ackTimeoutMs: number;
  /**
   * How often a message is delivered at most, 1 to 65,535: then it goes to the dead letters.
   *
   * @default {20}
   */
  readonly maxDeliveries: number;
  /**
   * How long a message is held back after it has failed once, twice …, in milliseconds; the last one
   * counts for all later failures. 1 to 32 of them.
   *
   * @default {[1000, 5000, 30000, 120000, 600000]}
   */
  readonly backoffMs: readonly number[];
  /**
   * Whether messages that were rejected, or delivered too often, go to the stream `<name>.dead`.
   * Otherwise they are gone. In a stream whose own name ends in `.dead` neither happens: there
   * messages stay until somebody acknowledges or removes them, and come back after the backoff.
   *
   * @default {true}
   */
  readonly deadLetter: boolean;
  /**
   * Whether messages that have expired go to the stream `<name>.dead`, too. Otherwise they are gone.
   *
   * @default {false}
   */
  readonly deadLetterExpired: boolean;
  /**
   * How long after a message may be delivered it still is, in milliseconds, for messages that do not
   * say so themselves; `null` for ever. A change counts for what is stored after it.
   *
   * @default {null}
   */
  readonly ttlMs: number | null;
  /**
   * For how long a `dedupId` is remembered, in milliseconds: a message with the same one is not
   * stored again. 0 to a day. The last 100,000 of a stream are remembered, whatever their time.
   *
   * @default {120000}
   */
  readonly dedupWindowMs: number;
  /**
   * How many messages the stream may hold, ready, delayed and pending together; `null` for no limit.
   *
   * @default {null}
   */
  readonly maxMessages: number | null;
  /**
   * How many bytes of messages the stream may hold, with their headers; `null` for no limit.
   *
   * @default {null}
   */
  readonly maxBytes: number | null;
  /**
   * What happens when the stream is full: a message that comes is refused with `STREAM_FULL`, or the
   * oldest that nobody holds make room for it. Dead letters are never refused: with `"reject"` they
   * come into their stream beyond its limit.
   *
   * @default {"reject"}
   */
  readonly overflow: "reject" | "drop-oldest";
}

/** What a stream has unless something else is said. */
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
});

/** Some of a stream's options, as they are given to create or to change one. */
export type StreamOptionsInput = { readonly [Key in keyof StreamOptions]?: StreamOptions[Key] };

/** The shortest time that a follower can be given for a delivery, in milliseconds. */
const ACK_TIMEOUT_MS_MIN = 100;

/** The longest time for which dedup ids are remembered, in milliseconds. */
export const DEDUP_WINDOW_MS_MAX: number = 24 * 60 * 60 * 1000;

/** So many dedup ids are remembered of one stream. */
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

/** Tells what is wrong with one option, or nothing. */
type Check = (value: unknown) => string | undefined;

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
};

function whole(low: number, high: number): Check {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high
      ? undefined
      : `a whole number from ${low} to ${high}`;
}

function orNull(check: Check): Check {
  return (value) => {
    const mistake = value === null ? undefined : check(value);
    return mistake === undefined ? undefined : `null, or ${mistake}`;
  };
}

function flag(value: unknown): string | undefined {
  return typeof value === "boolean" ? undefined : "true or false";
}

/** What to do about a stream that is there already, with other options. */
export type DifferenceWay = "keep" | "update" | "fail";

/** Every {@linkcode DifferenceWay}. */
export const DIFFERENCE_WAYS: readonly DifferenceWay[] = ["keep", "update", "fail"];

/** What became of a stream that was to be created. */
export interface StreamCreation {
  /** Whether it was created; `false` if there was one of that name. */
  readonly created: boolean;
  /** Which of the options that were given the stream had otherwise. */
  readonly differs: readonly (keyof StreamOptions)[];
}

/** Tells which options a stream has otherwise than wished; what is not wished may be anything. */
export function findDifferences(
  options: StreamOptions,
  wished: StreamOptionsInput,
): (keyof StreamOptions)[] {
  const keys = Object.keys(wished) as (keyof StreamOptions)[];
  return keys.filter((key) =>
    wished[key] !== undefined && String(wished[key]) !== String(options[key])
  );
}

/** Explains why a stream cannot be created: there is one with other options. */
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

/** Tells what is wrong with a stream's options, and what is allowed, if something is. */
export function findStreamOptionsMistake(options: unknown): string | undefined {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    return "a stream's options must be an object";
  }
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, key)) {
      return `there is no option "${key}" of a stream: there are ${Object.keys(CHECKS).join(", ")}`;
    }
    if (value === undefined) continue;
    const allowed = CHECKS[key as keyof StreamOptions](value);
    if (allowed !== undefined) {
      return `option "${key}" is ${allowed}, found ${JSON.stringify(value)}`;
    }
  }
  return undefined;
}
