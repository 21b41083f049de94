/**
 * The options of a stream as fields. Only what is filled in, or changed, is sent.
 *
 * @module
 */

import { el } from "../../parts/element.js";
import { bytes, count, span } from "../../parts/format.js";
import { field, select, textInput } from "../../parts/form.js";
import { GROUP_HEADS, OPTIONS } from "./option_list.js";

/** @typedef {import("./option_list.js").Option} Option */

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
 * The value of an option, or of a part of one; nothing if the whole is not there, or its default.
 *
 * @param {Option} option
 * @param {any} options
 */
export function valueOf({ group, name }, options) {
  if (options === undefined) return undefined;
  if (group === undefined) return options[name];
  const whole = options[group];
  const found = whole?.[name];
  if (found !== undefined && found !== null) return found;
  const isMissing = GROUP_HEADS[group] === undefined || GROUP_HEADS[group] === name;
  return isMissing ? null : undefined;
}

/**
 * An option's value as people read it.
 *
 * @param {Option} option
 * @param {any} value
 */
export function writeOption({ kind, choices = [] }, value) {
  if (value === null) return "none";
  if (value === undefined) return "";
  if (kind === "rate") return writeRate(value);
  if (kind === "share") return `${Math.round(value * 10_000) / 100} %`;
  if (kind === "span") return span(value);
  if (kind === "spans") return value.map(span).join(", ");
  if (kind === "size") return bytes(value);
  if (kind === "count") return count(value);
  if (kind === "flag") return value ? "yes" : "no";
  return choices.find(([name]) => name === value)?.[1] ?? String(value);
}

/** @param {{ count: number, perMs: number }} rate */
export function writeRate({ count: most, perMs }) {
  return `${count(most)} / ${writeExact("span", perMs)}`;
}

/**
 * Fields for options.
 *
 * @param {any} values The options in force; without them, empty fields.
 * @param {any} defaults
 */
export function optionFields(values, defaults) {
  const fields = OPTIONS.map((option) => {
    const input = makeInput(option, valueOf(option, values));
    const initial = defaults === undefined ? undefined : valueOf(option, defaults);
    const usual = initial === undefined ? "" : ` Default: ${writeOption(option, initial)}.`;
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
      const groups = new Set(changed.map(({ option }) => option.group));
      const mistakes = /** @type {string[]} */ ([]);
      const read = (/** @type {typeof fields[number]} */ { option, input }) => {
        const value = readOption(option, input.value.trim());
        if (value === undefined) {
          mistakes.push(
            `${option.label}: ${JSON.stringify(input.value)} is not ${allowed(option)}`,
          );
        }
        return value;
      };
      const entries = changed.filter(({ option }) => option.group === undefined)
        .map((one) => /** @type {[string, unknown]} */ ([one.option.name, read(one)]));
      for (const group of Object.keys(GROUP_HEADS)) {
        if (!groups.has(/** @type {any} */ (group))) continue;
        // An option of several parts is sent as a whole.
        const own = fields.filter(({ option, input }) =>
          option.group === group && input.value.trim() !== ""
        );
        entries.push([group, joinParts(group, own.map((one) => [one.option.name, read(one)]))]);
      }
      if (mistakes.length > 0) throw new Error(`Cannot read the options: ${mistakes.join("; ")}`);
      return Object.fromEntries(entries);
    },
  };
}

/**
 * Makes an option of its parts; `null` if what it needs is none.
 *
 * @param {string} group
 * @param {[string, unknown][]} parts
 */
function joinParts(group, parts) {
  const found = Object.fromEntries(parts.filter(([, value]) => value !== null));
  const head = GROUP_HEADS[group];
  const isThere = head === undefined ? Object.keys(found).length > 0 : found[head] !== undefined;
  return isThere ? found : null;
}

/**
 * @param {Option} option
 * @param {any} value
 */
function makeInput({ kind, name, group, choices: given }, value) {
  const choices = kind === "flag" ? [["true", "yes"], ["false", "no"]] : given;
  if (choices === undefined) {
    const full = group === undefined ? name : `${group}.${name}`;
    return textInput({ name: full, value: value === undefined ? "" : writeExact(kind, value) });
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
  if (kind === "rate") return writeRate(value);
  if (kind === "share") return `${value * 100} %`;
  if (kind === "text") return value;
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
function readOption({ kind, mayBeNone = false }, text) {
  if (mayBeNone && /^none$/i.test(text)) return null;
  if (kind === "flag") return text === "true";
  if (kind === "choice" || kind === "text") return text;
  if (kind === "rate") return readRate(text);
  if (kind === "share") return readShare(text);
  if (kind === "spans") {
    const spans = text.split(",").map((part) => readMeasure(part, UNITS));
    return spans.includes(undefined) ? undefined : spans;
  }
  return readMeasure(text, kind === "span" ? UNITS : kind === "size" ? SIZES : {});
}

/**
 * Reads a rate: `10 / 1 s`, `10/s`.
 *
 * @param {string} text
 */
export function readRate(text) {
  const [, number = "", time = ""] = /^([\d,]+)\s*\/\s*(.+)$/.exec(text) ?? [];
  const most = readMeasure(number, {});
  const perMs = readMeasure(/^\d/.test(time) ? time : `1 ${time}`, UNITS);
  return most === undefined || perMs === undefined ? undefined : { count: most, perMs };
}

/**
 * Reads a share: `50 %`, `0.5`.
 *
 * @param {string} text
 */
export function readShare(text) {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return percent === "%" ? Number(digits) / 100 : Number(digits);
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
  if (kind === "rate") return "a number in a time such as 10 / 1 s";
  if (kind === "share") return "a share such as 50 %";
  return "a whole number";
}
