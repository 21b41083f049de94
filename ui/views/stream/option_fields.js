/**
 * The options of a stream as fields. Only what is filled in, or changed, is sent.
 *
 * @module
 */

import { el } from "../../parts/element.js";
import { bytes, count, span } from "../../parts/format.js";
import { field, select, textInput } from "../../parts/form.js";

/** @typedef {{ name: string, label: string, hint: string, kind: "span" | "count" | "size" | "spans" | "flag" | "overflow" }} Option */

/** @type {Option[]} */
export const OPTIONS = [
  {
    name: "ackTimeoutMs",
    label: "Acknowledge within",
    hint: "How long a handler may have a message.",
    kind: "span",
  },
  {
    name: "maxDeliveries",
    label: "Deliveries at most",
    hint: "After the last one it is a dead letter.",
    kind: "count",
  },
  {
    name: "backoffMs",
    label: "Delays after failures",
    hint: "The first, the second …, apart by commas.",
    kind: "spans",
  },
  {
    name: "ttlMs",
    label: "Time to live",
    hint: "Of messages without one of their own; none: for ever.",
    kind: "span",
  },
  {
    name: "dedupWindowMs",
    label: "Dedup ids remembered",
    hint: "Another message with the same id is not stored.",
    kind: "span",
  },
  { name: "maxMessages", label: "Messages at most", hint: "none: no limit.", kind: "count" },
  {
    name: "maxBytes",
    label: "Size at most",
    hint: "Such as 100 MiB; none: no limit.",
    kind: "size",
  },
  { name: "overflow", label: "When it is full", hint: "", kind: "overflow" },
  { name: "deadLetter", label: "Keep failed messages", hint: "As dead letters.", kind: "flag" },
  {
    name: "deadLetterExpired",
    label: "Keep expired messages",
    hint: "As dead letters.",
    kind: "flag",
  },
];

const OVERFLOW = /** @type {[string, string][]} */ ([
  ["reject", "refuse new messages"],
  ["drop-oldest", "drop the oldest messages"],
]);

const UNITS = /** @type {Record<string, number>} */ ({
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
});
const SIZES =
  /** @type {Record<string, number>} */ ({ b: 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 });

/**
 * An option's value as people read it.
 *
 * @param {Option} option
 * @param {any} value
 */
export function writeOption({ kind }, value) {
  if (value === null) return "none";
  if (kind === "span") return span(value);
  if (kind === "spans") return value.map(span).join(", ");
  if (kind === "size") return bytes(value);
  if (kind === "count") return count(value);
  if (kind === "flag") return value ? "yes" : "no";
  return OVERFLOW.find(([name]) => name === value)?.[1] ?? String(value);
}

/**
 * Fields for options.
 *
 * @param {any} values The options in force; without them, empty fields.
 * @param {any} defaults
 */
export function optionFields(values, defaults) {
  const fields = OPTIONS.map((option) => {
    const input = makeInput(option, values?.[option.name]);
    const usual = defaults === undefined
      ? ""
      : ` Default: ${writeOption(option, defaults[option.name])}.`;
    return {
      option,
      input,
      before: input.value,
      element: field(option.label, input, `${option.hint}${usual}`.trim() || undefined),
    };
  });
  return {
    element: el("div", { class: "fields" }, fields.map(({ element }) => element)),
    /** Reads what was changed; throws with all mistakes at once. */
    read() {
      const changed = fields.filter(({ input, before }) => input.value.trim() !== before);
      const mistakes = /** @type {string[]} */ ([]);
      const entries = changed.map(({ option, input }) => {
        const value = readOption(option, input.value.trim());
        if (value === undefined) {
          mistakes.push(
            `${option.label}: ${JSON.stringify(input.value)} is not ${allowed(option)}`,
          );
        }
        return [option.name, value];
      });
      if (mistakes.length > 0) throw new Error(`Cannot read the options: ${mistakes.join("; ")}`);
      return Object.fromEntries(entries);
    },
  };
}

/**
 * @param {Option} option
 * @param {any} value
 */
function makeInput({ kind, name }, value) {
  const choices = kind === "flag"
    ? [["true", "yes"], ["false", "no"]]
    : kind === "overflow"
    ? OVERFLOW
    : undefined;
  if (choices === undefined) {
    return textInput({ name, value: value === undefined ? "" : writeExact(kind, value) });
  }
  const chosen = value === undefined ? "" : String(value);
  const empty = value === undefined ? [["", "default"]] : [];
  return select(/** @type {[string, string][]} */ ([...empty, ...choices]), chosen, { name });
}

/**
 * A value such that it is read back as it was.
 *
 * @param {string} kind
 * @param {any} value
 * @returns {string}
 */
function writeExact(kind, value) {
  if (value === null) return "none";
  if (kind === "spans") {
    return value.map((/** @type {number} */ one) => writeExact("span", one)).join(", ");
  }
  const units = kind === "span"
    ? UNITS
    : kind === "size"
    ? { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
    : { "": 1 };
  const fitting =
    Object.entries(units).filter(([, size]) => value % size === 0 && value >= size).at(-1) ??
      Object.entries(units)[0];
  return `${value / fitting[1]} ${fitting[0]}`.trim();
}

/**
 * @param {Option} option
 * @param {string} text
 * @returns {unknown} Nothing, if the text is a mistake.
 */
function readOption({ kind, name }, text) {
  if (kind === "flag") return text === "true";
  if (kind === "overflow") return text;
  if (kind === "spans") {
    const spans = text.split(",").map((part) => readMeasure(part, UNITS));
    return spans.includes(undefined) ? undefined : spans;
  }
  if (/^none$/i.test(text) && ["ttlMs", "maxMessages", "maxBytes"].includes(name)) return null;
  return readMeasure(text, kind === "span" ? UNITS : kind === "size" ? SIZES : {});
}

/**
 * Reads a number with an optional unit: `1.5 min`, `2 h 5 min`.
 *
 * @param {string} text
 * @param {Record<string, number>} units
 */
export function readMeasure(text, units) {
  if (!/^\s*(?:[\d.,]+\s*[a-z]*\s*)+$/i.test(text)) return undefined;
  let sum = 0;
  for (const [, digits, unit] of text.matchAll(/([\d.,]+)\s*([a-z]*)/gi)) {
    const size = unit === "" ? 1 : units[unit.toLowerCase()];
    const value = Number(digits.replaceAll(",", ""));
    if (size === undefined || Number.isNaN(value)) return undefined;
    sum += value * size;
  }
  return Math.round(sum);
}

/**
 * Reads a span of time; without a unit, milliseconds.
 *
 * @param {string} text
 */
export function readSpan(text) {
  return readMeasure(text, UNITS);
}

/** @param {Option} option */
function allowed({ kind }) {
  if (kind === "span") return "a time such as 30 s, 5 min, 2 h, 1 d";
  if (kind === "spans") return "a list of times such as 1 s, 5 s, 1 min";
  if (kind === "size") return "a size such as 100 MiB";
  return "a whole number";
}
