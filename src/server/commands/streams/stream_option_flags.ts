import type {
  BreakerOptions,
  LaneLimits,
  Rate,
  StreamOptions,
  StreamOptionsInput,
} from "../../../../protocol.ts";
import type { Arguments, Flag } from "../arguments.ts";
import type { FlagReader } from "../flag_reader.ts";
import { formatBytes, formatSpan } from "../output/quantities.ts";
import {
  BREAKER_ALLOWED,
  formatBreaker,
  formatLaneLimits,
  formatRate,
  LANE_LIMITS_ALLOWED,
  parseBreaker,
  parseLaneLimits,
  parseRate,
  RATE_ALLOWED,
} from "./limit_values.ts";

type Option = keyof StreamOptions;

/** How an option of a stream is written on the command line. */
interface OptionRow {
  readonly option: Option;
  readonly flag: string;
  readonly value: string;
  readonly about: string;
  readonly read: (reader: FlagReader, flag: string) => unknown;
  readonly show: (value: unknown) => string;
}

const ANY = { low: 0, high: Number.MAX_SAFE_INTEGER };

const span = {
  value: "<span>",
  read: (reader: FlagReader, flag: string) => reader.readSpan(flag),
  show: (value: unknown) => formatSpan(value as number),
};
const number = {
  value: "<number>",
  read: (reader: FlagReader, flag: string) => reader.readNumber(flag, ANY),
  show: String,
};
const toggle = {
  value: "<true|false>",
  read: (reader: FlagReader, flag: string) => {
    const found = reader.readChoice(flag, ["true", "false"]);
    return found === undefined ? undefined : found === "true";
  },
  show: (value: unknown) => value ? "yes" : "no",
};

/** A kind whose values may be `none`. */
function orNone({ value, read, show }: Pick<OptionRow, "value" | "read" | "show">) {
  return {
    value: value.replace(">", "|none>"),
    read: (reader: FlagReader, flag: string) => reader.orNone(flag, () => read(reader, flag)),
    show: (found: unknown) => found === null ? "none" : show(found),
  };
}

const size = {
  value: "<size>",
  read: (reader: FlagReader, flag: string) => reader.readSize(flag),
  show: (value: unknown) => formatBytes(value as number),
};

const rate = {
  value: "<number/span>",
  read: (reader: FlagReader, flag: string) => reader.readWith(flag, parseRate, RATE_ALLOWED),
  show: (value: unknown) => formatRate(value as Rate),
};

/** All options, as the help lists them. */
export const OPTION_ROWS: readonly OptionRow[] = [
  {
    option: "ackTimeoutMs",
    flag: "ack-timeout",
    about: "How long a handler may have a message; 30m by default",
    ...span,
  },
  {
    option: "maxDeliveries",
    flag: "max-deliveries",
    about: "The most deliveries of a message; 20 by default",
    ...number,
  },
  {
    option: "backoffMs",
    flag: "backoff",
    value: "<spans>",
    about: "The delays after failures, with commas; 1s,5s,30s,2m,10m by default",
    read: (reader, flag) => reader.readSpans(flag),
    show: (value) => (value as readonly number[]).map(formatSpan).join(", "),
  },
  {
    option: "deadLetter",
    flag: "dead-letter",
    about: "Whether messages that fail go to the dead letters; true by default",
    ...toggle,
  },
  {
    option: "deadLetterExpired",
    flag: "dead-letter-expired",
    about: "Whether expired messages do; false by default",
    ...toggle,
  },
  {
    option: "ttlMs",
    flag: "ttl",
    about: "How long messages may wait; none by default",
    ...orNone(span),
  },
  {
    option: "dedupWindowMs",
    flag: "dedup-window",
    about: "How long dedup ids are remembered; 2m by default",
    ...span,
  },
  {
    option: "maxMessages",
    flag: "max-messages",
    about: "The most messages in the stream; none by default",
    ...orNone(number),
  },
  {
    option: "maxBytes",
    flag: "max-bytes",
    about: "The most bytes in the stream; none by default",
    ...orNone(size),
  },
  {
    option: "overflow",
    flag: "overflow",
    value: "<reject|drop-oldest>",
    about: "What happens when the stream is full; reject by default",
    read: (reader, flag) => reader.readChoice(flag, ["reject", "drop-oldest"]),
    show: String,
  },
  {
    option: "maxPending",
    flag: "max-pending",
    about: "The most messages that followers hold at a time, all together; none by default",
    ...orNone(number),
  },
  {
    option: "rate",
    flag: "rate",
    about: "The most deliveries in a time, such as 10/1s; none by default",
    ...orNone(rate),
  },
  {
    option: "laneLimits",
    flag: "lane-limits",
    about: "The limits of each lane: max-pending=2,rate=10/1s,max-messages=1000; none by default",
    ...orNone({
      value: "<limits>",
      read: (reader, flag) => reader.readWith(flag, parseLaneLimits, LANE_LIMITS_ALLOWED),
      show: (value) => formatLaneLimits(value as LaneLimits),
    }),
  },
  {
    option: "priorityAcross",
    flag: "priority-across",
    about: "Whether a priority counts across lanes; false by default",
    ...toggle,
  },
  {
    option: "sharedLimit",
    flag: "shared-limit",
    about: "The name of a limit that streams share; none by default",
    ...orNone({
      value: "<name>",
      read: (reader, flag) => reader.readWith(flag, (text) => text, "a name"),
      show: String,
    }),
  },
  {
    option: "priorityAgingMs",
    flag: "priority-aging",
    about: "The time of waiting in which a message gains a priority; none by default",
    ...orNone(span),
  },
  {
    option: "breaker",
    flag: "breaker",
    about:
      "When deliveries stop since too many fail: failures=5,within=10s,open=30s; none by default",
    ...orNone({
      value: "<failures>",
      read: (reader, flag) => reader.readWith(flag, parseBreaker, BREAKER_ALLOWED),
      show: (value) => formatBreaker(value as BreakerOptions),
    }),
  },
];

/** The flags of all options. */
export const OPTION_FLAGS: readonly Flag[] = OPTION_ROWS.map(({ flag, option, value, about }) => ({
  name: flag,
  value,
  about,
  ...option === "backoffMs" && { isList: true },
}));

/** Reads the options that are given. */
export function readStreamOptions(args: Arguments, reader: FlagReader): StreamOptionsInput {
  const given = OPTION_ROWS.filter(({ flag }) => args.has(flag));
  return Object.fromEntries(
    given.map(({ option, flag, read }) => [option, read(reader, flag)])
      .filter(([, value]) => value !== undefined),
  );
}

/** Shows the value of an option to people. */
export function showOption(option: Option, value: unknown): string {
  return OPTION_ROWS.find((row) => row.option === option)?.show(value) ?? JSON.stringify(value);
}
