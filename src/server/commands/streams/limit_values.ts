// Options of a stream that have parts, as the command line writes them: `10/1s`, `failures=5,open=1m`.

import type { BreakerOptions, LaneLimits, Rate } from "../../../../protocol.ts";
import { parseWhole } from "../flag_reader.ts";
import { formatSpan, parseSpan } from "../output/quantities.ts";

export const RATE_ALLOWED = "a number in a time such as 10/1s or 600/1m";

/** Reads a rate: `10/1s`, `10/s`, `600/1m`. */
export function parseRate(text: string): Rate | undefined {
  const [, number = "", time = ""] = /^(\d+)\/(.+)$/.exec(text.trim()) ?? [];
  const count = parseWhole(number);
  const perMs = parseSpan(/^\d/.test(time) ? time : `1${time}`);
  return count === undefined || perMs === undefined ? undefined : { count, perMs };
}

/** Writes a rate such that it is read as it was. */
export function formatRate({ count, perMs }: Rate): string {
  return `${count}/${formatSpan(perMs).replaceAll(" ", "")}`;
}

/** A part of a value: how it is called there, and how it is read and written. */
interface Part {
  readonly option: string;
  readonly read: (text: string) => unknown;
  readonly write: (value: never) => string;
}

const count = { read: parseWhole, write: String };
const span = { read: parseSpan, write: formatSpan };
const rate = { read: parseRate, write: formatRate };

const LANE_PARTS: Readonly<Record<string, Part>> = {
  "max-pending": { option: "maxPending", ...count },
  rate: { option: "rate", ...rate },
  "max-messages": { option: "maxMessages", ...count },
};

export const LANE_LIMITS_ALLOWED =
  "some of max-pending=<number>, rate=<number/span>, max-messages=<number>, with commas";

export function parseLaneLimits(text: string): LaneLimits | undefined {
  return parseParts(text, LANE_PARTS);
}

export function formatLaneLimits(limits: LaneLimits): string {
  return formatParts(limits, LANE_PARTS);
}

const BREAKER_PARTS: Readonly<Record<string, Part>> = {
  failures: { option: "failures", ...count },
  within: { option: "withinMs", ...span },
  share: { option: "share", read: parseShare, write: String },
  open: { option: "openMs", ...span },
  of: {
    option: "of",
    read: (text) => text === "stream" || text === "lane" ? text : undefined,
    write: String,
  },
};

export const BREAKER_ALLOWED =
  "a number of failures, or failures=<number> with some of within=<span>, share=<0-1>, open=<span>, of=<stream|lane>";

export function parseBreaker(text: string): BreakerOptions | undefined {
  const failures = parseWhole(text.trim());
  if (failures !== undefined) return { failures };
  const parts = parseParts<Partial<BreakerOptions>>(text, BREAKER_PARTS);
  return parts?.failures === undefined ? undefined : { ...parts, failures: parts.failures };
}

export function formatBreaker(breaker: BreakerOptions): string {
  return formatParts(breaker, BREAKER_PARTS);
}

function parseShare(text: string): number | undefined {
  return /^(?:0?\.\d{1,6}|[01])$/.test(text) ? Number(text) : undefined;
}

/** Reads parts with commas between them; nothing if one is unknown, twice there, or none. */
function parseParts<Value extends object>(
  text: string,
  known: Readonly<Record<string, Part>>,
): Value | undefined {
  const found = new Map<string, unknown>();
  for (const word of text.split(",")) {
    const [, name = "", value = ""] = /^\s*([a-z-]+)=(.*?)\s*$/.exec(word) ?? [];
    const part = Object.hasOwn(known, name) ? known[name] : undefined;
    const read = part?.read(value);
    if (part === undefined || read === undefined || found.has(part.option)) return undefined;
    found.set(part.option, read);
  }
  return Object.fromEntries(found) as Value;
}

function formatParts(value: object, known: Readonly<Record<string, Part>>): string {
  const values = value as Readonly<Record<string, never>>;
  return Object.entries(known).flatMap(([name, { option, write }]) => {
    const found = values[option];
    return found === undefined || found === null ? [] : [`${name}=${write(found)}`];
  }).join(",");
}
