/**
 * Numbers, sizes, spans and times as people read them.
 *
 * @module
 */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const TENTH = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const HUNDREDTH = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DATE = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
const ZONE = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short", hour: "numeric" });

/** What stands for a figure that is not known. */
export const NONE = "–";

/**
 * A whole number with separators.
 *
 * @param {number | null | undefined} value
 */
export function count(value) {
  return value === undefined || value === null ? NONE : WHOLE.format(value);
}

/**
 * A count with its noun.
 *
 * @param {number} value
 * @param {string} noun
 * @param {string} [plural]
 */
export function counted(value, noun, plural = `${noun}s`) {
  return `${WHOLE.format(value)} ${value === 1 ? noun : plural}`;
}

/**
 * A number in few characters: `1.2K`.
 *
 * @param {number} value
 */
export function short(value) {
  return value < 10
    ? HUNDREDTH.format(value)
    : value < 1000
    ? TENTH.format(value)
    : SHORT.format(value);
}

/**
 * A rate per second, without its unit.
 *
 * @param {number | null | undefined} value
 */
export function rate(value) {
  if (value === undefined || value === null) return NONE;
  return value === 0 || value >= 100 ? WHOLE.format(value) : TENTH.format(value);
}

/**
 * A size: `1.5 KiB`.
 *
 * @param {number | null | undefined} value
 */
export function bytes(value) {
  if (value === undefined || value === null) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let left = value;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? WHOLE.format(left) : TENTH.format(left)} ${units[unit]}`;
}

/**
 * A latency in milliseconds: `1.25 ms`.
 *
 * @param {number | null | undefined} ms
 */
export function latency(ms) {
  if (ms === undefined || ms === null) return NONE;
  if (ms >= 10_000) return `${TENTH.format(ms / 1000)} s`;
  return `${ms >= 100 ? WHOLE.format(ms) : ms >= 10 ? TENTH.format(ms) : HUNDREDTH.format(ms)} ms`;
}

/** @type {[string, number][]} */
const SPANS = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]];

/**
 * A span of time in its two largest units: `2 h 5 min`.
 *
 * @param {number | null | undefined} ms
 */
export function span(ms) {
  if (ms === undefined || ms === null) return NONE;
  if (ms < 1000) return `${WHOLE.format(ms)} ms`;
  const index = SPANS.findIndex(([, size]) => ms >= size);
  const [unit, size] = SPANS[index];
  const first = Math.floor(ms / size);
  const next = SPANS[index + 1];
  if (next === undefined) return `${ms < 10_000 ? TENTH.format(ms / size) : first} ${unit}`;
  const second = Math.floor((ms - first * size) / next[1]);
  return second === 0 ? `${first} ${unit}` : `${first} ${unit} ${second} ${next[0]}`;
}

/**
 * A date and a time, in the zone of the reader: `2026-11-30 14:05:10 CET`.
 *
 * @param {number | null | undefined} ms
 */
export function time(ms) {
  return ms === undefined || ms === null ? NONE : `${DATE.format(ms)} ${zone(ms)}`;
}

/**
 * A date and a time without the zone, for columns whose head has it.
 *
 * @param {number | null | undefined} ms
 */
export function moment(ms) {
  return ms === undefined || ms === null ? NONE : DATE.format(ms);
}

/**
 * A time without its date: `14:05:10`.
 *
 * @param {number} ms
 */
export function clock(ms) {
  return CLOCK.format(ms);
}

/**
 * The name of the reader's zone: `CET`.
 *
 * @param {number} ms
 */
export function zone(ms) {
  return ZONE.formatToParts(ms).find(({ type }) => type === "timeZoneName")?.value ?? "UTC";
}
