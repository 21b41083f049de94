/**
 * Quantities as people read them.
 *
 * @module
 */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Writes a number of bytes with the largest unit that leaves at least one: `512 B`, `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Writes a span of time with its two largest units: `250ms`, `3.2s`, `5m 3s`, `2h 5m`, `3d 4h`. */
export function formatSpan(ms: number): string {
  if (ms < SECOND_MS) return `${Math.round(ms)}ms`;
  if (ms < MINUTE_MS) return `${Number((ms / SECOND_MS).toFixed(1))}s`;
  if (ms < HOUR_MS) return joinUnits(ms, MINUTE_MS, "m", SECOND_MS, "s");
  if (ms < DAY_MS) return joinUnits(ms, HOUR_MS, "h", MINUTE_MS, "m");
  return joinUnits(ms, DAY_MS, "d", HOUR_MS, "h");
}

function joinUnits(
  ms: number,
  large: number,
  largeName: string,
  small: number,
  smallName: string,
): string {
  const count = Math.floor(ms / large);
  const rest = Math.floor((ms - count * large) / small);
  return `${count}${largeName}${rest === 0 ? "" : ` ${rest}${smallName}`}`;
}

const SPAN_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
};

/** Reads a span of time in milliseconds: `500ms`, `1.5s`, `10m`, `2h`, `7d`; a bare number is in milliseconds. */
export function parseSpan(text: string): number | undefined {
  const [, digits, unit = "ms"] = /^(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d)?$/.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  const ms = Number(digits) * SPAN_UNITS[unit]!;
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : undefined;
}

/** How spans are written, for messages about mistakes. */
export const SPAN_ALLOWED = "a span of time such as 500ms, 10s, 5m, 2h or 7d";

/** Writes a time as ISO 8601 to the second, in UTC. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** Writes a count with its noun: `1 message`, `2 messages`. */
export function say(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
